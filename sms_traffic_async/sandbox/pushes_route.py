"""What waits for one destination, and whether that answers. No I/O and no clock of its own.

1. What waits is taken in its order: calls that failed first, then new ones.
2. A call that is not answered well makes the destination *unavailable*: nothing
   goes there until a pause is over, then one call alone; each further failure
   takes the next pause. One good answer brings everything back.
3. Faults strike what waits once, when it enters; a call that is made again is
   not struck again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from sms_traffic_async.sandbox.effects import Drop, Duplicate, Latency, Lose, Reorder
from sms_traffic_async.sandbox.faults import Injected
from sms_traffic_async.sandbox.pushes_log import Dropped, PushCall, PushKind
from sms_traffic_async.sandbox.pushes_settings import Retries
from sms_traffic_async.sandbox.pushes_wire import StatusItem
from sms_traffic_async.sandbox.store import StoredMessage

__all__ = ("Entry", "Held", "Key", "Route", "Struck", "struck")

MOST_WAITING = 200_000


class Key(NamedTuple):
    """One destination: of which kind, whose, and for which short number."""

    kind: PushKind
    login: str
    number: str = ""


class Entry(NamedTuple):
    """One thing to tell."""

    message: StoredMessage
    item: StatusItem | None = None
    drop: Dropped = ""


class Struck(NamedTuple):
    """What faults make of one entry."""

    copies: int = 1
    delay: float = 0.0
    passed_by: int = 0
    hold: float = 0.0
    drop: Dropped = ""


def struck(injected: Sequence[Injected]) -> Struck:
    """Put the effects drawn for one entry together; no copies at all where it is lost."""
    made = Struck()
    for effect, chance in injected:
        if isinstance(effect, Lose):
            return Struck(copies=0)
        if isinstance(effect, Duplicate):
            made = made._replace(copies=made.copies + effect.count)
        elif isinstance(effect, Latency):
            made = made._replace(delay=made.delay + effect.seconds + effect.jitter * chance)
        elif isinstance(effect, Reorder):
            made = made._replace(passed_by=effect.by, hold=effect.seconds)
        elif isinstance(effect, Drop):
            made = made._replace(drop=effect.when)
    return made


class Held:
    """An entry that lets others pass."""

    __slots__ = ("entry", "left")

    def __init__(self, entry: Entry, left: int) -> None:
        self.entry: Entry = entry
        self.left: int = left


class Route:
    """One destination.

    Attributes:
        entries: what is not part of a call yet.
        retries: calls that failed, oldest first.
        failures: attempts that failed since the last good one.
        not_before: the end of the pause, in sandbox time.
        in_flight: calls under way.
        lost: entries dropped for want of room.
    """

    def __init__(self, key: Key) -> None:
        self.key = key
        self.entries: deque[Entry] = deque()
        self.retries: deque[PushCall] = deque()
        self.held: list[Held] = []
        self.failures: int = 0
        self.not_before: float = 0.0
        self.in_flight = 0
        self.lost: int = 0
        self.woken = False
        self.gone = False

    def add(self, entry: Entry) -> list[Held]:
        """Let something in; those that it was the last to pass may come in now."""
        self.entries.append(entry)
        if len(self.entries) > MOST_WAITING:
            self.entries.popleft()
            self.lost += 1
        freed: list[Held] = []
        for waiting in self.held:
            waiting.left -= 1
            if waiting.left <= 0:
                freed.append(waiting)
        return freed

    def may_begin(self, retries: Retries, now: float) -> bool:
        """Whether another call may be made now."""
        if self.failures:
            return self.in_flight == 0 and now >= self.not_before
        return self.in_flight < retries.in_flight

    def succeeded(self) -> None:
        """It answered well."""
        self.failures = 0
        self.not_before = 0.0

    def failed(self, call: PushCall, retries: Retries, now: float) -> None:
        """It did not: the call waits, or is given up."""
        if now >= self.not_before:
            # Several that were under way together fail as one.
            self.failures += 1
            self.not_before = now + retries.pauses[min(self.failures, len(retries.pauses)) - 1]
        if self.not_before - call.created_at > retries.give_up:
            call.state, call.next_at = "given up", None
            return
        call.state, call.next_at = "waiting", self.not_before
        place = next((at for at, one in enumerate(self.retries) if one.created_at > call.created_at), len(self.retries))
        self.retries.insert(place, call)
