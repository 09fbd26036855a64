"""One request of v1 on its way: ``unkeyed`` has the rules, and v1 adds to them.

1. OK is OK: what an answer says was queued is never sent again. A message
   without an id that was asked for is unknown.
2. A number that the whole request was refused for (425 to 432) is found by
   sending the rest without it, if that was asked for and nothing is ambiguous.
"""

from __future__ import annotations

import math
from dataclasses import replace

from sms_traffic_async.api_codes import describe
from sms_traffic_async.policy.loop import Stopped
from sms_traffic_async.protocols.flight import Slot, halves
from sms_traffic_async.protocols.http.answers import Fault
from sms_traffic_async.protocols.http.exchange import HttpRequest
from sms_traffic_async.protocols.http_v1.calls import MULTI, V1Calls
from sms_traffic_async.protocols.http_v1.form import charset_of
from sms_traffic_async.protocols.http_v1.matching import match
from sms_traffic_async.protocols.http_v1.models import SendAnswer, SendRequest
from sms_traffic_async.protocols.http_v1.wire import decode_send, encode_send
from sms_traffic_async.protocols.unkeyed import UnkeyedDelivery
from sms_traffic_async.protocols.xml import Element
from sms_traffic_async.settings import OnUnknown

__all__ = ("BAD_NUMBER", "SEND", "Delivery", "answer_cap", "pieces")

SEND = "v1.send"
BAD_NUMBER = range(425, 433)
"""Codes that refuse a whole request for one number in it."""

_PART_BYTES = 200
_MARGIN_BYTES = 65_536


def answer_cap(request: SendRequest, least: int) -> int:
    """The most bytes an answer may have: by the ids it was asked for, and not less than ``least`` for a group."""
    if request.group is not None:
        return least
    bytes_of_parts = sum(
        member.parts * (_PART_BYTES + len(member.push_id or "")) * (1 if member.parts_exact else 2)
        for member in request.members
    )
    return _MARGIN_BYTES + bytes_of_parts


class Delivery(UnkeyedDelivery[SendAnswer]):
    """See ``UnkeyedDelivery``.

    Args:
        calls: the client's calls.
        request: what to send.
        deadline: monotonic seconds; nothing is awaited beyond it.
        expires_at: monotonic seconds; no attempt begins after it.
        on_unknown: what is done when nobody can tell whether it was taken.
        isolate: leave the messages open when one number spoils the request.
        shared: the messages are of several callers: leave them open when any of them may have spoilt it.
        slot: given back after the first attempt.
        older: the request that this one takes the place of.
    """

    def __init__(
        self,
        calls: V1Calls,
        request: SendRequest,
        *,
        deadline: float,
        expires_at: float = math.inf,
        on_unknown: OnUnknown = "raise",
        isolate: bool = False,
        shared: bool = False,
        slot: Slot | None = None,
        older: Delivery | None = None,
    ) -> None:
        super().__init__(
            calls,
            request.members,
            via="v1",
            start_at=request.options.start_at,
            deadline=deadline,
            expires_at=expires_at,
            on_unknown=on_unknown,
            slot=slot,
            older=older,
        )
        self._v1 = calls
        self._request = request
        self._isolate = isolate and len(request.members) > 1
        self._shared = shared and len(request.members) > 1
        self.spoilt: Fault | None = None
        """The refusal of one number that the request is to be taken apart for; no message has an outcome then."""
        self.answer: SendAnswer | None = None

    def _wire(self) -> HttpRequest:
        charset = charset_of(self._request.options.rus)
        return self._v1.request(SEND, MULTI, encode_send(self._request), charset)

    def _cap(self) -> int:
        return answer_cap(self._request, self._v1.settings.http.max_answer_bytes)

    def _decode(self, root: Element) -> SendAnswer | Fault:
        return decode_send(root)

    def _empty(self, answer: SendAnswer) -> bool:
        return answer.queued == 0 and not answer.parts

    def _settle(self, answer: SendAnswer, node: str) -> None:
        self.answer = answer
        wanted = self._request.options.want_ids
        for index, ids in enumerate(match(self._request, answer.parts)):
            if ids or not wanted:
                self._record.accept(index, ids, node, evidence="answer")

    def _apart(self, stopped: Stopped) -> bool:
        last = stopped.attempts[-1] if stopped.attempts else None
        if last is not None and last.code is not None and isinstance(last.detail, Fault):
            one_of_them = self._shared and describe(last.code).scope == "recipient"
            if one_of_them or (self._isolate and last.code in BAD_NUMBER):
                self.spoilt = last.detail
                self.description: str = last.detail.message
        return self.spoilt is not None


def pieces(request: SendRequest, delivery: Delivery) -> tuple[SendRequest, ...]:
    """What a request is to be sent as after one number spoilt it; nothing where none did."""
    if delivery.spoilt is None:
        return ()
    return tuple(replace(request, members=tuple(half)) for half in halves(request.members, delivery.spoilt.message))
