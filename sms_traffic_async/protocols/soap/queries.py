"""The SOAP calls that send nothing: statuses, balance, and the probe of a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sms_traffic_async.api_codes import NO_SUCH_MESSAGE
from sms_traffic_async.messages import Balance, StatusUpdate
from sms_traffic_async.policy.attempts import CallRules
from sms_traffic_async.policy.loop import Finished
from sms_traffic_async.protocols.http.answers import Fault
from sms_traffic_async.protocols.http.exchange import HttpAnswer
from sms_traffic_async.protocols.http.queries import MOST_CHUNK, check_chunk, checked_ids, probe, statuses_by_id
from sms_traffic_async.protocols.soap.calls import SoapCalls
from sms_traffic_async.protocols.soap.models import StatusesReply
from sms_traffic_async.protocols.soap.wire import decode_balance, decode_statuses
from sms_traffic_async.protocols.xml import Element

__all__ = ("STATUSES_CHUNK", "Queries")

STATUSES_CHUNK = 100
"""Ids of one request; the document names no limit."""

_ROW_BYTES = 800

STATUSES, BALANCE, PROBE = "soap.statuses", "soap.balance", "soap.probe"


class Queries:
    """See the module."""

    def __init__(self, calls: SoapCalls) -> None:
        self._calls = calls

    async def statuses(self, ids: Sequence[str], *, chunk: int, deadline: float) -> StatusesReply:
        """See ``Soap.statuses``."""
        check_chunk(chunk, MOST_CHUNK)
        ids = checked_ids("ids", ids)  # XML has a place for everything that these may hold
        return await statuses_by_id(self._calls, ids, self._ask, chunk=chunk, deadline=deadline)

    async def _ask(self, ids: Sequence[str], deadline: float, rules: CallRules | None) -> Finished[list[StatusUpdate]]:
        def read(answer: HttpAnswer, root: Element) -> list[StatusUpdate] | Fault:
            result = decode_statuses(root, ids)
            if isinstance(result, Fault):
                return [] if result.code == NO_SUCH_MESSAGE else result
            return [replace(update, node=answer.node) for update in result]

        calls = self._calls
        request = calls.statuses_request(STATUSES, tuple(ids))
        cap = max(calls.settings.http.max_answer_bytes, _ROW_BYTES * len(ids))
        return await calls.query(request, read, deadline=deadline, rules=rules, cap=cap)

    async def balance(self, *, deadline: float) -> Balance:
        """See ``Soap.balance``."""
        request = self._calls.balance_request(BALANCE)
        ended = await self._calls.query(request, lambda _, root: decode_balance(root), deadline=deadline)
        amount, raw = ended.value
        return Balance(amount=amount, raw=raw, node=ended.node)

    async def probe(self, node: str) -> bool:
        """Ask a server for the balance, once, and tell the breaker; whether it answered at all."""
        return await probe(self._calls, node, self._calls.balance_request(PROBE))
