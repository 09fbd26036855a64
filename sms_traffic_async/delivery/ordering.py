"""The order of what is heard of one message: what is news, what is not. Pure.

Pushes, receipts and answers come twice, late and in any order. Of one message
(or one part) a status is either news, or it changes nothing (field notes,
"Order of statuses"). A status is reached once, so message and status together
name an event: the same whoever tells it and whenever, across a crash too.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable
from hashlib import blake2b
from typing import Generic, TypeVar

from sms_traffic_async.statuses import MessageStatus, supersedes

__all__ = ("Recent", "Step", "advance", "event_id")

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Step(enum.Enum):
    """What a report is beside what is known."""

    NEWS = "news"
    """It replaces what is known."""
    DUPLICATE = "duplicate"
    """It says the same again."""
    STALE = "stale"
    """It is late: more than that is known."""
    CONFLICT = "conflict"
    """A final status that contradicts the final one that came first: worth a look, and it changes nothing."""


def advance(old: MessageStatus | None, new: MessageStatus) -> Step:
    """Hold a report against what is known of the same message.

    Args:
        old: what is known; ``None`` for nothing at all.
        new: what was just heard.
    """
    if old is None:
        return Step.NEWS
    if new == old:
        return Step.DUPLICATE
    if supersedes(old, new):
        return Step.NEWS
    if not (old.is_final and new.is_final):
        return Step.STALE
    # Delivered after Read is late; of Read, Clicked and Checked the first one stays.
    return Step.STALE if old.is_delivered and new.is_delivered else Step.CONFLICT


def event_id(message_id: str, status: str) -> str:
    """The id of "this message reached this status": 32 hexadecimal digits, always the same.

    No time goes in: a receipt, a push and an answer tell different times of one event.
    """
    return blake2b(f"{message_id}\0{status}".encode(errors="surrogatepass"), digest_size=16).hexdigest()


class Recent(Generic[K, V]):
    """The last things heard, bounded: at least ``most`` of them, at most twice as many.

    Two dictionaries take turns, so that forgetting costs nothing per item.
    """

    __slots__ = ("_most", "_old", "_young")

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._young) + sum(key not in self._young for key in self._old)

    def __contains__(self, key: K) -> bool:
        return key in self._young or key in self._old

    def get(self, key: K) -> V | None:
        """What is kept under a key; looking does not keep it longer."""
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def put(self, key: K, value: V) -> None:
        """Keep it as the newest."""
        young = self._young
        if len(young) >= self._most and key not in young:
            self._old, self._young = young, {}
            young = self._young
        young[key] = value

    def pop(self, key: K) -> V | None:
        """Take it out."""
        old = self._old.pop(key, None)
        young = self._young.pop(key, None)
        return old if young is None else young
