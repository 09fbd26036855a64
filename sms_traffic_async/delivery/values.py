"""What a reader is told of a message, and what is kept of one while it is followed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from sms_traffic_async.delivery.folding import whole
from sms_traffic_async.delivery.ordering import event_id
from sms_traffic_async.messages import StatusUpdate, Submission, Via
from sms_traffic_async.statuses import MessageStatus

__all__ = ("Tracked", "TrackedUpdate", "lean")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TrackedUpdate(StatusUpdate):
    """The status of a whole message, all its parts folded into one.

    Attributes:
        message_ids: of its parts; one in v2.
        details: the latest of each part, in order, where there are several.
        key: the submission's key (your own ``key=``, if you gave one); ``None`` for a message known by id only.
        via: the protocol that carried it, if that is known.
        given_up: no final status came while the platform could tell; ``status`` is the last one heard.
    """

    message_ids: tuple[str, ...] = ()
    details: tuple[StatusUpdate, ...] = ()
    key: str | None = None
    via: Via | None = None
    given_up: bool = False

    @property
    def event_id(self) -> str:
        """The id of "this message reached this status", stable across a crash: store it to know a repeat."""
        return event_id(self.message_id, "given up" if self.given_up else self.status)

    @property
    def is_last(self) -> bool:
        """No more is expected: the status is final, or the message was given up."""
        return self.given_up or self.is_final

    def part(self, message_id: str) -> StatusUpdate | None:
        """What is known of one part."""
        for one in self.details:
            if one.message_id == message_id:
                return one
        return self if message_id == self.message_id and not self.details else None

    # A decorated class without a repr of its own would show the number.
    def __repr__(self) -> str:
        return f"TrackedUpdate(message_id={self.message_id!r}, status={str(self.status)!r}, source={self.source!r})"


_FIELDS = tuple(field.name for field in fields(StatusUpdate))


def lean(update: StatusUpdate) -> StatusUpdate:
    """Without the raw reply, for what is kept for long."""
    return update if update.raw is None else replace(update, raw=None)


class Tracked:
    """One message that is followed. A million of them must fit, so nothing is here twice.

    Attributes:
        message_id: of the first part.
        more: ids of the other parts.
        key: the submission's.
        via: who asks about it; ``None`` for whoever can.
        until: monotonic seconds, when it is given up.
        known: the latest of its one part.
        parts: the latest of each part heard of, where there are several.
        waiters: who waits for its end.
        due: when it is asked about next, and ``rung`` where it stands in the schedule.
        told: the status that readers know of.
        kept: it is followed for readers, not only for waiters.
        ended: it is not followed any more.
    """

    __slots__ = (
        "due",
        "ended",
        "kept",
        "key",
        "known",
        "message_id",
        "more",
        "parts",
        "rung",
        "told",
        "until",
        "via",
        "waiters",
    )

    def __init__(
        self, message_id: str, more: tuple[str, ...], *, via: Via | None, key: str | None, until: float
    ) -> None:
        self.message_id: str = message_id
        self.more: tuple[str, ...] = more
        self.via: Via | None = via
        self.key: str | None = key
        self.until: float = until
        self.known: StatusUpdate | None = None
        self.parts: dict[str, StatusUpdate] | None = None
        self.told: MessageStatus | None = None
        self.waiters: list[asyncio.Future[TrackedUpdate]] | None = None
        self.due: float | None = None
        self.rung: int = 0
        self.kept: bool = False
        self.ended: bool = False

    @classmethod
    def of(cls, sent: Submission, *, until: float) -> Tracked:
        """A message that the platform took."""
        ids = sent.message_ids
        return cls(ids[0], ids[1:], via=sent.via, key=sent.key, until=until)

    @property
    def ids(self) -> Iterator[str]:
        """Of every part, in order."""
        yield self.message_id
        yield from self.more

    def open_ids(self) -> Iterator[str]:
        """Of the parts whose end is not known."""
        for one in self.ids:
            known = self.heard(one)
            if known is None or not known.is_final:
                yield one

    def heard(self, message_id: str) -> StatusUpdate | None:
        """The latest of one part."""
        if not self.more:
            return self.known
        return None if self.parts is None else self.parts.get(message_id)

    def learn(self, update: StatusUpdate) -> None:
        """Keep the latest of one part."""
        if not self.more:
            self.known = update
            return
        if self.parts is None:
            self.parts = {}
        self.parts[update.message_id] = update

    def folded(self, instead: StatusUpdate | None = None) -> StatusUpdate | None:
        """One status for all parts, ``None`` while nothing was heard.

        Args:
            instead: an update that was not learnt, to see what it would make.
        """
        if not self.more:
            return instead or self.known
        heard: dict[str, StatusUpdate] = {} if self.parts is None else dict(self.parts)
        if instead is not None:
            heard[instead.message_id] = instead
        if not heard:
            return None
        return whole([heard.get(one) or _silent(one) for one in self.ids])

    def tracked(self, update: StatusUpdate, *, given_up: bool = False) -> TrackedUpdate:
        """What a reader gets."""
        values: dict[str, Any] = {name: getattr(update, name) for name in _FIELDS}
        values["message_id"] = self.message_id
        parts = self.parts or {}
        return TrackedUpdate(
            **values,
            message_ids=(self.message_id, *self.more),
            details=tuple(parts[one] for one in self.ids if one in parts),
            key=self.key,
            via=self.via,
            given_up=given_up,
        )

    def __repr__(self) -> str:
        return f"Tracked(message_id={self.message_id!r}, parts={1 + len(self.more)})"


def _silent(message_id: str) -> StatusUpdate:
    return StatusUpdate(message_id=message_id, status=MessageStatus.PENDING)
