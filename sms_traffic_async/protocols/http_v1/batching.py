"""What messages of several callers share in one request of v1, and what stays each one's own.

1. Everything but number, text and push_id stands once in a request, so it must be
   equal for all: the options, ``rus`` among them, and what is done with the unknown.
2. Only messages whose ids are asked for share a request: without them an answer
   does not tell the messages apart.
3. There is no key: a batch that may have been taken is repeated only where its
   callers all chose that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sms_traffic_async.errors import InvalidMessage, SendError
from sms_traffic_async.protocols.batching import Batcher
from sms_traffic_async.protocols.flight import Flight, Item, Leaving, Slot
from sms_traffic_async.protocols.http_v1.arguments import individual_request
from sms_traffic_async.protocols.http_v1.calls import V1Calls
from sms_traffic_async.protocols.http_v1.models import SendRequest
from sms_traffic_async.protocols.http_v1.sending import SEND, Delivery
from sms_traffic_async.protocols.lanes import Lane
from sms_traffic_async.protocols.overdue import overdue
from sms_traffic_async.protocols.scopes import Scopes
from sms_traffic_async.settings import OnUnknown

__all__ = ("V1Batching", "V1Item", "shareable", "shared_request")


class V1Item(Item):
    """One message of a shared request.

    Attributes:
        request: what it would be alone.
        on_unknown: what is done when nobody can tell whether it was taken.
    """

    __slots__ = ("on_unknown", "request")

    def __init__(
        self, request: SendRequest, on_unknown: OnUnknown, *, lane: Lane, limit: float, deadline: float
    ) -> None:
        member = request.members[0]
        super().__init__(
            (request.options, on_unknown), member.to, member.parts, lane=lane, limit=limit, deadline=deadline
        )
        self.request: SendRequest = request
        self.on_unknown: OnUnknown = on_unknown

    @property
    def key(self) -> str:
        """Its id in errors and submissions."""
        return self.request.members[0].key


def shareable(requests: Sequence[SendRequest]) -> bool:
    """Whether what one message became may be put into a request with others."""
    return len(requests) == 1 and requests[0].options.want_ids and requests[0].group is None


def shared_request(items: Sequence[V1Item]) -> SendRequest:
    """The request of messages of one group.

    Raises:
        InvalidMessage: no delimiter cuts their texts apart.
    """
    if len(items) == 1:
        return items[0].request
    members = [
        replace(item.request.members[0], index=place, text=item.request.members[0].text or item.request.text)
        for place, item in enumerate(items)
    ]
    request = individual_request(members, items[0].request.options)
    if isinstance(request, InvalidMessage):
        raise request
    return request


class V1Batching:
    """Shares the requests of one v1 client among concurrent messages.

    Args:
        calls: the client's calls.
        scopes: the session's life, and the probing of nodes that are due.
    """

    def __init__(self, calls: V1Calls, scopes: Scopes) -> None:
        http = calls.settings.http
        self._calls = calls
        self._scopes = scopes
        self.batcher: Batcher[V1Item] = Batcher(
            self, life=scopes.life, clock=calls.clock, slots=http.in_flight, most=http.batch
        )
        self.batcher.gauges(calls.telemetry.stats, "v1")

    def item(
        self,
        request: SendRequest,
        on_unknown: OnUnknown,
        lane: Lane,
        timeout: float | None,
        expires_in: float | None,
    ) -> V1Item:
        """A message as it waits for a batch."""
        calls = self._calls
        deadline = limit = calls.deadline(timeout)
        if expires_in is not None:
            limit = min(deadline, calls.clock.monotonic() + expires_in)
        return V1Item(request, on_unknown, lane=lane, limit=limit, deadline=deadline)

    # --- what the batcher asks of it

    def flight(self, items: list[V1Item], slot: Slot) -> Flight[V1Item, Delivery]:
        """See ``Carrier``."""

        def deliver(items: list[V1Item], older: Delivery | None) -> Delivery:
            return Delivery(
                self._calls,
                shared_request(items),
                deadline=max([item.deadline for item in items]),
                expires_at=max([item.limit for item in items]),
                on_unknown=items[0].on_unknown,
                shared=True,
                slot=slot,
                older=older,
            )

        return Flight(items, deliver)

    def not_sent(self, item: V1Item, why: Leaving) -> SendError:
        """See ``Carrier``."""
        calls = self._calls
        return overdue(item.key, why, operation=SEND, via="v1", paused=calls.paused("send"), telemetry=calls.telemetry)

    def after(self) -> None:
        """See ``Carrier``."""
        self._scopes.probe_what_is_due()
