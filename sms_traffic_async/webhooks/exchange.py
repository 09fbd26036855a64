"""One call and its answer, whatever framework carried it."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field

from sms_traffic_async.protocols.pushes import PushKind

__all__ = ("Disconnected", "Incoming", "NotTaken", "Reply", "once", "used_headers")

_USED = ("content-type", "content-length", "content-encoding", "x-forwarded-for")


class Disconnected(Exception):
    """The caller went away before its body was whole; nobody waits for an answer."""


class NotTaken(Exception):
    """Raised by a handler: not now, send it again. No fault of the push, so nothing of it is ever set aside for it."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Incoming:
    """A call, before its body is read.

    Attributes:
        kind: what the path says it is; ``None`` where the content tells.
        secrets: what the path and the query give as the secret.
        method: such as ``POST``.
        query: the octets behind ``?``.
        headers: by lower-case name; see ``used_headers``.
        peer: the address at the other end; ``None`` on a Unix socket.
        chunks: the body. May raise ``Disconnected``.
    """

    kind: PushKind | None
    secrets: tuple[str, ...]
    method: str
    query: bytes
    headers: Mapping[str, str]
    peer: str | None
    chunks: AsyncIterable[bytes]

    def __repr__(self) -> str:
        return f"Incoming(kind={self.kind!r}, method={self.method!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to answer, to the octet: the platform hands a body on to the subscriber as it is.

    Attributes:
        status: the HTTP status.
        body: the octets.
        content_type: of the body; ``None`` with 204.
        headers: further headers.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: str | None = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def all_headers(self) -> dict[str, str]:
        """The headers with the type, without the length."""
        kind = {} if self.content_type is None else {"content-type": self.content_type}
        return {**kind, **self.headers}


def used_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers that matter here, by lower-case name; lines of the same name are joined as HTTP says."""
    found: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        if key in _USED:
            found[key] = f"{found[key]}, {value}" if key in found else value
    return found


async def once(body: bytes) -> AsyncIterator[bytes]:
    """A body that is there already."""
    yield body
