"""What the HTTP protocols (v2, v1, SOAP) share: connections, one call, how far it got, caps."""

from __future__ import annotations

__all__ = ()
