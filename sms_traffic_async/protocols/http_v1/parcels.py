"""The requests of one call, one after the other, and what became of each of its messages."""

from __future__ import annotations

import math

from sms_traffic_async.errors import NotSent
from sms_traffic_async.protocols.http.record import Outcome
from sms_traffic_async.protocols.http_v1.calls import V1Calls
from sms_traffic_async.protocols.http_v1.models import SendRequest
from sms_traffic_async.protocols.http_v1.sending import SEND, Delivery, halves
from sms_traffic_async.settings import OnUnknown

__all__ = ("Parcels",)


class Parcels:
    """Requests on their way. Made for one use.

    Args:
        calls: the client's calls.
        requests: what to send.
        deadline: monotonic seconds, for all of it.
        expires_at: monotonic seconds; no attempt begins after it.
        on_unknown: see ``Delivery``.
        isolate: take a request apart that one bad number spoilt.
    """

    def __init__(
        self,
        calls: V1Calls,
        requests: list[SendRequest],
        *,
        deadline: float,
        expires_at: float = math.inf,
        on_unknown: OnUnknown,
        isolate: bool = False,
    ) -> None:
        self._calls = calls
        self._waiting = requests[::-1]
        self._deadline = deadline
        self._expires_at = expires_at
        self._on_unknown: OnUnknown = on_unknown
        self._isolate = isolate
        self._outcomes: dict[int, Outcome] = {}
        self._under_way: SendRequest | None = None
        self.delivery: Delivery | None = None
        """The request sent last."""
        self.sent = 0
        """How many requests were sent or tried to be."""

    async def run(self) -> None:
        """Send them all.

        Cancellation: the rest is not sent; ``interrupted`` tells of the one under way.
        """
        while self._waiting:
            self._under_way = request = self._waiting.pop()
            self.delivery = delivery = Delivery(
                self._calls,
                request,
                deadline=self._deadline,
                expires_at=self._expires_at,
                on_unknown=self._on_unknown,
                isolate=self._isolate,
            )
            self.sent += 1
            outcomes = await delivery.run()
            self._under_way = None
            if delivery.spoilt is not None:
                self._waiting += reversed(halves(request, delivery.spoilt.message))
                continue
            self._keep(request, outcomes)

    def interrupted(self) -> None:
        """``run`` was cancelled: what was not begun is not sent."""
        if self._under_way is not None and self.delivery is not None:
            self._keep(self._under_way, self.delivery.interrupted())
            self._under_way = None
        while self._waiting:
            request = self._waiting.pop()
            self._keep(
                request,
                tuple(
                    NotSent(f"{SEND}: the session was closed.", reason="closed", message_key=member.key)
                    for member in request.members
                ),
            )

    def outcomes(self) -> tuple[Outcome, ...]:
        """Every message's outcome, in the caller's order."""
        return tuple(self._outcomes[index] for index in sorted(self._outcomes))

    def _keep(self, request: SendRequest, outcomes: tuple[Outcome, ...]) -> None:
        for member, outcome in zip(request.members, outcomes, strict=True):
            self._outcomes[member.index] = outcome
