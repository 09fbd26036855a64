"""A batch under way: one request, or several after the platform refused it as a whole.

Rules
-----
1. Who is in a request is settled when it is made. Somebody who leaves before it
   is written is left out, and the others go on in a request of their own; after
   that the request stays as it is, and the one who left is told "unknown".
2. A batch that we formed and that is refused for one of its messages is halved
   until the culprit stands alone; the others are sent as if it had not been there.
3. Every message gets its outcome, whatever ends the flight.
"""

from __future__ import annotations

import asyncio
import copy
import enum
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from sms_traffic_async.errors import SendError
from sms_traffic_async.protocols.http.record import Outcome
from sms_traffic_async.protocols.lanes import Lane
from sms_traffic_async.telemetry import CALLS

__all__ = ("Changed", "Delivery", "Ending", "Flight", "Item", "Leaving", "Numbered", "Slot", "halves")

Leaving: TypeAlias = Literal["expired", "overloaded", "closed"]
"""Why a message is not waited for any more; see ``NotSent.reason``."""


class Changed(Exception):
    """Raised inside a delivery: somebody left before the request was written, so it is made anew."""


class Ending(enum.Enum):
    """How one request of a flight ended."""

    SETTLED = "settled"
    """Every message has its outcome."""
    REFUSED = "refused"
    """As a whole, for one message of it; no message has an outcome."""
    CHANGED = "changed"
    """Somebody left before it was written; the others have no outcome."""


class Delivery(Protocol):
    """One request on its way."""

    ending: Ending
    description: str
    """The platform's words of a refusal."""

    async def run(self) -> tuple[Outcome, ...]:
        """Send it; the outcome of each message, in order, if it ended ``SETTLED``."""
        ...

    def interrupted(self) -> tuple[Outcome, ...]:
        """What is known after ``run`` was cancelled."""
        ...

    @property
    def may_be_taken(self) -> bool:
        """Whether it is being written, or was, and nobody knows yet."""
        ...

    def leave(self, place: int, why: Leaving) -> SendError:
        """A message is not waited for any more: what is known of it now."""
        ...


class Item:
    """One message and its caller.

    Attributes:
        group: messages of equal groups may share a request.
        lane: where it waits.
        to: the number.
        parts: estimated parts.
        limit: monotonic seconds; nothing of it is begun after that.
        deadline: monotonic seconds; it is waited for until then.
        outcome: what became of it; ``None`` until that is known.
        waiter: what the caller awaits.
        delivery: the request it is in.
        place: where in that.
        calls: the numbers of the sends that it is of.
        task: the caller's.
    """

    __slots__ = ("alarm", "calls", "deadline", "delivery", "failure", "group", "lane", "limit", "outcome", "parts",
                 "place", "quit", "task", "to", "waiter")  # fmt: skip

    def __init__(self, group: Hashable, to: str, parts: int, *, lane: Lane, limit: float, deadline: float) -> None:
        self.group: Hashable = group
        self.lane: Lane = lane
        self.to: str = to
        self.parts: int = parts
        self.limit: float = limit
        self.deadline: float = deadline
        self.alarm: float | None = None
        self.outcome: Outcome | None = None
        self.failure: Exception | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.delivery: Delivery | None = None
        self.place: int = 0
        self.calls: tuple[int, ...] = CALLS.get()
        self.task: asyncio.Task[Any] | None = None
        self.quit: Callable[[Any, Leaving], None] | None = None

    def interrupt(self) -> None:
        """The session is closed, or a ``send_many`` is left: the outcome is what is known now (see ``Life``)."""
        if self.quit is not None:
            self.quit(self, "closed")

    @property
    def over(self) -> bool:
        """Whether it has its outcome."""
        return self.outcome is not None or self.failure is not None

    def result(self) -> Outcome:
        """Its outcome.

        Raises:
            Exception: it could not even be tried.
        """
        if self.failure is not None:
            raise self.failure
        assert self.outcome is not None  # noqa: S101 - whoever waited for it knows
        return self.outcome

    def settle(self, outcome: Outcome) -> None:
        """Its outcome; the first one stays."""
        if self.outcome is None and self.failure is None:
            self.outcome = outcome
            self.delivery = None
            waiter = self.waiter
            if waiter is not None and not waiter.done():
                waiter.set_result(None)

    def fail(self, failure: Exception) -> None:
        """It could not even be tried; every caller gets an error of its own."""
        if self.outcome is None and self.failure is None:
            self.failure = _another(failure)
            self.delivery = None
            if self.waiter is not None and not self.waiter.done():
                self.waiter.set_result(None)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'over' if self.over else 'waiting'}>"


def _another(failure: Exception) -> Exception:
    # An exception that cannot be copied is shared: worse to read, but everybody hears of it.
    try:
        return copy.copy(failure).with_traceback(None)
    except Exception:  # noqa: BLE001 - it is somebody else's class
        return failure


I = TypeVar("I", bound=Item)  # noqa: E741 - an item
D = TypeVar("D", bound=Delivery)


class Slot:
    """The right to have one request on the wire. Given back once, when its first attempt is over."""

    __slots__ = ("_answered", "_free")

    def __init__(self, free: Callable[[], None], answered: Callable[[int, float], None]) -> None:
        self._free: Callable[[], None] | None = free
        self._answered = answered

    def free(self) -> None:
        """Give it back; does nothing the second time."""
        free, self._free = self._free, None
        if free is not None:
            free()

    def answered(self, messages: int, seconds: float) -> None:
        """A request of so many messages was answered after so long."""
        self._answered(messages, seconds)


class Flight(Generic[I, D]):
    """Carries items until each has its outcome. Made for one use.

    Args:
        items: what to carry.
        deliver: makes the request of some items; of the one it comes from, if it is not the first.
    """

    def __init__(self, items: list[I], deliver: Callable[[list[I], D | None], D]) -> None:
        self._items = items
        self._deliver = deliver
        self._delivery: D | None = None

    async def run(self) -> None:
        """Carry them.

        Cancellation: every item gets what is known by then.
        """
        try:
            await self._run()
        except asyncio.CancelledError:
            if self._delivery is not None:
                aboard = [item for item in self._items if item.delivery is self._delivery]
                outcomes = self._delivery.interrupted()
                for item in aboard:
                    item.settle(outcomes[item.place])
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is: a caller that hears nothing waits for ever
            for item in self._items:
                item.fail(error)

    async def _run(self) -> None:
        waiting: list[tuple[list[I], D | None]] = [(self._items, None)]
        while waiting:
            given, older = waiting.pop()
            items = [item for item in given if item.outcome is None and item.failure is None]
            if not items:
                continue
            self._delivery = delivery = self._deliver(items, older)
            for place, item in enumerate(items):
                item.delivery, item.place = delivery, place
            # A flight has a task of its own, and with it a context of its own.
            CALLS.set(tuple([number for item in items for number in item.calls]))
            outcomes = await delivery.run()
            if delivery.ending is Ending.SETTLED:
                for item, outcome in zip(items, outcomes, strict=True):
                    item.settle(outcome)
                continue
            for item in items:
                item.delivery = None
            if delivery.ending is Ending.REFUSED:
                waiting += [(half, delivery) for half in reversed(halves(items, delivery.description))]
            else:
                waiting.append((items, delivery))


class Numbered(Protocol):
    """A message to a number."""

    @property
    def to(self) -> str:
        """The number."""
        ...


N = TypeVar("N", bound=Numbered)


def halves(items: Sequence[N], description: str) -> tuple[list[N], list[N]]:
    """The messages of a refused request in two.

    Args:
        items: at least two.
        description: the platform's words. If they name one of the numbers, it
            goes alone: a hint only, which the next answer confirms or not.
    """
    named = [item for item in items if item.to in description]
    if len(named) == 1:
        return named, [item for item in items if item is not named[0]]
    middle = len(items) // 2
    return list(items[:middle]), list(items[middle:])
