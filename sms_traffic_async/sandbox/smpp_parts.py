"""Parts of one long text find each other: the platform has them as messages of their own, its store as one.

Every part is accepted, billed and logged by itself, when it comes. The message
they belong to begins its life when all are there, or with what there is after
`GATHER` seconds: a part that never comes must not keep the others from their
receipts.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sms_traffic_async.protocols.smpp.pdu import SubmitSm
from sms_traffic_async.sandbox.clock import Scheduled
from sms_traffic_async.sandbox.drafts import Arrival, Prepared
from sms_traffic_async.sandbox.outcomes import NumberOutcome
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.refusals import Refusal
from sms_traffic_async.sandbox.smpp_reading import ShortMessage, text_of
from sms_traffic_async.sandbox.store import StoredMessage
from sms_traffic_async.text import Concatenation

__all__ = ("Parts",)

GATHER: Final = 60.0
MOST: Final = 10_000
GAP: Final = "…"


class _Key(NamedTuple):
    login: str
    source_addr: str
    destination_addr: str
    reference: int
    total: int
    width: int


class _Group:
    """A message whose parts are coming."""

    __slots__ = ("like", "message", "outcome", "parts", "timer")

    def __init__(self, message: StoredMessage, outcome: NumberOutcome, like: ShortMessage, timer: Scheduled) -> None:
        self.message = message
        self.outcome = outcome
        self.like = like
        self.parts: dict[int, bytes] = {}
        self.timer = timer

    def text(self, total: int) -> str:
        """As far as it came; neighbours are read together, for a surrogate pair that was cut in two."""
        pieces: list[str] = []
        run, last = b"", 0
        for number in sorted(self.parts):
            if number != last + 1:
                pieces += (text_of(run, self.like), GAP)
                run = b""
            run += self.parts[number]
            last = number
        pieces.append(text_of(run, self.like))
        if last < total:
            pieces.append(GAP)
        return "".join(pieces)


class Parts:
    """The messages that are not whole yet."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._groups: dict[_Key, _Group] = {}

    def take(
        self, pdu: SubmitSm, read: ShortMessage, part: Concatenation, prepared: Prepared, arrival: Arrival
    ) -> StoredMessage | Refusal:
        """Accept one part; the message it belongs to."""
        key = _Key(
            arrival.principal.login,
            pdu.source_addr,
            pdu.destination_addr,
            part.reference,
            part.total,
            part.reference_bytes,
        )
        group = self._groups.get(key)
        if group is not None and group.parts.get(part.part, read.octets) != read.octets:
            # The reference is used again: what was begun stays as it is.
            self._begin(key)
            group = None
        message = self._platform.take_part(prepared, arrival, None if group is None else group.message)
        if isinstance(message, Refusal):
            return message
        if group is None:
            message.parts = part.total
            timer = self._platform.clock.call_later(GATHER, self._begin, key)
            group = self._groups[key] = _Group(message, prepared.outcome, read, timer)
        group.parts[part.part] = read.octets
        message.text = group.text(part.total)
        if len(group.parts) == part.total:
            self._begin(key)
        elif len(self._groups) > MOST:
            self._begin(next(iter(self._groups)))
        return message

    def clear(self) -> None:
        """Forget what has begun."""
        for group in self._groups.values():
            group.timer.cancel()
        self._groups.clear()

    def _begin(self, key: _Key) -> None:
        group = self._groups.pop(key, None)
        if group is not None:
            group.timer.cancel()
            self._platform.start(group.message, group.outcome)
