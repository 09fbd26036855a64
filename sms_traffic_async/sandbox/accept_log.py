"""The ground truth of every reliability test: what the platform really accepted.

An entry is written in the same synchronous block that takes the message in, so
there is no message without an entry and no entry without a message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import overload

from sms_traffic_async.sandbox.clock import SandboxClock
from sms_traffic_async.sandbox.store import DAY, KEEP_DAYS, KEEP_MESSAGES
from sms_traffic_async.secrets import mask_phone, mask_text

__all__ = ("AcceptEntry", "AcceptLog")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AcceptEntry:
    """One message that the platform took.

    Attributes:
        message_id: the id it got.
        node: 1 or 2.
        at: sandbox time, seconds since the epoch.
        tracking_data: as the request gave it.
        restrictive_id: as the request gave it.
        to: the number as it was asked for (before a 495 number became federal).
        text: as the request gave it, templates filled.
        protocol: ``v2``, ``v1``, ``soap``, ``smpp`` or ``smtp``.
        request_id: which request brought it.
    """

    message_id: str
    node: int
    at: float
    tracking_data: str | None
    restrictive_id: str | None
    to: str
    text: str
    protocol: str
    request_id: str

    def __repr__(self) -> str:
        return (
            f"AcceptEntry(message_id={self.message_id!r}, node={self.node}, tracking_data={self.tracking_data!r}, "
            f"to={mask_phone(self.to)!r}, text={mask_text(self.text)}, request_id={self.request_id!r})"
        )


class AcceptLog:
    """Entries of the last seven sandbox days, oldest first; counted by tracking data."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._entries: deque[AcceptEntry] = deque()
        self._by_tracking: dict[str, int] = {}
        self.total: int = 0
        self.keepers: list[Callable[[AcceptEntry | None], None]] = []
        """Called with every entry; with ``None`` when all are forgotten."""

    def add(self, entry: AcceptEntry) -> None:
        """Write one down."""
        horizon = self._clock.now() - KEEP_DAYS * DAY
        while self._entries and (self._entries[0].at < horizon or len(self._entries) >= KEEP_MESSAGES):
            self._drop_oldest()
        self._entries.append(entry)
        self.total += 1
        for keeper in self.keepers:
            keeper(entry)
        if entry.tracking_data is not None:
            self._by_tracking[entry.tracking_data] = self._by_tracking.get(entry.tracking_data, 0) + 1

    def times(self, tracking_data: str) -> int:
        """How often a message with this label was accepted; more than once is a duplicate."""
        return self._by_tracking.get(tracking_data, 0)

    def duplicates(self) -> dict[str, int]:
        """Every label that was accepted more than once, with how often."""
        return {label: count for label, count in self._by_tracking.items() if count > 1}

    def matching(self, *, to: str | None = None, text: str | None = None, node: int | None = None) -> list[AcceptEntry]:
        """The entries that have all of what is given."""
        return [
            entry
            for entry in self._entries
            if (to is None or entry.to == to)
            and (text is None or entry.text == text)
            and (node is None or entry.node == node)
        ]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._by_tracking.clear()
        self.total = 0
        for keeper in self.keepers:
            keeper(None)

    def _drop_oldest(self) -> None:
        label = self._entries.popleft().tracking_data
        if label is not None:
            left = self._by_tracking.get(label, 0) - 1
            if left > 0:
                self._by_tracking[label] = left
            else:
                self._by_tracking.pop(label, None)

    @overload
    def __getitem__(self, index: int) -> AcceptEntry: ...
    @overload
    def __getitem__(self, index: slice) -> list[AcceptEntry]: ...
    def __getitem__(self, index: int | slice) -> AcceptEntry | list[AcceptEntry]:
        return list(self._entries)[index] if isinstance(index, slice) else self._entries[index]

    def __iter__(self) -> Iterator[AcceptEntry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
