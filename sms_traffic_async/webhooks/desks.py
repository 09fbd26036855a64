"""Handing pushes over to the application: once, in order, and until it has taken them.

Rules:

1. A push is answered 200 only after its handler returned. A handler that raises
   or takes too long has not taken it: the answer is 503, and the platform
   sends it again. One that has no room just now raises `NotTaken`.
2. Of a push with several statuses the handler may refuse one: then it is called
   for each alone, so that the others are taken at once. Those are not handed
   over again when the platform repeats the push.
3. An item over which the handler failed ``handler_attempts`` times, while it took
   others, is set aside and answered 200: the platform would slow down
   everything else for its sake (document: "временно недоступный"). Where there
   is a quarantine it has to take the item first.
4. Two calls about one message wait for each other: the second then sees what the
   first came to. So a repeat that arrives meanwhile is never answered 200 for
   something that was not taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from sms_traffic_async.complaints import Complaints
from sms_traffic_async.messages import InboundMessage, StatusUpdate
from sms_traffic_async.processing import processing
from sms_traffic_async.protocols.pushes import BadItem, InboundPush, PushKind, encode_reply
from sms_traffic_async.telemetry import Stats, Telemetry
from sms_traffic_async.webhooks.exchange import NotTaken
from sms_traffic_async.webhooks.memory import Failures, Replies, Statuses
from sms_traffic_async.webhooks.options import WebhookOptions

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = (
    "InboundDesk",
    "InboundHandler",
    "ShortNumberHandler",
    "StatusDesk",
    "StatusHandler",
    "Surroundings",
    "UnderWay",
)

T = TypeVar("T")

StatusHandler: TypeAlias = Callable[[Sequence[StatusUpdate]], Awaitable[object]]
InboundHandler: TypeAlias = Callable[[InboundMessage], Awaitable[object]]
ShortNumberHandler: TypeAlias = Callable[[InboundMessage], Awaitable[str | None]]

REPLY_MAX = 17_085
"""Characters: the longest text the platform sends (document, ``message``)."""
_HOPELESS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerFailed:
    """An event: a handler of yours raised, or took too long.

    Attributes:
        kind: which one.
        error: what it raised. The log has its type only; it may quote what your handler was given.
    """

    kind: PushKind
    error: Exception = field(repr=False)


class UnderWay:
    """Keys that a call is dealing with now; who comes second waits."""

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        self._ends: dict[Hashable, asyncio.Event] = {}

    def __len__(self) -> int:
        return len(self._ends)

    async def wait(self, keys: Iterable[Hashable]) -> None:
        """Until nobody deals with any of them. No ``await`` may stand between this and ``claim``."""
        while True:
            busy = next((end for key in keys if (end := self._ends.get(key)) is not None), None)
            if busy is None:
                return
            await busy.wait()

    @contextmanager
    def claim(self, keys: Iterable[Hashable]) -> Generator[None]:
        """Deal with these while the block lasts."""
        end = asyncio.Event()
        claimed = dict.fromkeys(keys, end)
        self._ends.update(claimed)
        try:
            yield
        finally:
            for key in claimed:
                del self._ends[key]
            end.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a desk works with.

    Attributes:
        options: bounds.
        stats: counters.
        complaints: where failures are told.
        now: seconds that never go back.
        set_aside: takes bad items; whether it could.
        telemetry: takes events.
    """

    options: WebhookOptions
    stats: Stats
    complaints: Complaints
    now: Callable[[], float]
    set_aside: Callable[[Sequence[BadItem]], Awaitable[bool]]
    telemetry: Telemetry


class _Desk:
    """What both have: one call of a handler, bounded in time, and the judgement of what it fails over."""

    def __init__(self, around: Surroundings) -> None:
        self._options = around.options
        self._stats = around.stats
        self._complaints = around.complaints
        self._around = around
        self._failures = Failures(around.options.handler_attempts, around.options.handler_patience)
        self._under_way = UnderWay()

    async def _call(
        self,
        kind: PushKind,
        handler: Callable[[T], Awaitable[object]],
        value: T,
        seconds: float,
        ids: Sequence[str | None] = (None,),
    ) -> tuple[bool, object]:
        """Whether the handler took it, and what it returned.

        Raises:
            NotTaken: the handler does not take anything now.
        """
        around = self._around
        try:
            with processing(around.telemetry, around.now, kind, "webhook", ids):
                async with asyncio.timeout(seconds):
                    returned = await handler(value)
        except NotTaken:
            self._stats.count("webhooks.not_taken")
            raise
        except Exception as error:  # noqa: BLE001 - an application's fault must not break the receiver
            self._stats.count("webhooks.handler_failures")
            self._complaints.about("a handler of pushes failed: %s", type(error).__name__)
            self._around.telemetry.emit(HandlerFailed(kind=kind, error=error))
            return False, None
        self._failures.taken += 1
        return True, returned

    async def _blamed(self, kind: PushKind, key: Hashable, value: StatusUpdate | InboundMessage, taken: int) -> bool:
        """Whether an item that the handler failed over is to blame, and was set aside."""
        if not self._failures.failed(key, taken=taken, now=self._around.now()):
            return False
        bad = BadItem(kind=kind, reason="the handler failed over it every time", raw=value)
        if not await self._around.set_aside((bad,)):
            return False
        self._failures.forget(key)
        return True


class StatusDesk(_Desk):
    """Hands statuses over.

    Args:
        handler: the application's.
        around: what it works with.
    """

    def __init__(self, handler: StatusHandler, around: Surroundings) -> None:
        super().__init__(around)
        self._handler = handler
        self._statuses = Statuses(around.options.remembered) if around.options.ordered else None

    async def take(self, updates: Sequence[StatusUpdate]) -> tuple[bool, int]:
        """Hand the news among them over.

        Returns:
            Whether the push may be answered 200, and how many were set aside.

        Raises:
            NotTaken: the handler says so.

        Cancellation: nothing of what the handler was dealing with counts as taken.
        """
        ids = {update.message_id for update in updates}
        await self._under_way.wait(ids)
        with self._under_way.claim(ids):
            return await self._hand_over(self._news(updates))

    def _news(self, updates: Sequence[StatusUpdate]) -> Sequence[StatusUpdate]:
        if self._statuses is None:
            return updates
        news, others = self._statuses.news(updates)
        for step, count in others.items():
            self._stats.count(f"webhooks.statuses_{step.value}", count)
        return news

    async def _hand_over(self, news: Sequence[StatusUpdate]) -> tuple[bool, int]:
        before = self._failures.taken
        if not news or await self._offer(news, self._options.handler_timeout):
            return True, 0
        failed, untried = (news, 0) if len(news) == 1 else await self._one_by_one(news)
        aside = 0
        for update in failed:
            if await self._blamed("statuses", (update.message_id, str(update.status)), update, before):
                self._remember((update,))
                aside += 1
        return not untried and aside == len(failed), aside

    async def _one_by_one(self, news: Sequence[StatusUpdate]) -> tuple[list[StatusUpdate], int]:
        """Each alone; those that failed, and how many were not tried because all of the first ones did."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._options.handler_timeout
        failed: list[StatusUpdate] = []
        for done, update in enumerate(news):
            if len(failed) == done >= _HOPELESS or loop.time() >= end:
                return failed, len(news) - done
            if not await self._offer((update,), end - loop.time()):
                failed.append(update)
        return failed, 0

    async def _offer(self, updates: Sequence[StatusUpdate], seconds: float) -> bool:
        taken, _ = await self._call(
            "statuses", self._handler, tuple(updates), seconds, [update.message_id for update in updates]
        )
        if taken:
            self._remember(updates)
            self._stats.count("webhooks.statuses", len(updates))
        return taken

    def _remember(self, updates: Sequence[StatusUpdate]) -> None:
        if self._statuses is not None:
            self._statuses.remember(updates)


class InboundDesk(_Desk):
    """Hands subscribers' messages over, and gives a repeated one the reply of the first.

    Args:
        inbound: the application's handler of inbound messages.
        short_number: the one that answers; without it ``inbound`` gets those too.
        around: what it works with.
    """

    def __init__(
        self, inbound: InboundHandler | None, short_number: ShortNumberHandler | None, around: Surroundings
    ) -> None:
        super().__init__(around)
        self._inbound = inbound
        self._short_number = short_number
        self._replies = Replies(around.options.remembered_replies)

    def serves(self, kind: PushKind) -> bool:
        """Whether there is a handler."""
        if kind == "short_number":
            return (self._short_number or self._inbound) is not None
        return self._inbound is not None

    async def take(self, push: InboundPush) -> tuple[tuple[bytes, str] | None, int]:
        """Hand a message over.

        Returns:
            The reply and its charset, ``None`` if it was not taken; and how many
            were set aside.

        Raises:
            NotTaken: the handler says so.

        Cancellation: it does not count as taken.
        """
        message = push.message
        if message.message_id is None:
            return await self._answer(push, None)
        key = (push.kind, message.short_number, message.message_id)
        await self._under_way.wait((key,))
        known = self._replies.get(key)
        if known is not None:
            self._stats.count("webhooks.inbound_repeated")
            return known, 0
        with self._under_way.claim((key,)):
            return await self._answer(push, key)

    async def _answer(
        self, push: InboundPush, key: tuple[str | None, ...] | None
    ) -> tuple[tuple[bytes, str] | None, int]:
        message, aside = push.message, 0
        replying = self._short_number if push.kind == "short_number" else None
        handler = replying or self._inbound
        assert handler is not None  # noqa: S101 - the receiver asked ``serves`` before
        before = self._failures.taken
        taken, returned = await self._call(push.kind, handler, message, self._options.handler_timeout)
        if taken:
            self._stats.count("webhooks.inbound")
            # What an inbound handler returns is its own business.
            text = self._options.inbound_reply if replying is None else returned
        else:
            # Without an id: the hash, so that no text is kept.
            item = key or hash((message.sender, message.text))
            if not await self._blamed(push.kind, item, message, before):
                return None, 0
            text, aside = "", 1
        reply = (self._encode(text, push), push.charset)
        if key is not None:
            self._replies.remember(key, *reply)
        return reply, aside

    def _encode(self, text: object, push: InboundPush) -> bytes:
        if not isinstance(text, str):
            if text is not None:
                self._complaints.about("a handler of a short number returns str or None, not %s", type(text).__name__)
            return b""
        if len(text) > REPLY_MAX:
            self._complaints.about("a reply to a short number was cut to %s characters", REPLY_MAX)
        octets, lost = encode_reply(text[:REPLY_MAX], push.charset)
        if lost:
            self._stats.count("webhooks.reply_characters_lost", lost)
            self._complaints.about("a reply has characters that %s does not have", push.charset)
        return octets
