"""What a client was told, held against what the platform did (the invariants H1 to H6).

The accept log of the sandbox is the truth. Messages are told apart by their
number: every message of a run goes to a number of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sms_traffic_async.errors import InvalidMessage, Outcome, SendError
from sms_traffic_async.messages import SendResult
from sms_traffic_async.sandbox.accept_log import AcceptLog

__all__ = ("History", "Verdicts")


@dataclass(slots=True, kw_only=True)
class Verdicts:
    """Counts of one run.

    Attributes:
        lost: H1, told "accepted" and never taken.
        false_refusals: H2, told "rejected" or "not sent" and taken all the same.
        duplicates: H3 and H4, taken more than once.
        races: of those, the ones that a second restrictiveId (a re-key) explains.
        unsettled: H6, unknown at first, and neither found nor provably absent after ``resolve``.
        wrong_answers: an id that the accept log does not have for this message.
    """

    messages: int = 0
    accepted: int = 0
    by_lookup: int = 0
    rejected: int = 0
    not_sent: int = 0
    unknown: int = 0
    resolved: int = 0
    lost: int = 0
    false_refusals: int = 0
    duplicates: int = 0
    races: int = 0
    unsettled: int = 0
    wrong_answers: int = 0
    missing: int = 0
    evicted: bool = False
    errors: Counter[str] = field(default_factory=Counter[str])
    """Errors by class and code, for whoever has to find out why."""

    def row(self) -> Mapping[str, int]:
        """The figures for a table."""
        names = ("messages", "accepted", "by_lookup", "rejected", "not_sent", "unknown", "resolved", "lost",
                 "false_refusals", "duplicates", "races", "unsettled")  # fmt: skip
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class History:
    """Results as they come, then the reckoning."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    ids: dict[str, tuple[str, ...]] = field(default_factory=dict)
    verdicts: Verdicts = field(default_factory=Verdicts)

    def add(self, result: SendResult) -> None:
        """One message got its outcome."""
        number, verdicts = result.message.to, self.verdicts
        assert number not in self.outcomes, "one number, one message"
        verdicts.messages += 1
        if result.submission is not None:
            self.outcomes[number] = Outcome.ACCEPTED
            self.ids[number] = result.submission.message_ids
            verdicts.accepted += 1
            verdicts.by_lookup += result.submission.evidence == "lookup"
            return
        assert isinstance(result.error, SendError), result.error
        assert not isinstance(result.error, InvalidMessage)
        outcome = result.error.outcome
        verdicts.errors[f"{type(result.error).__name__} {result.error.code or ''}".strip()] += 1
        self.outcomes[number] = outcome
        verdicts.rejected += outcome is Outcome.REJECTED
        verdicts.not_sent += outcome is Outcome.NOT_SENT
        verdicts.unknown += outcome is Outcome.UNKNOWN

    def resolved(self, number: str, ids: tuple[str, ...]) -> None:
        """A look-up later told that an unknown message was taken."""
        self.ids[number] = ids
        self.verdicts.resolved += 1

    def reckon(self, log: AcceptLog, *, sent: int, absent: Iterable[str] = ()) -> Verdicts:
        """Hold what was told against the log.

        Args:
            log: the accept log; must not have dropped anything.
            sent: how many messages were handed in.
            absent: unknown numbers of which ``resolve`` said that the platform does not have them.
        """
        verdicts = self.verdicts
        verdicts.missing = sent - len(self.outcomes)
        verdicts.evicted = len(log) != log.total
        taken: Counter[str] = Counter()
        keys: dict[str, set[str | None]] = {}
        ids: dict[str, set[str]] = {}
        for entry in log:
            taken[entry.to] += 1
            keys.setdefault(entry.to, set()).add(entry.restrictive_id)
            ids.setdefault(entry.to, set()).add(entry.message_id)
        gone = set(absent)
        for number, outcome in self.outcomes.items():
            times = taken[number]
            verdicts.lost += outcome is Outcome.ACCEPTED and not times
            verdicts.false_refusals += outcome in {Outcome.REJECTED, Outcome.NOT_SENT} and times > 0
            if times > 1:
                verdicts.duplicates += 1
                verdicts.races += len(keys[number]) == times
            if outcome is Outcome.UNKNOWN and number not in self.ids:
                # Settled means: told apart. Not taken and not found is one way, found the other.
                verdicts.unsettled += times > 0 or number not in gone
            told = self.ids.get(number, ())
            verdicts.wrong_answers += not set(told) <= ids.get(number, set())
        return verdicts
