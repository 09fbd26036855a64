"""Inbound messages in parts, put together again.

1. Parts belong together by source, destination, reference, total and how the
   reference was written: 111 and 999 may both be at their reference 5.
2. They may come in any order and over any link, and are joined by number.
3. A part that is there already is the same part again, delivered twice; also
   after its message was complete. With other octets it begins a new message,
   and the old one is surfaced as it is: references repeat after 256.
4. What is not complete when its time is over, or has to make room, is surfaced
   with what there is of it. Nothing is swallowed and nothing grows.
5. A header that says nothing of parts, or nothing sensible, belongs to a
   message of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.protocols.smpp.inbound import GAP, InboundText, Key, Part, part_of

__all__ = ("GAP", "InboundText", "Joined", "Key", "Part", "Reassembler", "part_of")


class Joined(NamedTuple):
    """What became of a part.

    Attributes:
        messages: those that it completed, and those that had to make room; mostly none.
        duplicate: it was there already and is not needed.
    """

    messages: list[InboundText]
    duplicate: bool = False


class _Begun(NamedTuple):
    first_at: float
    parts: dict[int, Part]


class _Done(NamedTuple):
    until: float
    parts: dict[int, int]


class Reassembler:
    """The store of what has begun. One serves all links of an account.

    Attributes:
        completed: messages put together.
        duplicates: parts that were there already.
        surfaced: messages given out with parts missing.
    """

    def __init__(self, *, ttl: float = 1800.0, max_messages: int = 1000, max_parts: int = 20_000) -> None:
        """An empty store.

        Args:
            ttl: seconds from its first part until a message is surfaced as it is.
            max_messages: of more than so many, the oldest is surfaced.
            max_parts: the same for parts of all messages.

        Raises:
            ConfigurationError: one of them is not greater than 0.
        """
        if min(ttl, max_messages, max_parts) <= 0:
            raise ConfigurationError("Reassembler: every limit is greater than 0")
        self._ttl = ttl
        self._max_messages = max_messages
        self._max_parts = max_parts
        self._begun: OrderedDict[Key, _Begun] = OrderedDict()
        self._done: OrderedDict[Key, _Done] = OrderedDict()
        self._stored = 0
        self.completed: int = 0
        self.duplicates: int = 0
        self.surfaced: int = 0

    def __len__(self) -> int:
        return len(self._begun)

    @property
    def stored_parts(self) -> int:
        """Parts that wait for others."""
        return self._stored

    def add(self, part: Part, now: float) -> Joined:
        """Take a part. A message of its own is complete at once.

        Args:
            part: from `part_of`.
            now: the time; never earlier than before.
        """
        key = part.key
        if key is None:
            return Joined([_message(part, (part,), 1, now)])
        if self._is_known(key, part):
            self.duplicates += 1
            return Joined([], duplicate=True)
        messages: list[InboundText] = []
        begun = self._begun.get(key)
        if begun is not None and part.number in begun.parts:
            messages.append(self._surface(key))
            begun = None
        if begun is None:
            begun = self._begun[key] = _Begun(now, {})
        begun.parts[part.number] = part
        self._stored += 1
        if len(begun.parts) == key.total:
            messages.append(self._complete(key, now))
        while len(self._begun) > self._max_messages or self._stored > self._max_parts:
            messages.append(self._surface(next(iter(self._begun))))
        return Joined(messages)

    def expire(self, now: float) -> list[InboundText]:
        """What has waited too long, with what there is of it."""
        while self._done and next(iter(self._done.values())).until <= now:
            self._done.popitem(last=False)
        messages: list[InboundText] = []
        while self._begun and next(iter(self._begun.values())).first_at + self._ttl <= now:
            messages.append(self._surface(next(iter(self._begun))))
        return messages

    def next_deadline(self) -> float | None:
        """When `expire` has something to give."""
        for begun in self._begun.values():
            return begun.first_at + self._ttl
        return None

    def flush(self) -> list[InboundText]:
        """Give out everything that has begun, oldest first: at the end."""
        return [self._surface(key) for key in list(self._begun)]

    def forget(self, key: Key) -> None:
        """A message that was completed was not taken: its parts, when they come again, begin anew."""
        self._done.pop(key, None)

    def _is_known(self, key: Key, part: Part) -> bool:
        done = self._done.get(key)
        if done is not None:
            if done.parts.get(part.number) == hash(part.octets):
                return True
            del self._done[key]  # the reference is used again
        begun = self._begun.get(key)
        there = None if begun is None else begun.parts.get(part.number)
        return there is not None and there.octets == part.octets

    def _complete(self, key: Key, now: float) -> InboundText:
        message = self._take(key)
        self.completed += 1
        self._done[key] = _Done(now + self._ttl, {part.number: hash(part.octets) for part in message.parts})
        if len(self._done) > self._max_messages:
            self._done.popitem(last=False)
        return message

    def _surface(self, key: Key) -> InboundText:
        self.surfaced += 1
        return self._take(key)

    def _take(self, key: Key) -> InboundText:
        begun = self._begun.pop(key)
        self._stored -= len(begun.parts)
        parts = tuple(begun.parts[number] for number in sorted(begun.parts))
        return _message(parts[0], parts, key.total, begun.first_at)


def _message(like: Part, parts: tuple[Part, ...], total: int, first_at: float) -> InboundText:
    return InboundText(
        source_addr=like.source_addr,
        destination_addr=like.destination_addr,
        parts=parts,
        total=total,
        first_at=first_at,
    )
