"""One request of SOAP on its way: ``unkeyed`` has the rules, and SOAP adds to them.

1. Success is success: a message of which nothing is said though ids were asked
   for is unknown; one that is called Accepted is accepted without an id.
2. Unroutable is a refusal of that recipient alone, and final.
"""

from __future__ import annotations

import math
from datetime import datetime

from sms_traffic_async.errors import Rejected, SendError
from sms_traffic_async.policy.attempts import Verdict
from sms_traffic_async.policy.loop import Stopped
from sms_traffic_async.protocols.http.answers import Fault
from sms_traffic_async.protocols.http.exchange import HttpRequest
from sms_traffic_async.protocols.soap.calls import SoapCalls
from sms_traffic_async.protocols.soap.matching import match
from sms_traffic_async.protocols.soap.models import Info, Member, SendAnswer, SendRequest, Unroutable
from sms_traffic_async.protocols.soap.wire import SoapFault, decode_send
from sms_traffic_async.protocols.unkeyed import UnkeyedDelivery
from sms_traffic_async.protocols.xml import Element
from sms_traffic_async.settings import OnUnknown

__all__ = ("SEND", "Delivery", "answer_cap")

SEND = "soap.send"

_PART_BYTES = 250
_MARGIN_BYTES = 65_536


def answer_cap(request: SendRequest) -> int:
    """The most bytes an answer may have: by the ids it was asked for."""
    return _MARGIN_BYTES + sum(
        member.parts * _PART_BYTES * (1 if member.parts_exact else 2) for member in request.members
    )


class Delivery(UnkeyedDelivery[SendAnswer]):
    """See ``UnkeyedDelivery``.

    Args:
        calls: the client's calls.
        request: what to send.
        deadline: monotonic seconds; nothing is awaited beyond it.
        expires_at: monotonic seconds; no attempt begins after it.
        on_unknown: what is done when nobody can tell whether it was taken.
    """

    def __init__(
        self,
        calls: SoapCalls,
        request: SendRequest,
        *,
        deadline: float,
        expires_at: float = math.inf,
        on_unknown: OnUnknown = "raise",
    ) -> None:
        start = request.options.start_at
        super().__init__(
            calls,
            request.members,
            via="soap",
            start_at=start if isinstance(start, datetime) else None,
            deadline=deadline,
            expires_at=expires_at,
            on_unknown=on_unknown,
        )
        self._soap = calls
        self._request = request

    def _wire(self) -> HttpRequest:
        return self._soap.send_request(SEND, self._request)

    def _cap(self) -> int:
        return answer_cap(self._request)

    def _decode(self, root: Element) -> SendAnswer | Fault:
        return decode_send(root)

    def _empty(self, answer: SendAnswer) -> bool:
        return answer.queued == 0 and not answer.infos

    def _settle(self, answer: SendAnswer, node: str) -> None:
        for index, infos in enumerate(match(self._request, answer.infos)):
            self._settle_one(index, infos, node)

    def _settle_one(self, index: int, infos: tuple[Info, ...], node: str) -> None:
        record, member = self._record, self._request.members[index]
        ids = tuple(dict.fromkeys(info.message_id for info in infos if info.message_id is not None))
        results = {info.result.casefold() for info in infos}
        if ids or "accepted" in results or not (infos or self._request.options.want_ids):
            record.accept(index, ids, node, evidence="answer")
        elif results == {"unroutable"} and not record.ambiguous:
            record.fail(index, _unroutable(member.key, node))

    def _named(self, stopped: Stopped, member: Member) -> SendError:
        last = stopped.attempts[-1] if stopped.attempts else None
        if last is not None and last.verdict is Verdict.PERMANENT and isinstance(last.detail, SoapFault):
            return Rejected(
                f"{SEND}: refused with a SOAP fault.",
                node=last.node,
                message_key=member.key,
                advice="Check SoapOptions: the server found no request of its own in what was sent.",
            )
        return super()._named(stopped, member)


def _unroutable(key: str, node: str) -> Unroutable:
    return Unroutable(
        f"{SEND}: the platform has no way to this number's operator.",
        description="Unroutable",
        node=node,
        message_key=key,
        advice="Do not repeat it; ask your manager about the operator.",
    )
