"""The paths under which pushes are received, the same in every framework.

``/statuses``, ``/inbound``, ``/short-number``, and the bare mount, where the
content tells what it is. The secret follows as the last segment of the path, or
comes as ``?secret=``.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from sms_traffic_async.protocols.pushes import PushKind

__all__ = ("KINDS", "METHODS", "SEGMENTS", "find_route", "secrets_in")

KINDS: Mapping[str, PushKind] = {"statuses": "statuses", "inbound": "inbound", "short-number": "short_number"}
"""What each path is for."""

SEGMENTS: Mapping[str, PushKind | None] = {**{f"/{name}": kind for name, kind in KINDS.items()}, "": None}
"""The same, for a router: what follows the mount; the last one is for any push."""

METHODS: Mapping[PushKind | None, tuple[str, ...]] = {
    "statuses": ("POST",),
    "inbound": ("GET", "POST"),
    "short_number": ("GET", "POST"),
    None: ("GET", "POST"),
}
"""How each is called (document)."""

_PARAMETER = b"secret="
_MOST = 64


def find_route(path: str) -> tuple[PushKind | None, str | None] | None:
    """What a path below the mount is for, and the secret in it; ``None`` if there is no such path."""
    match [segment for segment in path.split("/", 8) if segment]:
        case []:
            return None, None
        case [name] if name in KINDS:
            return KINDS[name], None
        case [secret]:
            return None, secret
        case [name, secret] if name in KINDS:
            return KINDS[name], secret
        case _:
            return None


def secrets_in(query: bytes, of_path: str | None) -> tuple[str, ...]:
    """Every secret a call gives: in its path, and in its query however often."""
    given = (piece for piece in query.split(b"&", _MOST)[:_MOST] if piece.startswith(_PARAMETER))
    of_query = (unquote_to_bytes(piece[len(_PARAMETER) :]).decode("utf-8", "replace") for piece in given)
    return (*(() if of_path is None else (of_path,)), *of_query)
