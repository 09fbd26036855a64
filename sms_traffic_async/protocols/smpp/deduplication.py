"""What was delivered before: the platform repeats what it had no answer for.

A receipt with the same octets is the same receipt. A message with the same text
need not be: people answer "yes" twice. So a message is a repeat only where the
platform has reason to repeat it: its link was lost so soon after our answer
that the answer may not have arrived, and the copy comes over another link.
Parts of long messages carry a reference, and are the same wherever they come.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from sms_traffic_async.protocols.smpp.correlation import Acknowledger
from sms_traffic_async.protocols.smpp.inbound import Carrier

__all__ = ("Line", "Lines", "SeenMessages", "SeenReceipts", "fingerprint")

_DOUBT: Final = 60.0
"""An answer older than this when its link was lost has arrived: heartbeats went over the same link since."""


def fingerprint(pdu: Carrier) -> int:
    """A number that equal messages share, for this process only."""
    return hash((pdu.source_addr, pdu.destination_addr, pdu.esm_class, pdu.data_coding, pdu.user_data, pdu.tlvs))


class SeenReceipts:
    """Fingerprints of receipts that were handed over; the latest ``most / 2`` at least."""

    __slots__ = ("_half", "generations")

    def __init__(self, most: int = 40_000) -> None:
        self._half = max(1, most // 2)
        self.generations: tuple[set[int], set[int]] = (set(), set())
        """The younger and the older ones themselves, for a loop that cannot afford a call."""

    def __contains__(self, number: int) -> bool:
        young, old = self.generations
        return number in young or number in old

    def __len__(self) -> int:
        young, old = self.generations
        return len(young) + len(old)

    def add(self, numbers: set[int]) -> None:
        """Remember them."""
        young = self.generations[0]
        young |= numbers
        if len(young) >= self._half:
            self.generations = set(), young


class Line:
    """One connection's time: when it was last heard of, and when it ended."""

    __slots__ = ("ended_at", "heard_at", "link", "server")

    def __init__(self, link: Acknowledger, now: float) -> None:
        self.link: Acknowledger | None = link
        self.server: str = link.server
        self.heard_at: float = now
        self.ended_at: float | None = None

    def end(self, now: float) -> None:
        """It is over."""
        self.link = None
        if self.ended_at is None:
            self.ended_at = now


class Lines:
    """The connections that bring messages: one to each server, as the platform allows no more."""

    __slots__ = ("_by_server",)

    def __init__(self) -> None:
        self._by_server: dict[str, Line] = {}

    def of(self, link: Acknowledger, now: float) -> Line:
        """A link's line. A new link to a server says that the one before it is over."""
        line = self._by_server.get(link.server)
        if line is None or line.link is not link:
            if line is not None:
                line.end(line.heard_at)
            line = self._by_server[link.server] = Line(link, now)
        line.heard_at = now
        return line

    def lost(self, link: Acknowledger, now: float) -> None:
        """A link is over."""
        line = self._by_server.get(link.server)
        if line is not None and line.link is link:
            line.end(now)


class _Copy:
    __slots__ = ("at", "count", "line")

    def __init__(self, line: Line, at: float) -> None:
        self.line = line
        self.at = at
        self.count = 1


class SeenMessages:
    """Messages that the application took, for a while."""

    __slots__ = ("_copies", "_most", "_ttl")

    def __init__(self, *, ttl: float, most: int = 10_000) -> None:
        self._ttl = ttl
        self._most = most
        self._copies: OrderedDict[int, _Copy] = OrderedDict()

    def __len__(self) -> int:
        return len(self._copies)

    def add(self, number: int, line: Line, now: float) -> None:
        """The application took it, and the platform was told over this line."""
        copy = self._copies.pop(number, None)
        if copy is None or copy.line is not line:
            copy = _Copy(line, now)
        else:
            copy.at = now
            copy.count += 1
        self._copies[number] = copy
        while len(self._copies) > self._most:
            self._copies.popitem(last=False)

    def is_repeat(self, number: int, line: Line, now: float, *, is_part: bool) -> bool:
        """Whether the platform repeats what it was told to be taken.

        Args:
            number: the message's `fingerprint`.
            line: where it comes from.
            now: the time.
            is_part: of a long message, whose reference tells it from another.
        """
        copy = self._copies.get(number)
        if copy is None:
            return False
        if now - copy.at > self._ttl:
            del self._copies[number]
            return False
        if is_part:
            return True
        ended_at = copy.line.ended_at
        if copy.line is line or ended_at is None or ended_at - copy.at > _DOUBT:
            return False
        copy.count -= 1
        if not copy.count:
            del self._copies[number]
        return True
