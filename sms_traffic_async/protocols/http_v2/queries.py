"""The calls of v2 that send nothing: statuses, marking, balance, and the probe of a node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from sms_traffic_async import message_rules as rules
from sms_traffic_async.errors import RequestError
from sms_traffic_async.messages import Balance, StatusUpdate
from sms_traffic_async.protocols.http.queries import PROBE_SECONDS, check_chunk, each_once, probe
from sms_traffic_async.protocols.http_v2.calls import V2Calls
from sms_traffic_async.protocols.http_v2.models import CheckedReply, CheckFailure, StatusesReply
from sms_traffic_async.protocols.http_v2.wire import (
    decode_balance,
    decode_checked,
    decode_statuses,
    encode_checked,
    encode_statuses,
)

__all__ = ("CHECKED_CHUNK", "STATUSES_CHUNK", "Queries")

STATUSES_CHUNK = 100
"""Ids of one look-up; the document names no limit."""
CHECKED_CHUNK = 5000
"""Ids of one marking; v1's limit, which v2 does not repeat."""

STATUSES, CHECKED, BALANCE, PROBE = "v2.statuses", "v2.checked", "v2.balance", "v2.probe"


class Queries:
    """See the module."""

    def __init__(self, calls: V2Calls) -> None:
        self._calls = calls

    async def statuses(
        self, ids: Sequence[str], labels: Sequence[str], *, extended: bool, chunk: int, deadline: float
    ) -> StatusesReply:
        """See ``HttpV2.statuses``. Ids and labels never share a request: how they combine is not documented."""
        check_chunk(chunk)
        ids = each_once("ids", ids, rules.ID_MAX)
        labels = each_once("tracking_data", labels, rules.TRACKING_DATA_MAX)
        by_id: dict[str, StatusUpdate] = {}
        by_label: dict[str, list[StatusUpdate]] = {}
        for start in range(0, len(ids), chunk):
            for update in await self._look(ids[start : start + chunk], (), extended=extended, deadline=deadline):
                by_id.setdefault(update.message_id, update)
        for start in range(0, len(labels), chunk):
            for update in await self._look((), labels[start : start + chunk], extended=extended, deadline=deadline):
                by_label.setdefault(update.tracking_data or "", []).append(update)
        found = dict.fromkeys(ids) | {
            update.message_id: update for label in labels for update in by_label.get(label, ())
        } | by_id  # fmt: skip
        return StatusesReply(
            found=tuple(update for update in found.values() if update is not None),
            missing=tuple(message_id for message_id in ids if message_id not in by_id),
            missing_tracking_data=tuple(label for label in labels if label not in by_label),
        )

    async def _look(
        self, ids: Sequence[str], labels: Sequence[str], *, extended: bool, deadline: float
    ) -> list[StatusUpdate]:
        """One chunk: on any node, and what that node does not know on the others too."""
        calls = self._calls
        request = calls.request(STATUSES, "POST", "/v2/statuses/list", encode_statuses(ids, labels, extended=extended))
        ended = await calls.query(request, decode_statuses, deadline=deadline)
        found = [replace(update, node=ended.node) for update in ended.value]
        for node in calls.nodes.order():
            missing = _missing(found, ids), _missing_labels(found, labels)
            if node == ended.node or not any(missing):
                continue
            content = encode_statuses(*missing, extended=extended)
            again = calls.request(STATUSES, "POST", "/v2/statuses/list", content)
            one = partial(calls.query, again, decode_statuses, rules=replace(calls.query_rules, pinned=node))
            until = min(deadline, calls.clock.monotonic() + PROBE_SECONDS)
            try:
                more = await one(deadline=until)
            except RequestError:
                continue  # whether the platform's nodes see each other's messages is not documented
            found += [replace(update, node=node) for update in more.value]
        return found

    async def mark_checked(self, ids: Sequence[str], *, deadline: float) -> CheckedReply:
        """See ``HttpV2.mark_checked``."""
        ids = each_once("ids", ids, rules.ID_MAX)
        updated: list[str] = []
        failed: list[CheckFailure] = []
        for start in range(0, len(ids), CHECKED_CHUNK):
            content = encode_checked(ids[start : start + CHECKED_CHUNK])
            request = self._calls.request(CHECKED, "POST", "/v2/statuses/checked", content)
            ended = await self._calls.query(request, decode_checked, deadline=deadline)
            updated += ended.value.updated
            failed += ended.value.failed
        return CheckedReply(updated=tuple(updated), failed=tuple(failed))

    async def balance(self, *, deadline: float) -> Balance:
        """See ``HttpV2.balance``."""
        request = self._calls.request(BALANCE, "GET", "/v2/account")
        ended = await self._calls.query(request, decode_balance, deadline=deadline)
        amount, raw = ended.value
        return Balance(amount=amount, raw=raw, node=ended.node)

    async def probe(self, node: str) -> bool:
        """Ask a node for the balance, once, and tell the breaker; whether it answered at all."""
        return await probe(self._calls, node, self._calls.request(PROBE, "GET", "/v2/account"))


def _missing(found: Sequence[StatusUpdate], ids: Sequence[str]) -> list[str]:
    known = {update.message_id for update in found}
    return [message_id for message_id in ids if message_id not in known]


def _missing_labels(found: Sequence[StatusUpdate], labels: Sequence[str]) -> list[str]:
    known = {update.tracking_data for update in found}
    return [label for label in labels if label not in known]
