"""What is known of the messages of one batch, at every moment of its sending; see ``http.record``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sms_traffic_async.messages import Submission
from sms_traffic_async.protocols.http.record import SendRecord
from sms_traffic_async.protocols.http_v2.batch import Batch, Labelled
from sms_traffic_async.protocols.http_v2.calls import V2Calls
from sms_traffic_async.protocols.http_v2.failures import SEND, fault_error
from sms_traffic_async.protocols.http_v2.ledger import LabelLedger
from sms_traffic_async.protocols.http_v2.lookup import Look, accepted_ids
from sms_traffic_async.protocols.http_v2.models import SendEvidence, SentDestination

__all__ = ("Record",)

KEY_HOUR: Final = timedelta(hours=1)
"""For so long the platform remembers a restrictiveId."""


class _Accepted:
    """A ``Submission`` while it is made: the same slots, without the price of storing into a frozen one."""

    __slots__ = Submission.__slots__


class Record(SendRecord[Labelled]):
    """Outcomes, attempts and times of one batch, and the ids it went out under."""

    __slots__ = ("_calls", "_ids", "_ledger")

    def __init__(self, calls: V2Calls, batch: Batch, ledger: LabelLedger) -> None:
        super().__init__(
            batch.members,
            via="v2",
            operation=SEND,
            start_at=batch.start_at,
            clock=calls.clock,
            telemetry=calls.telemetry,
            unknown_advice="Ask with resolve(error) before sending it again.",
        )
        self._calls = calls
        self._ledger = ledger
        self._ids: list[str] = []

    def inherit(self, older: Record) -> None:
        """Go on where the record of an earlier request for the same messages stopped."""
        self.follow(older)
        self._ids = list(older._ids)

    def accept_rows(self, rows: Sequence[SentDestination | None], node: str) -> None:
        """Take what an answer says of every message; ``None`` where it says nothing."""
        for index, row in enumerate(rows):
            if row is None:
                continue
            if row.fault is not None:
                self.fail(index, fault_error(row.fault, node=node, key=self._members[index].key))
            elif row.message_id is not None:
                self.accept(index, (row.message_id,), node, evidence="answer")

    def accept_all(self, ids: Sequence[str], node: str) -> None:
        """Every message was taken. Hot: one of these a message."""
        at = datetime.fromtimestamp(self._clock.wall(), UTC)
        start_at, attempts = self._start_at, self._attempts
        made: list[Any] = []
        for member, message_id in zip(self._members, ids, strict=True):
            draft: Any = _Accepted()
            draft.via = "v2"
            draft.message_ids = (message_id,)
            draft.key = member.key
            draft.to = member.to
            draft.node = node
            draft.accepted_at = at
            draft.evidence = "answer"
            draft.tracking_data = member.label
            draft.parts = member.parts
            draft.parts_exact = member.parts_exact
            draft.encoding = member.encoding
            draft.start_at = start_at
            draft.attempts = attempts
            draft.__class__ = Submission
            made.append(draft)
        self.accept_made(made)

    def assume(self, at: float) -> None:
        """An earlier process made an attempt for the same request, which ended then and may have been taken."""
        self.last_maybe: float | None = at

    def close(self, indexes: Collection[int]) -> None:
        """These are not asked about any more: what is open of them is unknown."""
        for index, member in list(self.open()):
            if index in indexes:
                self.fail(index, self._unknown(member))

    def begin(self) -> None:
        """The first attempt is about to be made."""
        super().begin()
        for member in self._members:
            if not member.own_label:
                self._ledger.note(member.label, self._began, member.key)

    def key(self, restrictive_id: str) -> None:
        """Attempts from here on go out under this id."""
        self._ids.append(restrictive_id)

    def searchable(self) -> list[str]:
        """Labels of open messages for which a look-up would be evidence."""
        now = self._clock.monotonic()
        return [member.label for _, member in self.open() if member.own_label or self._ledger.unique(member.label, now)]

    def search_order(self) -> tuple[str, ...]:
        """All nodes: those that may have taken it first, then those that were tried."""
        every = (node.name for node in self._calls.settings.nodes)
        return tuple(dict.fromkeys((*reversed(self._maybe_nodes), *reversed(self._nodes), *every)))

    def found(self, look: Look) -> None:
        """Take what a look-up found."""
        since = self.first_attempt_at
        for index, member in self.open():
            updates = look.found.get(member.label, ())
            ids = accepted_ids(updates, own_label=member.own_label, since=since)
            if ids:
                node = next(update.node or "" for update in updates if update.message_id == ids[0])
                self.accept(index, ids, node, evidence="lookup")

    def taken_before(self, look: Look, member: Labelled) -> tuple[str, ...]:
        """Ids of the first sending under a key that was used before, where a look-up is evidence of it."""
        if not member.own_label and not self._ledger.unique(member.label, self._clock.monotonic()):
            return ()
        updates = look.found.get(member.label, ())
        return accepted_ids(updates, own_label=member.own_label, since=self.first_attempt_at - KEY_HOUR)

    def evidence(self, member: Labelled) -> SendEvidence:
        """All that is needed to find out what became of a message."""
        return SendEvidence(
            key=member.key,
            restrictive_ids=tuple(self._ids),
            tracking_data=member.label,
            own_label=member.own_label,
            nodes=self.nodes,
            first_attempt_at=self.first_attempt_at,
            last_attempt_at=self.last_attempt_at,
            attempts=self.attempts,
            to=member.to,
        )
