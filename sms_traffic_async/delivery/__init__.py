"""What happens after the send: who asks the platform, and who is told."""

from __future__ import annotations

__all__ = ()
