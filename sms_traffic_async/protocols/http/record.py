"""What is known of the messages of one request, at every moment of its sending.

All of it is synchronous: whatever was learnt is on record before anything is
awaited again, so neither a cancellation nor a deadline can lose it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import OutcomeUnknown, SendError
from sms_traffic_async.messages import Evidence, Submission, Via
from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.telemetry import SendFinished, Telemetry

__all__ = ("Member", "Outcome", "SendRecord")

Outcome: TypeAlias = Submission | SendError


class Member(Protocol):
    """One message of a request, as far as its outcome goes."""

    @property
    def key(self) -> str:
        """Its id in errors and submissions."""
        ...

    @property
    def to(self) -> str:
        """The number."""
        ...

    @property
    def label(self) -> str | None:
        """What it can be looked up by, if by anything."""
        ...

    @property
    def parts(self) -> int | None:
        """Estimated number of parts."""
        ...

    @property
    def parts_exact(self) -> bool:
        """Whether the document leaves no doubt about it."""
        ...

    @property
    def encoding(self) -> str | None:
        """``gsm7`` or ``ucs2``, as estimated."""
        ...


M = TypeVar("M", bound=Member)


class SendRecord(Generic[M]):
    """Outcomes, attempts and times of one request.

    Args:
        members: its messages.
        via: the protocol.
        operation: such as ``v1.send``.
        start_at: the time it is scheduled for.
        clock: times are its monotonic seconds.
        telemetry: is told of every outcome.
        unknown_advice: what to do about a message of which nobody knows.
    """

    __slots__ = ("_attempts", "_began", "_cause", "_clock", "_maybe_nodes", "_members", "_nodes", "_open",
                 "_operation", "_outcomes", "_start_at", "_telemetry", "_unknown_advice", "_via", "any_accepted",
                 "last_maybe")  # fmt: skip

    def __init__(
        self,
        members: Sequence[M],
        *,
        via: Via,
        operation: str,
        start_at: datetime | None,
        clock: Clock,
        telemetry: Telemetry,
        unknown_advice: str,
    ) -> None:
        self._members = members
        self._via: Via = via
        self._operation = operation
        self._start_at = start_at
        self._clock = clock
        self._telemetry = telemetry
        self._unknown_advice = unknown_advice
        self._outcomes: list[Outcome | None] = [None] * len(members)
        self._open = len(members)
        self._attempts = 0
        self._began = clock.monotonic()
        self._nodes: list[str] = []
        self._maybe_nodes: list[str] = []
        self._cause: BaseException | None = None
        self.any_accepted: bool = False
        """Whether any message is known to be taken."""
        self.last_maybe: float | None = None
        """When the last attempt ended that may have been taken, monotonic; ``None`` if there was none."""

    def begin(self) -> None:
        """The first attempt is about to be made."""
        self._began = self._clock.monotonic()

    def follow(self, older: SendRecord[M]) -> None:
        """Go on where the record of an earlier request for the same messages stopped."""
        self._began = older._began
        self._attempts = older._attempts
        self._nodes = list(older._nodes)
        self._maybe_nodes = list(older._maybe_nodes)
        self._cause = older._cause
        self.last_maybe = older.last_maybe

    def goes_to(self, node: str) -> None:
        """An attempt begins."""
        self._attempts += 1
        self._nodes.append(node)

    def failed(self, attempt: Attempt) -> None:
        """It failed."""
        if attempt.verdict is Verdict.AMBIGUOUS:
            self._maybe(attempt.node, attempt.ended)
            self._cause = attempt.cause or self._cause

    def left_unanswered(self) -> None:
        """The attempt under way, or the last one, may have been taken, for the messages that are open."""
        if self._nodes:
            self._maybe(self._nodes[-1], self._clock.monotonic())

    def _maybe(self, node: str, at: float) -> None:
        self.last_maybe = at
        self._maybe_nodes.append(node)

    @property
    def ambiguous(self) -> bool:
        """Whether any attempt may have been taken."""
        return self.last_maybe is not None

    @property
    def has_open(self) -> bool:
        """Whether a message has no outcome yet."""
        return self._open > 0

    def open(self) -> Iterator[tuple[int, M]]:
        """The messages without an outcome."""
        for index, member in enumerate(self._members):
            if self._outcomes[index] is None:
                yield index, member

    def accept(self, index: int, ids: tuple[str, ...], node: str, *, evidence: Evidence) -> None:
        """The platform took a message."""
        member = self._members[index]
        self.any_accepted = True
        self._settle(
            index,
            Submission(
                via=self._via,
                message_ids=ids,
                key=member.key,
                to=member.to,
                node=node,
                accepted_at=datetime.fromtimestamp(self._clock.wall(), UTC),
                evidence=evidence,
                tracking_data=member.label,
                parts=member.parts,
                parts_exact=member.parts_exact,
                encoding=member.encoding,
                start_at=self._start_at,
                attempts=self._attempts,
            ),
        )
        self._tell("accepted", None)

    def accept_made(self, made: Sequence[Submission]) -> None:
        """The platform took every message; what is settled already stays as it is."""
        taken = self._open
        self.any_accepted = True
        told = self._telemetry.accepted
        if told is not None:
            for old, new in zip(self._outcomes, made, strict=True):
                if old is None:
                    told(new)
        if taken == len(made):
            self._outcomes = list(made)
        else:
            self._outcomes = [new if old is None else old for old, new in zip(self._outcomes, made, strict=True)]
        self._open = 0
        if taken:
            self._tell("accepted", None, taken)

    def fail(self, index: int, error: SendError) -> None:
        """It was not taken, and nothing else can have become of it."""
        self._settle(index, error)
        self._tell(error.outcome.value, error.code)

    def outcomes(self) -> tuple[Outcome, ...]:
        """Every message's outcome; ``OutcomeUnknown`` for those that are still open."""
        if self._open:
            for index, member in list(self.open()):
                self._settle(index, self._unknown(member))
                self._tell("unknown", None)
        return tuple(outcome for outcome in self._outcomes if outcome is not None)

    def _settle(self, index: int, outcome: Outcome) -> None:
        if self._outcomes[index] is None:
            self._open -= 1
        self._outcomes[index] = outcome
        if self._telemetry.accepted is not None and isinstance(outcome, Submission):
            self._telemetry.accepted(outcome)

    def unknown(self, index: int) -> OutcomeUnknown:
        """What a message's caller is told who does not wait any longer; it stays open here."""
        return self._unknown(self._members[index])

    def evidence(self, member: M) -> Any:
        """All that is needed to find out what became of a message."""
        raise NotImplementedError

    def _unknown(self, member: M) -> OutcomeUnknown:
        error = OutcomeUnknown(
            f"{self._operation}: the platform may have taken the message, and gave no complete answer.",
            evidence=self.evidence(member),
            node=self._maybe_nodes[-1] if self._maybe_nodes else None,
            message_key=member.key,
            advice=self._unknown_advice,
        )
        error.__cause__ = self._cause
        return error

    @property
    def attempts(self) -> int:
        """Requests made so far."""
        return self._attempts

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that were tried, in order, each once."""
        return tuple(dict.fromkeys(self._nodes))

    @property
    def first_attempt_at(self) -> datetime:
        """When the first request began."""
        return self._wall(self._began)

    @property
    def last_attempt_at(self) -> datetime:
        """When the last request that may have been taken ended."""
        return self._wall(self._began if self.last_maybe is None else self.last_maybe)

    def _wall(self, moment: float) -> datetime:
        return datetime.fromtimestamp(self._clock.wall() - (self._clock.monotonic() - moment), UTC)

    def _tell(self, outcome: str, code: int | None, messages: int = 1) -> None:
        self._telemetry.stats.count(f"{self._operation}.{outcome}", messages)
        if self._telemetry.hooks:
            seconds = self._clock.monotonic() - self._began
            event = SendFinished(via=self._via, outcome=outcome, attempts=self._attempts, seconds=seconds, code=code)
            for _ in range(messages):
                self._telemetry.emit(event)
