"""``Receiver``: takes the platform's pushes, whatever framework carried them.

What is answered, and why:

========================================  ======  ==========================================
push                                      answer  because
========================================  ======  ==========================================
taken, repeated, or set aside as bad      200     anything else slows down all statuses
the handler raised or took too long       503     the platform repeats it (``desks``)
wrong or missing secret, network,         404     a stranger learns nothing
short-number password; no such path
other method                              405
body too slow / too long / compressed     408,
                                          413,
                                          415
too many calls at once                    503
========================================  ======  ==========================================
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.complaints import Complaints
from sms_traffic_async.protocols.pushes import BadItem, InboundPush, PushKind, StatusPush
from sms_traffic_async.secrets import Secret
from sms_traffic_async.telemetry import Stats, Telemetry, get_logger
from sms_traffic_async.webhooks.desks import (
    InboundDesk,
    InboundHandler,
    ShortNumberHandler,
    StatusDesk,
    StatusHandler,
    Surroundings,
)
from sms_traffic_async.webhooks.exchange import Incoming, NotTaken, Reply, once, used_headers
from sms_traffic_async.webhooks.gate import Gate, hidden
from sms_traffic_async.webhooks.options import WebhookOptions
from sms_traffic_async.webhooks.reader import BUSY, Push, Reader
from sms_traffic_async.webhooks.routes import secrets_in

__all__ = ("PushReceived", "Quarantine", "Receiver")

Quarantine: TypeAlias = Callable[[Sequence[BadItem]], Awaitable[object]]

_NO_CONTENT = 204


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReceived:
    """An event: one push was answered.

    Attributes:
        kind: what it was.
        status: the HTTP status of the answer.
        items: statuses or messages in it that could be read.
        bad: items that were set aside.
        seconds: from the first byte to the answer.
    """

    kind: PushKind | None
    status: int
    items: int
    bad: int
    seconds: float


class Receiver:
    """Checks, reads, hands over and answers pushes.

    Made anywhere, without a loop; owns no task, so there is nothing to close.

    Args:
        secret: what the URL you registered with the platform carries, or
            several while you change it: ``secrets.token_urlsafe(24)``. ``None``
            lets everybody in: on your own machine, or with ``networks``.
        statuses: called with the statuses of a push; takes responsibility by
            returning. Store them and return: slow work belongs elsewhere.
            Raising means that they are not taken (``NotTaken``: not now).
        inbound: called with a subscriber's message.
        short_number: called with a message to a short number; what it returns
            is sent to the subscriber. Without it ``inbound`` gets those too.
        quarantine: called with what could not be used.
        options: bounds and further checks.
        telemetry: counters and hooks; a session hands in its own.
        clock: for tests.

    Raises:
        ConfigurationError: a bad secret or option.
    """

    def __init__(
        self,
        *,
        secret: Secret | str | Iterable[Secret | str] | None,
        statuses: StatusHandler | None = None,
        inbound: InboundHandler | None = None,
        short_number: ShortNumberHandler | None = None,
        quarantine: Quarantine | None = None,
        options: WebhookOptions | None = None,
        telemetry: Telemetry | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._options = options or WebhookOptions()
        secret = hidden(secret)
        self._gate = Gate(secret, self._options)
        self._telemetry = telemetry or Telemetry()
        self._clock = clock
        self._complaints = Complaints(get_logger("webhooks"), clock.monotonic)
        self._reader = Reader(self._gate, self._options, self.stats, self._complaints, clock)
        self._quarantine = quarantine
        around = Surroundings(
            options=self._options,
            stats=self.stats,
            complaints=self._complaints,
            now=clock.monotonic,
            set_aside=self._set_aside,
            telemetry=self._telemetry,
        )
        self._statuses = statuses and StatusDesk(statuses, around)
        self._inbound = InboundDesk(inbound, short_number, around)
        self._requests = 0

    @property
    def options(self) -> WebhookOptions:
        """The options."""
        return self._options

    @property
    def gate(self) -> Gate:
        """Who may come in."""
        return self._gate

    @property
    def stats(self) -> Stats:
        """Counters, ``webhooks.…``."""
        return self._telemetry.stats

    async def status(
        self, body: bytes, headers: Mapping[str, str], peer: str | None, *, secret: str | None = None
    ) -> Reply:
        """A status push (JSON or form) that another framework received.

        Args:
            body: the octets.
            headers: any mapping of names to values.
            peer: the address at the other end of the connection.
            secret: what the URL had.

        Cancellation: what the handler was dealing with does not count as taken.
        """
        return await self.push(body, headers, peer, secret=secret, kind="statuses")

    async def inbound(
        self,
        body: bytes,
        headers: Mapping[str, str],
        peer: str | None,
        *,
        secret: str | None = None,
        query: bytes = b"",
    ) -> Reply:
        """An inbound message that another framework received; ``query`` for a GET. See ``status``."""
        return await self.push(body, headers, peer, secret=secret, kind="inbound", query=query)

    async def short_number(
        self,
        body: bytes,
        headers: Mapping[str, str],
        peer: str | None,
        *,
        secret: str | None = None,
        query: bytes = b"",
    ) -> Reply:
        """A message to a short number that another framework received; ``query`` for a GET. See ``status``."""
        return await self.push(body, headers, peer, secret=secret, kind="short_number", query=query)

    async def push(
        self,
        body: bytes,
        headers: Mapping[str, str],
        peer: str | None,
        *,
        secret: str | None = None,
        query: bytes = b"",
        kind: PushKind | None = None,
    ) -> Reply:
        """Any push that another framework received; the content tells which, unless ``kind`` does. See ``status``."""
        incoming = Incoming(
            kind=kind,
            secrets=secrets_in(query, secret),
            method="POST",
            query=query,
            headers=used_headers(headers.items()),
            peer=peer,
            chunks=once(body),
        )
        return await self.serve(incoming)

    async def serve(self, incoming: Incoming) -> Reply:
        """A call whose body is not read yet; what the adapters use.

        Raises:
            Disconnected: the caller went away; nobody waits for an answer.

        Cancellation: see ``status``.
        """
        begun = self._clock.monotonic()
        reply, kind, items, bad = await self._serve(incoming)
        seconds = self._clock.monotonic() - begun
        self._telemetry.emit(PushReceived(kind=kind, status=reply.status, items=items, bad=bad, seconds=seconds))
        return reply

    async def statuses_of(self, incoming: Incoming) -> StatusPush | Reply:
        """The statuses of a call after every check, or what to answer; nothing is handed over.

        What is bad in it is set aside already.
        """
        push = await self._alone(incoming)
        if isinstance(push, Reply):
            return push
        if not isinstance(push, StatusPush):
            push = StatusPush(bad=(push,) if isinstance(push, BadItem) else ())
        await self._set_aside(push.bad)
        return push

    async def message_of(self, incoming: Incoming) -> InboundPush | Reply | None:
        """The message of a call after every check, or what to answer; nothing is handed over.

        ``None``: there is none that can be read; answer 200 with an empty body.
        """
        push = await self._alone(incoming)
        if isinstance(push, BadItem):
            await self._set_aside((push,))
        return push if isinstance(push, InboundPush | Reply) else None

    # --- inside

    async def _alone(self, incoming: Incoming) -> Push | Reply:
        refusal = self._reader.refusal(incoming, _everything)
        return await self._reader.read(incoming, _everything) if refusal is None else refusal

    async def _serve(self, incoming: Incoming) -> _Outcome:
        reply = self._reader.refusal(incoming, self._serves)
        if reply is None and self._requests >= self._options.max_requests:
            self.stats.count("webhooks.overloaded")
            reply = BUSY
        if reply is not None:
            return reply, incoming.kind, 0, 0
        self._requests += 1
        try:
            return await self._take(await self._reader.read(incoming, self._serves), incoming.kind)
        finally:
            self._requests -= 1

    def _serves(self, kind: PushKind) -> bool:
        return self._statuses is not None if kind == "statuses" else self._inbound.serves(kind)

    async def _take(self, push: Push | Reply, kind: PushKind | None) -> _Outcome:
        if isinstance(push, Reply):
            return push, kind, 0, 0
        if isinstance(push, StatusPush):
            return await self._take_statuses(push)
        if isinstance(push, InboundPush):
            return await self._take_message(push)
        bad = () if push is None else (push,)
        await self._set_aside(bad)
        return Reply(status=200), kind if push is None else push.kind, 0, len(bad)

    async def _take_statuses(self, push: StatusPush) -> _Outcome:
        taken, aside = True, 0
        if push.updates and self._statuses is not None:
            try:
                # A push may wait for others about the same messages, is offered whole, then one by one.
                async with asyncio.timeout(3 * self._options.handler_timeout):
                    taken, aside = await self._statuses.take(push.updates)
            except (TimeoutError, NotTaken):
                taken = False
        # What cannot be read comes again with the rest of a push that is not taken.
        bad = push.bad if taken else ()
        await self._set_aside(bad)
        status = self._options.status_reply
        done = Reply(status=status, content_type=None) if status == _NO_CONTENT else Reply(status=status)
        return done if taken else BUSY, "statuses", len(push.updates), len(bad) + aside

    async def _take_message(self, push: InboundPush) -> _Outcome:
        answer, aside = None, 0
        try:
            async with asyncio.timeout(3 * self._options.handler_timeout):
                answer, aside = await self._inbound.take(push)
        except (TimeoutError, NotTaken):
            answer = None
        if answer is None:
            return BUSY, push.kind, 1, 0
        # Exactly 200, and the reply without any markup (document, "Короткий номер").
        reply = Reply(status=200, body=answer[0], content_type=f"text/plain; charset={answer[1]}")
        return reply, push.kind, 1, aside

    async def _set_aside(self, bad: Sequence[BadItem]) -> bool:
        """Hand bad items to the quarantine, if there is one; whether that went well."""
        if not bad:
            return True
        self.stats.count("webhooks.bad_items", len(bad))
        self._complaints.about("something in a push was set aside: %s", bad[0].reason)
        if self._quarantine is None:
            return True
        try:
            async with asyncio.timeout(self._options.handler_timeout):
                await self._quarantine(tuple(bad))
        except Exception as error:  # noqa: BLE001 - an application's fault must not break the receiver
            self.stats.count("webhooks.quarantine_failures")
            self._complaints.about("the quarantine handler failed: %s", type(error).__name__)
            return False
        return True


_Outcome: TypeAlias = tuple[Reply, PushKind | None, int, int]


def _everything(_kind: PushKind) -> bool:
    return True
