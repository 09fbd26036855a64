"""The calls of v1 that send nothing: statuses, marking, balance, incoming messages, and the probe of a node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sms_traffic_async.api_codes import NO_SUCH_MESSAGE, safe_description
from sms_traffic_async.messages import Balance, InboundMessage, StatusUpdate
from sms_traffic_async.policy.attempts import CallRules
from sms_traffic_async.policy.loop import Finished
from sms_traffic_async.protocols.http.answers import Fault
from sms_traffic_async.protocols.http.exchange import HttpAnswer
from sms_traffic_async.protocols.http.queries import MOST_CHUNK, check_chunk, checked_ids, probe, statuses_by_id
from sms_traffic_async.protocols.http_v1.calls import MULTI, V1Calls
from sms_traffic_async.protocols.http_v1.incoming import INCOMING_COUNT, Incoming
from sms_traffic_async.protocols.http_v1.models import CheckedReply, CheckFailure, IncomingPage, StatusesReply
from sms_traffic_async.protocols.http_v1.wire import (
    decode_balance,
    decode_checked,
    decode_incoming,
    decode_statuses,
    encode_incoming,
    named_ids,
)
from sms_traffic_async.protocols.xml import Element
from sms_traffic_async.secrets import Secret

__all__ = ("CHECKED_CHUNK", "STATUSES_CHUNK", "Queries")

STATUSES_CHUNK = 100
"""Ids of one request; the document names no limit, another service of the vendor takes 15."""
CHECKED_CHUNK = 5000
"""Ids of one marking (document)."""

_ROW_BYTES = 600
_MESSAGE_BYTES = 4_000
_ROUNDS = 3

STATUSES, CHECKED, BALANCE, INCOMING, PROBE = "v1.statuses", "v1.checked", "v1.balance", "v1.incoming", "v1.probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Ids that the platform does not know, as a result and not as an error."""

    fault: Fault


class Queries:
    """See the module."""

    def __init__(self, calls: V1Calls) -> None:
        self._calls = calls

    async def statuses(self, ids: Sequence[str], *, chunk: int, deadline: float) -> StatusesReply:
        """See ``HttpV1.statuses``."""
        check_chunk(chunk, MOST_CHUNK)
        ids = checked_ids("ids", ids)
        return await statuses_by_id(self._calls, ids, self._statuses, chunk=chunk, deadline=deadline)

    async def _statuses(
        self, ids: Sequence[str], deadline: float, rules: CallRules | None
    ) -> Finished[list[StatusUpdate]]:
        def read(answer: HttpAnswer, root: Element) -> list[StatusUpdate] | Fault:
            result = decode_statuses(root, ids)
            if isinstance(result, Fault):
                # Of one unknown id, or of several, it may also be told like this.
                return [] if result.code == NO_SUCH_MESSAGE else result
            return [replace(update, node=answer.node) for update in result]

        calls = self._calls
        request = calls.request(STATUSES, MULTI, [("operation", "status"), ("sms_id", ",".join(ids))])
        cap = max(calls.settings.http.max_answer_bytes, _ROW_BYTES * len(ids))
        return await calls.query(request, read, deadline=deadline, rules=rules, cap=cap)

    async def mark_checked(self, ids: Sequence[str], *, deadline: float) -> CheckedReply:
        """See ``HttpV1.mark_checked``."""
        ids = checked_ids("ids", ids)
        updated: list[str] = []
        failed: list[CheckFailure] = []
        for start in range(0, len(ids), CHECKED_CHUNK):
            rest: Sequence[str] = ids[start : start + CHECKED_CHUNK]
            left = _ROUNDS
            while rest:
                result = await self._mark(rest, deadline)
                if not isinstance(result, Named):
                    updated += result
                    break
                left -= 1
                # The whole request was refused, and nobody says what of it was done. Doing the rest again is
                # harmless, so the ids that the sentence names are taken out.
                named = (set(named_ids(result.fault.message, rest)) if left else None) or set(rest)
                failed += [_failure(message_id, result.fault) for message_id in rest if message_id in named]
                rest = [message_id for message_id in rest if message_id not in named]
        return CheckedReply(updated=tuple(updated), failed=tuple(failed))

    async def _mark(self, ids: Sequence[str], deadline: float) -> tuple[str, ...] | Named:
        def read(_answer: HttpAnswer, root: Element) -> tuple[str, ...] | Named | Fault:
            result = decode_checked(root)
            if isinstance(result, Fault):
                return Named(fault=result) if result.code == NO_SUCH_MESSAGE else result
            # An OK without a list of ids marks what was asked for.
            return result or tuple(ids)

        pairs = [("operation", "set_checked"), ("sms_id", ",".join(ids))]
        request = self._calls.request(CHECKED, MULTI, pairs)
        ended: Finished[tuple[str, ...] | Named] = await self._calls.query(request, read, deadline=deadline)
        return ended.value

    async def balance(self, *, deadline: float) -> Balance:
        """See ``HttpV1.balance``."""
        request = self._calls.request(BALANCE, MULTI, [("operation", "account")])
        ended = await self._calls.query(request, lambda _, root: decode_balance(root), deadline=deadline)
        amount, raw = ended.value
        return Balance(amount=amount, raw=raw, node=ended.node)

    async def incoming(
        self, *, since: datetime | None, sender: Secret | None, count: int, deadline: float
    ) -> tuple[InboundMessage, ...]:
        """See ``HttpV1.incoming``."""
        calls = self._calls

        async def fetch(since: datetime | None, count: int) -> IncomingPage:
            number = None if sender is None else sender.reveal()
            request = calls.request(INCOMING, MULTI, encode_incoming(since=since, sender=number, count=count))
            del number  # a traceback printed with locals shows this frame
            cap = max(calls.settings.http.max_answer_bytes, _MESSAGE_BYTES * min(count, 2 * INCOMING_COUNT))
            ended = await calls.query(request, lambda _, root: decode_incoming(root), deadline=deadline, cap=cap)
            return ended.value

        return await Incoming(fetch, since=since, count=count).all()

    async def probe(self, node: str) -> bool:
        """Ask a node for the balance, once, and tell the breaker; whether it answered at all."""
        return await probe(self._calls, node, self._calls.request(PROBE, MULTI, [("operation", "account")]))


def _failure(message_id: str, fault: Fault) -> CheckFailure:
    # The sentence lists every id; the code says all of it.
    return CheckFailure(
        message_id=message_id, error=safe_description(fault.message.partition(":")[0]).strip(), code=fault.code
    )
