"""A request of any HTTP protocol, read whole, and what is answered to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from sms_traffic_async.sandbox.effects import Drop, GzipBomb, Latency, ProxyPage, ServerError, Temporary, Throttle
from sms_traffic_async.sandbox.faults import Injected
from sms_traffic_async.sandbox.http_breakage import HTML, JSON, Headers, gzip_bomb, page, retry_after_header
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.rates import retry_after

__all__ = ("Answer", "Call", "HttpRoom", "Interrupted", "Receive", "Scope", "Send", "too_many_requests")

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class Answer:
    """What goes back. ``stream`` is for bodies that must not lie in memory; it needs ``length``."""

    status: int
    body: bytes = b""
    headers: Headers = JSON
    stream: Iterable[bytes] | None = None
    length: int | None = None


def too_many_requests(retry_after: str | None) -> Answer:
    """HTTP 429 of a server in front of a protocol that knows none itself."""
    return Answer(429, b"Too Many Requests", HTML + retry_after_header(retry_after))


class Interrupted(Exception):
    """A fault ended the request before it was processed; ``None`` is an answer that never comes."""

    def __init__(self, answer: Answer | None, *, rst: bool = False) -> None:
        super().__init__()
        self.answer = answer
        self.rst = rst


class Call:
    """One request, read whole."""

    __slots__ = (
        "at",
        "body",
        "effects",
        "headers",
        "ip",
        "method",
        "node",
        "operation",
        "parsed",
        "passed",
        "path",
        "platform",
        "query",
        "receive",
        "request_id",
        "room",
    )

    def __init__(
        self, scope: Scope, body: bytes, room: HttpRoom, node: int, platform: Platform, receive: Receive
    ) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.ip: str = scope["client"][0] if scope["client"] else ""
        self.body: bytes = body
        self.room: HttpRoom = room
        self.node: int = node
        self.platform: Platform = platform
        self.receive: Receive = receive
        self.at: float = platform.clock.now()
        self.request_id: str = platform.store.new_request_id()
        self.effects: tuple[Injected, ...] = ()
        self.passed: bool = False
        self.parsed: Any = None
        """What the room read of the request while it looked for the operation."""
        self.operation: str = ""
        self.operation = room.operation(self)

    def header(self, name: bytes) -> str:
        """A header's value; empty if it is not there."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return ""

    def finding(self, field: str, problem: str, *, refused: bool = False) -> None:
        """Write down what this request has wrong."""
        self.platform.findings.add(
            field,
            problem,
            protocol=self.room.protocol,
            operation=self.operation,
            node=self.node,
            request_id=self.request_id,
            refused=refused,
        )

    async def gate(self) -> None:
        """The point before acceptance: faults that come before it happen here.

        Raises:
            Interrupted: the request is not to be processed.
        """
        self.passed = True
        for effect, chance in self.effects:
            if effect.when != "before":
                continue
            if isinstance(effect, Latency):
                await self.platform.clock.sleep(effect.seconds + effect.jitter * chance)
            elif isinstance(effect, Drop):
                raise Interrupted(None, rst=effect.how == "rst")
            elif not isinstance(effect, Throttle):
                raise Interrupted(self.broken(effect))

    def broken(self, effect: object) -> Answer:
        """The answer that a fault gives in place of the room's own."""
        now = self.platform.clock.now()
        switches = self.platform.switches
        if isinstance(effect, Temporary):
            return self.room.temporary(self)
        if isinstance(effect, Throttle):
            return self.room.throttled(retry_after(effect.form or switches.retry_after, effect.retry_after, now))
        if isinstance(effect, ServerError):
            delay = effect.retry_after
            value = None if delay is None else retry_after(effect.form or switches.retry_after, delay, now)
            return Answer(effect.status, page(str(effect.status)), HTML + retry_after_header(value))
        if isinstance(effect, ProxyPage):
            return Answer(effect.status, page("Sign in to the network"), HTML)
        if isinstance(effect, GzipBomb):
            return Answer(200, gzip_bomb(effect.size), (*JSON, (b"content-encoding", b"gzip")))
        return Answer(200, b"\x00\xff\xfe{{{ not what was promised", JSON)  # Garbage


class HttpRoom(Protocol):
    """One protocol over HTTP."""

    @property
    def protocol(self) -> str:
        """Its name in logs and rules: ``v2``."""
        ...

    def operation(self, call: Call) -> str:
        """The operation's name in rules and logs; empty if there is none. Called once, before any fault."""
        ...

    async def handle(self, call: Call) -> Answer:
        """Answer; awaits ``call.gate()`` before anything is accepted."""
        ...

    def throttled(self, retry_after: str | None) -> Answer:
        """Too many requests, in this protocol's words."""
        ...

    def temporary(self, call: Call) -> Answer:
        """Code 1000, in this protocol's words."""
        ...
