"""The requests of one call, one after the other, and what became of each of its messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from sms_traffic_async.protocols.http.record import Outcome
from sms_traffic_async.protocols.members import Member

__all__ = ("Delivery", "Request", "Series")


class Request(Protocol):
    """What one delivery carries."""

    @property
    def members(self) -> tuple[Member, ...]:
        """Its messages."""
        ...


class Delivery(Protocol):
    """One request on its way."""

    async def run(self) -> tuple[Outcome, ...]:
        """Send it; the outcome of each message, in order."""
        ...

    def interrupted(self) -> tuple[Outcome, ...]:
        """What is known after ``run`` was cancelled, or never called."""
        ...


R = TypeVar("R", bound=Request)
D = TypeVar("D", bound=Delivery)


class Series(Generic[R, D]):
    """Requests on their way. Made for one use.

    Args:
        requests: what to send, in order.
        deliver: makes the delivery of one.
        apart: the requests that one is to be sent as instead, after it was refused; none where its outcomes stand.
    """

    def __init__(
        self,
        requests: Sequence[R],
        deliver: Callable[[R], D],
        *,
        apart: Callable[[R, D], Sequence[R]] | None = None,
    ) -> None:
        self._waiting = list(reversed(requests))
        self._deliver = deliver
        self._apart = apart
        self._outcomes: dict[int, Outcome] = {}
        self._under_way: tuple[R, D] | None = None
        self.delivery: D | None = None
        """The request sent last."""
        self.sent: int = 0
        """How many requests were sent or tried to be."""

    async def run(self) -> None:
        """Send them all.

        Cancellation: the rest is not sent; ``interrupted`` tells of the one under way.
        """
        while self._waiting:
            request = self._waiting.pop()
            self.delivery = delivery = self._deliver(request)
            self._under_way = request, delivery
            self.sent += 1
            outcomes = await delivery.run()
            self._under_way = None
            pieces = () if self._apart is None else self._apart(request, delivery)
            if pieces:
                self._waiting += reversed(pieces)
            else:
                self._keep(request, outcomes)

    def interrupted(self) -> None:
        """``run`` was cancelled: what was not begun is not sent."""
        if self._under_way is not None:
            request, delivery = self._under_way
            self._keep(request, delivery.interrupted())
            self._under_way = None
        while self._waiting:
            request = self._waiting.pop()
            self._keep(request, self._deliver(request).interrupted())

    def outcomes(self) -> tuple[Outcome, ...]:
        """Every message's outcome, in the caller's order."""
        return tuple(self._outcomes[index] for index in sorted(self._outcomes))

    def _keep(self, request: R, outcomes: tuple[Outcome, ...]) -> None:
        for member, outcome in zip(request.members, outcomes, strict=True):
            self._outcomes[member.index] = outcome
