"""What has to outlive the process, on this machine's disk."""

from __future__ import annotations

__all__ = ()
