"""Which receipt belongs to which message: ids that are known, and receipts that came too early.

A platform may send a receipt before the response that tells the message's id
(jasmin#423), and over another link than the one that sent it (jasmin#599), so
one `Correlation` and one `EarlyReceipts` serve all links of an account.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.protocols.smpp.events import Requested
from sms_traffic_async.protocols.smpp.fields import Response
from sms_traffic_async.protocols.smpp.message_ids import EXACT, IdMatching

__all__ = ("Acknowledger", "Correlation", "EarlyReceipt", "EarlyReceipts")

KNOWN_EXACT: Final = 20_000
"""Where ids are equal, to know one only saves its receipt a wait."""
KNOWN_OTHERWISE: Final = 200_000
"""Where they are not, the receipt's own id is of no use to the caller."""


class Acknowledger(Protocol):
    """A link, as the receiving side sees it. Neither method raises; both do nothing once the link is over."""

    @property
    def server(self) -> str:
        """The name of the node at its other end."""
        ...

    def acknowledge(self, sequence: int, command_status: int = 0, /) -> object:
        """Answer a deliver_sm."""
        ...

    def answer(self, event: Requested, response: Response, /) -> object:
        """Answer anything else, which is rare."""
        ...


class Correlation:
    """The ids of what was sent, so far as they are remembered.

    Attributes:
        is_exact: ids are compared as they are.
        young: the younger half of them, by key. Where ids are exact, one may be
            put in as it is while one more does not fill it: each message does.
        half: so many fill it.
    """

    __slots__ = ("_matching", "_old", "half", "is_exact", "young")

    def __init__(self, matching: IdMatching = EXACT, *, most: int | None = None) -> None:
        """Nothing is known yet.

        Args:
            matching: what counts as the same id.
            most: ids to remember; ``None`` takes 20,000, or 200,000 where ids differ.

        Raises:
            ConfigurationError: ``most`` is less than 2.
        """
        self._matching = matching
        self.is_exact: bool = matching == EXACT
        if most is None:
            most = KNOWN_EXACT if self.is_exact else KNOWN_OTHERWISE
        if most < 2:  # noqa: PLR2004 - two generations
            raise ConfigurationError("Correlation: most must be at least 2")
        self.half: int = most // 2
        # Two generations: the elder is forgotten as a whole when the younger is full. No price per id.
        self.young: dict[str, str] = {}
        self._old: dict[str, str] = {}

    def learn(self, message_id: str) -> None:
        """Remember the id of a response."""
        young = self.young
        if self.is_exact:
            young[message_id] = message_id
        else:
            for key in self._matching.stored_keys(message_id):
                young[key] = message_id
        if len(young) >= self.half:
            self._old, self.young = young, {}

    def find(self, message_id: str, text_id: str | None = None) -> str | None:
        """The id that the message of a receipt was sent under; ``None`` if it is not known.

        Args:
            message_id: the receipt's id; the same object comes back where it is the message's.
            text_id: the id in its text, if that is another.
        """
        if self.is_exact:
            if message_id in self.young or message_id in self._old:
                return message_id
            return text_id if text_id in self.young or text_id in self._old else None
        for key in self.lookup_keys(message_id, text_id):
            found = self.young.get(key) or self._old.get(key)
            if found is not None:
                return found
        return None

    def stored_keys(self, message_id: str) -> tuple[str, ...]:
        """The keys under which an early receipt of this message may wait."""
        return (message_id,) if self.is_exact else self._matching.stored_keys(message_id)

    def lookup_keys(self, message_id: str, text_id: str | None = None) -> tuple[str, ...]:
        """The keys under which a receipt waits, the surest first; none for one without an id."""
        ids = [one for one in (message_id, text_id) if one]
        return tuple(dict.fromkeys(key for one in ids for key in self._matching.lookup_keys(one)))

    def __len__(self) -> int:
        return len(self.young) + len(self._old)


class EarlyReceipt:
    """A receipt of a message that is not known yet. Not acknowledged while it waits."""

    __slots__ = ("came_at", "fingerprint", "is_gone", "keys", "owed", "until", "update")

    def __init__(
        self,
        update: StatusUpdate,
        keys: tuple[str, ...],
        came_at: float,
        until: float,
        owed: tuple[Acknowledger, Requested],
        fingerprint: int,
    ) -> None:
        self.update: StatusUpdate = update
        self.keys: tuple[str, ...] = keys
        self.came_at: float = came_at
        self.until: float = until
        self.owed: list[tuple[Acknowledger, Requested]] = [owed]
        self.fingerprint: int = fingerprint
        self.is_gone: bool = False


class EarlyReceipts:
    """Receipts that wait for the response of their message; oldest first.

    Attributes:
        count: how many; an attribute, because every response asks for it.
    """

    __slots__ = ("_by_fingerprint", "_by_key", "_in_order", "count")

    def __init__(self) -> None:
        self._by_key: dict[str, list[EarlyReceipt]] = {}
        self._by_fingerprint: dict[int, EarlyReceipt] = {}
        self._in_order: deque[EarlyReceipt] = deque()
        self.count: int = 0

    def add(self, early: EarlyReceipt) -> None:
        """Let it wait."""
        for key in early.keys:
            self._by_key.setdefault(key, []).append(early)
        self._by_fingerprint[early.fingerprint] = early
        self._in_order.append(early)
        self.count += 1

    def same(self, fingerprint: int) -> EarlyReceipt | None:
        """The one that waits already, of a receipt that was delivered twice."""
        return self._by_fingerprint.get(fingerprint)

    def release(self, keys: Iterable[str]) -> list[EarlyReceipt]:
        """Those of one message, in the order they came."""
        found = [early for key in keys for early in self._by_key.get(key, ())]
        for early in found:
            self._drop(early)
        # One may wait under several keys.
        return list(dict.fromkeys(found))

    def expire(self, now: float, came_before: float) -> list[EarlyReceipt]:
        """Those whose time is over, and those that came before that moment."""
        return list(self._take(lambda early: early.until <= now or early.came_at < came_before))

    def shrink(self, most: int) -> list[EarlyReceipt]:
        """The oldest, until so many are left."""
        return list(self._take(lambda _: self.count > most))

    def next_deadline(self) -> float | None:
        """When the time of the oldest is over."""
        self._skip()
        return self._in_order[0].until if self._in_order else None

    def _take(self, due: Callable[[EarlyReceipt], bool]) -> Iterator[EarlyReceipt]:
        self._skip()
        while self._in_order and due(self._in_order[0]):
            early = self._in_order.popleft()
            self._drop(early)
            yield early
            self._skip()

    def _skip(self) -> None:
        while self._in_order and self._in_order[0].is_gone:
            self._in_order.popleft()

    def _drop(self, early: EarlyReceipt) -> None:
        if early.is_gone:
            return
        early.is_gone = True
        self.count -= 1
        self._by_fingerprint.pop(early.fingerprint, None)
        for key in early.keys:
            waiting = self._by_key[key]
            waiting.remove(early)
            if not waiting:
                del self._by_key[key]
