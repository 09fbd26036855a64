"""What is remembered of pushes, within a bound: how far each message is, and what each inbound one was answered.

Pure. An id that nobody mentioned for long is forgotten first.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable, Mapping, Sequence

from sms_traffic_async.delivery.ordering import Recent, Step, advance
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.statuses import MessageStatus

__all__ = ("Failures", "Replies", "Statuses")

_REPLY_BYTES = 8 * 1_024 * 1_024


class Statuses:
    """How far each message is; what is news is said by ``delivery.ordering``.

    Args:
        most: message ids (``Recent`` keeps up to twice as many).
    """

    __slots__ = ("_reached",)

    def __init__(self, most: int) -> None:
        self._reached: Recent[str, MessageStatus] = Recent(most)

    def __len__(self) -> int:
        return len(self._reached)

    def news(self, updates: Sequence[StatusUpdate]) -> tuple[list[StatusUpdate], Mapping[Step, int]]:
        """Those that take a message further, in their order, and how many are what else; nothing is remembered yet."""
        news: list[StatusUpdate] = []
        ahead: dict[str, MessageStatus] = {}
        steps: Counter[Step] = Counter()
        for update in updates:
            one = update.message_id
            step = advance(ahead[one] if one in ahead else self._reached.get(one), update.status)
            if step is Step.NEWS:
                news.append(update)
                ahead[one] = update.status
            else:
                steps[step] += 1
        return news, steps

    def remember(self, updates: Sequence[StatusUpdate]) -> None:
        """Somebody took responsibility for these."""
        for update in updates:
            one = update.message_id
            known = self._reached.get(one)
            if known is None or advance(known, update.status) is Step.NEWS:
                self._reached.put(one, update.status)


class Replies:
    """What each inbound message was answered, so that a repeat of it gets the same.

    Args:
        most: messages.
        most_bytes: of all replies together.
    """

    __slots__ = ("_most", "_most_bytes", "_replies", "size")

    def __init__(self, most: int, most_bytes: int = _REPLY_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._replies: OrderedDict[Hashable, tuple[bytes, str]] = OrderedDict()
        self.size: int = 0

    def __len__(self) -> int:
        return len(self._replies)

    def get(self, key: Hashable) -> tuple[bytes, str] | None:
        """The body and its charset."""
        found = self._replies.get(key)
        if found is not None:
            self._replies.move_to_end(key)
        return found

    def remember(self, key: Hashable, body: bytes, charset: str) -> None:
        """This was the answer."""
        self._forget(key)
        self._replies[key] = (body, charset)
        self.size += len(body)
        while len(self._replies) > self._most or (self.size > self._most_bytes and len(self._replies) > 1):
            self._forget(next(iter(self._replies)))

    def _forget(self, key: Hashable) -> None:
        old = self._replies.pop(key, None)
        if old is not None:
            self.size -= len(old[0])


class Failures:
    """Tells an item that a handler cannot take from a handler that cannot take anything.

    An item is to blame when the handler failed over it ``attempts`` times, and
    took others beside it or since. While it takes nothing at all, as with a
    database that is away, an item is blamed only after ``patience`` seconds: a
    platform that sends one thing until it is taken would send nothing else.

    Args:
        attempts: failures over one item.
        patience: seconds since the first of them.
        most: items that are remembered.
    """

    __slots__ = ("_attempts", "_failed", "_most", "_patience", "taken")

    def __init__(self, attempts: int, patience: float, most: int = 1_000) -> None:
        self._attempts = attempts
        self._patience = patience
        self._most = most
        # By item: failures, what was taken before the first of them, and when that was.
        self._failed: OrderedDict[Hashable, tuple[int, int, float]] = OrderedDict()
        self.taken: int = 0
        """Calls that the handler took."""

    def __len__(self) -> int:
        return len(self._failed)

    def failed(self, key: Hashable, *, taken: int, now: float) -> bool:
        """The handler failed over this item; whether the item is to blame.

        Args:
            key: the item.
            taken: ``self.taken`` before the call in which it failed.
            now: seconds that never go back.
        """
        count, before, first = self._failed.pop(key, (0, taken, now))
        count = min(count + 1, self._attempts)
        self._failed[key] = (count, before, first)
        if len(self._failed) > self._most:
            self._failed.popitem(last=False)
        return count == self._attempts and (self.taken > before or now - first >= self._patience)

    def forget(self, key: Hashable) -> None:
        """It was set aside."""
        self._failed.pop(key, None)
