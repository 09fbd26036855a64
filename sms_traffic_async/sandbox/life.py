"""How a message goes from accepted to its last status, and when.

accepted -> (scheduled) -> sent, still "" -> Buffered SMSC -> final -> (Clicked
or Read). One entry of the clock per message: the next step. A step never goes
back: what is Checked, Read or Clicked stays so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.clock import SandboxClock
from sms_traffic_async.sandbox.outcomes import NumberOutcome
from sms_traffic_async.sandbox.store import StoredMessage

__all__ = ("Life", "Pace", "StatusChange", "final_of")

BUFFERED = "Buffered SMSC"
DELIVERED = "Delivered"
NOT_DELIVERED = "Non Delivered"
EXPIRED = "Expired"
REJECTED = "Rejected"
DELETED = "Deleted"
UNKNOWN = "Unknown status"
CLICKED = "Clicked"
READ = "Read"
CHECKED = "Checked"

_FINAL_OF = {
    "delivered": DELIVERED,
    "slow": DELIVERED,
    "clicked": DELIVERED,
    "read": DELIVERED,
    "not_delivered": NOT_DELIVERED,
    "expired": EXPIRED,
    "rejected": REJECTED,
    "deleted": DELETED,
    "unknown": UNKNOWN,
}
_UPGRADE_OF = {"clicked": CLICKED, "read": READ}
_LAST = frozenset({CLICKED, READ, CHECKED})
FINAL = frozenset(_FINAL_OF.values()) | _LAST


def final_of(course: str) -> str | None:
    """The last status of a course, before Clicked or Read; ``None`` for those that never get there."""
    return _FINAL_OF.get(course)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds of each step on the sandbox's clock.

    Attributes:
        send: from acceptance (or the scheduled start) to the operator.
        buffer: from there to ``Buffered SMSC``.
        final: from there to the last status.
        upgrade: from Delivered to Clicked or Read.
        slow: in place of ``final`` for slow numbers.
        expire: in place of ``final`` for numbers that expire, unless the
            message has a validity of its own.
        report: from the creation of a report to its being ready.
    """

    send: float = 0.05
    buffer: float = 0.1
    final: float = 0.25
    upgrade: float = 0.3
    slow: float = 60.0
    expire: float = 1.0
    report: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 <= getattr(self, field.name) < float("inf"):
                raise ConfigurationError(f"Pace.{field.name} is a number of seconds, 0 or greater")


class StatusChange(NamedTuple):
    """A message got a status. Given to listeners: pushes, receipts, the page."""

    message: StoredMessage
    previous: str
    status: str
    at: float


class Life:
    """Drives every message, on the clock."""

    def __init__(self, clock: SandboxClock, pace: Pace) -> None:
        self._clock = clock
        self.pace = pace
        self.listeners: list[Callable[[StatusChange], None]] = []
        self.sends: list[Callable[[StoredMessage], None]] = []
        """Called with every message that goes to the operator."""
        self._generation = 0

    def begin(self, message: StoredMessage, outcome: NumberOutcome, *, rejected: bool = False) -> None:
        """Start a message that was just accepted.

        Args:
            message: the message.
            outcome: what its number says.
            rejected: end it as Rejected whatever the number says (spam).
        """
        message.course, message.course_code = "rejected" if rejected else outcome.course, outcome.code
        self._begin(message)

    def resume(self, message: StoredMessage, outcome: NumberOutcome) -> None:
        """A message of an earlier run goes on where it was; what was due meanwhile happens at once.

        Args:
            message: the message.
            outcome: what its number says; for one whose life had not begun.
        """
        if not message.course:
            message.course, message.course_code = outcome.course, outcome.code
        course, since, pace = message.course, message.status_at or 0.0, self.pace
        step = (self._generation, message, course, message.course_code)
        if message.sent_at is None:
            self._begin(message)
        elif message.status == BUFFERED and course != "never":
            self._clock.call_at(since + self._wait(message, course), self._finish, *step)
        elif message.status == DELIVERED and course in _UPGRADE_OF:
            self._clock.call_at(since + pace.upgrade, self._raise, self._generation, message, _UPGRADE_OF[course])
        elif not message.status and course == "rejected":
            self._clock.call_at(message.sent_at + pace.final, self._finish, *step)
        elif not message.status and course != "silent":
            self._clock.call_at(message.sent_at + pace.buffer, self._buffer, *step)

    def check(self, message: StoredMessage) -> None:
        """The subscriber passed the code on: the message is Checked."""
        if message.status != CHECKED:
            self._reach(message, CHECKED, self._clock.now())

    def reach(self, message: StoredMessage, status: str) -> None:
        """A message gets a status now, whatever its number says (a replay)."""
        if message.sent_at is None:
            message.sent_at = self._clock.now()
        self._reach(message, status, self._clock.now())

    def forget(self) -> None:
        """Stop every life that is under way."""
        self._generation += 1

    def _begin(self, message: StoredMessage) -> None:
        start = max(message.submitted_at, message.start_at or 0.0) + self.pace.send
        self._clock.call_at(start, self._send, self._generation, message, message.course, message.course_code)

    def _send(self, generation: int, message: StoredMessage, course: str, code: int) -> None:
        if generation != self._generation:
            return
        now = self._clock.now()
        message.sent_at = now
        for listener in self.sends:
            listener(message)
        if course == "rejected":
            # The spam filter and the SMSC refuse before anything is buffered.
            self._clock.call_at(now + self.pace.final, self._finish, generation, message, course, code)
        elif course != "silent":
            self._clock.call_at(now + self.pace.buffer, self._buffer, generation, message, course, code)

    def _buffer(self, generation: int, message: StoredMessage, course: str, code: int) -> None:
        if generation != self._generation or message.status:
            return
        now = self._clock.now()
        self._reach(message, BUFFERED, now)
        if course == "never":
            return
        self._clock.call_at(now + self._wait(message, course), self._finish, generation, message, course, code)

    def _wait(self, message: StoredMessage, course: str) -> float:
        if course == "slow":
            return self.pace.slow
        if course == "expired":
            return self.pace.expire if message.validity is None else message.validity
        return self.pace.final

    def _finish(self, generation: int, message: StoredMessage, course: str, code: int) -> None:
        if generation != self._generation or message.status in FINAL:
            return
        now = self._clock.now()
        if course == "not_delivered":
            message.error = code
        self._reach(message, _FINAL_OF[course], now)
        upgrade = _UPGRADE_OF.get(course)
        if upgrade is not None:
            self._clock.call_at(now + self.pace.upgrade, self._raise, generation, message, upgrade)

    def _raise(self, generation: int, message: StoredMessage, status: str) -> None:
        if generation == self._generation and message.status == DELIVERED:
            self._reach(message, status, self._clock.now())

    def _reach(self, message: StoredMessage, status: str, at: float) -> None:
        previous = message.status
        message.status = status
        message.status_at = at
        if status == READ:
            message.read_at = at
        message.history.append((status, at))
        change = StatusChange(message, previous, status, at)
        for listener in self.listeners:
            listener(change)
