"""One message on its way: its parts, and what is known of each. Plain state, changed by `desk.Desk` only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from sms_traffic_async.errors import SendError
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.posting import Tray
from sms_traffic_async.protocols.smpp.fields import draft_of
from sms_traffic_async.secrets import mask_phone

__all__ = ("Parcel", "SubmitEvidence", "submission")

_NEVER: Final = float("inf")


class Parcel:
    """One message of one part or of several.

    What every message has, has a slot; what is rare stands on the class and is stored only when it
    happens. It is also the call that a session's close waits for and, at last, interrupts
    (`lifecycle.CallScope`).

    Attributes:
        waiter: is told the outcome: the future of a call, or the tray of a `send_many`.
        bodies: of its submit_sm, in order.
        settled: it has its outcome, or nobody waits for that any more.
        pending: parts that wait to be written.
        todo: which ones, by index; only kept where there are several.
        flying: parts written, without answer, and not given up.
        ids: of the parts accepted so far, by index.
        unanswered: parts that may have been taken; by index, how often each was repeated since.
        repeats: how often one of its parts was put back after it had been written.
        until: when it is looked at for the first time: its deadline, or the end of its time to live.
        rests: it waits a moment outside of the queue.
    """

    __slots__ = (
        "__dict__",
        "_interrupted",
        "bodies",
        "count",
        "deadline",
        "encoding",
        "expires_at",
        "first_written",
        "flying",
        "held",
        "ids",
        "index",
        "key",
        "lane",
        "last_written",
        "message",
        "node",
        "number",
        "pending",
        "place",
        "put_at",
        "reference",
        "repeats",
        "resend",
        "rests",
        "settled",
        "task",
        "to",
        "todo",
        "unanswered",
        "until",
        "waiter",
    )

    settled: bool
    rests: bool
    flying: int
    repeats: int
    lane: int
    node: str
    first_written: float
    last_written: float
    nodes: tuple[str, ...] = ()
    refusal: int = 0
    """The latest status other than ESME_ROK; 0 for none."""
    refused_by: str = ""
    refused: frozenset[int] = frozenset()
    """Which parts were refused and will not go again."""
    never: frozenset[int] = frozenset()
    """Which parts were dropped before they could go."""
    final: bool = False
    """That status is the platform's last word."""
    tries: Mapping[str, int] = MappingProxyType[str, int]({})
    """Refusals of the kind "again", by server."""
    bound_to: str = ""
    """The only server it may still go to."""
    sequence: int = 0
    """Of its latest submit_sm that was lost or refused."""
    repeats_until: float = _NEVER
    late_until: float = -_NEVER
    """An answer that is overdue may come until then."""
    rests_until: float = -_NEVER
    place: str | None
    """Where it waits in the queue: ``""``, or the server that it is bound to; ``None`` for not at all."""
    held: bool
    """A link has begun it and holds it until its last part is written."""
    task: asyncio.Task[Any] | None
    """Who waits, as far as `send_many` has to know."""
    message: Message
    """For the tray, and so only there with one; and ``index``, its place in the source."""
    index: int

    def __init__(  # noqa: PLR0917 - one is made for every message, and keywords cost
        self,
        waiter: asyncio.Future[Submission] | Tray,
        number: int,
        key: str,
        to: str,
        bodies: tuple[bytes, ...],
        encoding: str,
        reference: int | None,
        interrupted: Callable[[Parcel], None],
        put_at: float,
        deadline: float,
        expires_at: float,
        resend: bool,
    ) -> None:
        self.waiter: asyncio.Future[Submission] | Tray = waiter
        self.number: int = number
        self.key: str = key
        self.to: str = to
        self.bodies: tuple[bytes, ...] = bodies
        self.encoding: str = encoding
        self.count: int = len(bodies)
        self.pending: int = self.count
        self.reference: int | None = reference
        self.put_at: float = put_at
        self.deadline: float = deadline
        self.expires_at: float = expires_at
        self.until: float = deadline if deadline < expires_at else expires_at  # noqa: FURB136 - a call costs
        self.resend: bool = resend
        self._interrupted = interrupted
        # Read for every message: CPython finds what stands on the class several times as slowly as a slot.
        self.ids: dict[int, str] | None = None
        self.unanswered: dict[int, int] | None = None
        self.todo: list[int] | None = None if reference is None else list(range(self.count))
        self.settled = self.rests = self.held = False
        self.place = self.task = None
        self.flying = self.repeats = self.lane = 0
        self.node = ""
        self.first_written = self.last_written = _NEVER

    @property
    def is_awaited(self) -> bool:
        """Whether anybody wants to know its outcome."""
        waiter = self.waiter
        return not (waiter.is_closed if isinstance(waiter, Tray) else waiter.done())

    def accept(self, sent: Submission) -> None:
        """Tell whoever waits that the platform took it."""
        waiter = self.waiter
        if isinstance(waiter, Tray):
            waiter.accepted.append((self.message, self.index, sent))
            waiter.take()
        elif not waiter.done():
            waiter.set_result(sent)

    def fail(self, error: SendError) -> None:
        """Tell whoever waits that it was not sent, or that nobody knows."""
        waiter = self.waiter
        if isinstance(waiter, Tray):
            waiter.refuse(self.message, self.index, error)
        elif not waiter.done():
            waiter.set_exception(error)

    def interrupt(self) -> None:
        """The session closes, or whoever started it wants no more of it."""
        self._interrupted(self)

    @property
    def begun(self) -> bool:
        """Whether anything of it may have been taken."""
        return bool(self.flying or self.ids or self.unanswered)

    @property
    def message_ids(self) -> tuple[str, ...]:
        """The ids of its parts, in order; parts without one are left out."""
        ids = self.ids or {}
        return tuple(filter(None, map(ids.get, sorted(ids))))

    def __repr__(self) -> str:
        return f"<Parcel {self.key} to {mask_phone(self.to)}, {self.count} parts>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SubmitEvidence:
    """All that is known of a message whose outcome is not (``OutcomeUnknown.evidence``).

    SMPP has no way to ask for it: a receipt, the cabinet or a report over v2 can tell.

    Attributes:
        key: the id the library gave it.
        nodes: the servers it was written to, each once, in order.
        first_attempt_at: when its first part was written (aware, UTC).
        last_attempt_at: when its last part was written.
        attempts: how often it was written, the first time included.
        parts: how many parts it has.
        message_ids: of the parts that were taken, in order.
        accepted: numbers of the parts that were taken, from 1.
        unanswered: numbers of the parts that may have been taken.
        unsent: numbers of the parts that were provably not: never written, or refused.
        sequence: the sequence number of the latest submit_sm without answer, or refused.
        reference: what ties its parts together; ``None`` for one part.
        to: the number; not printed.
    """

    key: str
    nodes: tuple[str, ...]
    first_attempt_at: datetime
    last_attempt_at: datetime
    attempts: int
    parts: int
    message_ids: tuple[str, ...]
    accepted: tuple[int, ...]
    unanswered: tuple[int, ...]
    unsent: tuple[int, ...]
    sequence: int
    reference: int | None
    to: str

    def __repr__(self) -> str:
        return (
            f"SubmitEvidence(key={self.key!r}, nodes={self.nodes!r}, "
            f"first_attempt_at={self.first_attempt_at.isoformat()!r}, attempts={self.attempts}, parts={self.parts}, "
            f"accepted={self.accepted!r}, unanswered={self.unanswered!r}, unsent={self.unsent!r})"
        )


_FIELDS: Final[Iterable[str]] = tuple(Submission.__slots__)
_new_submission: Final = draft_of(object, _FIELDS)


def submission(parcel: Parcel, message_ids: tuple[str, ...], accepted_at: datetime) -> Submission:
    """``Submission(...)`` at a fraction of the price; see `fields.draft_of`."""
    made = _new_submission()
    made.via = "smpp"
    made.message_ids = message_ids
    made.key = parcel.key
    made.to = parcel.to
    made.node = parcel.node
    made.accepted_at = accepted_at
    made.evidence = "answer"
    made.tracking_data = None
    made.parts = parcel.count
    made.parts_exact = True
    made.encoding = parcel.encoding
    made.start_at = None
    made.attempts = parcel.repeats + 1
    made.__class__ = Submission
    return made  # type: ignore[no-any-return] # it has just become one
