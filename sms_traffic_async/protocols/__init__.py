"""The five protocols of the platform: one folder for each, with the same modules in each.

``wire`` turns values into bytes and back and does no I/O; ``client`` is what a
caller awaits. ``http`` holds what the HTTP protocols share.
"""

from __future__ import annotations

__all__ = ()
