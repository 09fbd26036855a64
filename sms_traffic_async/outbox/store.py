"""What an outbox keeps, and what it asks of whoever keeps it: one interface for SQLite and PostgreSQL.

Rules
-----
1. A message is pending, then a member of a *unit*: what goes out as one request
   under one id. A unit is committed with its ordered members before it is sent,
   is claimed with a token and a lease, and is never changed afterwards.
2. ``begin`` is committed before the first byte. A unit that began and whose lease
   ran out may have been taken: it is claimed again *whole*, with ``maybe`` set.
3. Every write about a unit is made only while its token is the one that claimed
   it last; whoever lost it writes nothing.
4. A store reads its own clock. Callers speak in seconds from now; a clock that is
   set back delays nothing and lets nothing live longer.
5. Every method is atomic, and durable when it returns.

States::

    pending -> sending -> accepted -> final
       ^          |-> pending (not sent, or refused for now)
       |          |-> rejected | held (no money, no credential)
       |          '-> ambiguous -> accepted | pending (another id) | unknown
       '- retry(): held, unknown, rejected, expired
    pending -> expired | cancelled        held -> cancelled
"""

from __future__ import annotations

import enum
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from sms_traffic_async.session import SmsTraffic

__all__ = (
    "CROWD",
    "DONE",
    "OPEN",
    "REFUTABLE",
    "Binder",
    "Entry",
    "Member",
    "News",
    "Result",
    "Row",
    "State",
    "Store",
    "Turns",
    "Unit",
    "Use",
)

Use: TypeAlias = "Callable[[SmsTraffic], Awaitable[None]]"


class State(enum.StrEnum):
    """Where a message is; see the module."""

    PENDING = "pending"
    SENDING = "sending"
    AMBIGUOUS = "ambiguous"
    ACCEPTED = "accepted"
    FINAL = "final"
    REJECTED = "rejected"
    HELD = "held"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


OPEN: Final = frozenset({State.PENDING, State.SENDING, State.AMBIGUOUS})
"""The worker has something to do with it."""
DONE: Final = frozenset({State.FINAL, State.REJECTED, State.EXPIRED, State.CANCELLED})
"""Nothing more is expected: these are purged after the retention. (``accepted`` and ``unknown`` when told to.)"""
REFUTABLE: Final = frozenset({State.PENDING, State.AMBIGUOUS, State.UNKNOWN, State.HELD})
"""Results that a status which was heard meanwhile outweighs: the platform has the message."""
CROWD: Final = 1_000
"""Members of a unit, at most, for a message that was never in a refused one."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Entry:
    """A message to keep.

    Attributes:
        id: a new UUID, as text: the label it is looked up by.
        body: the message, encoded (and encrypted, where that is wanted).
        key: the caller's own; the same key is the same message.
        group: messages of one group may share a unit; ``""`` goes alone.
        priority: higher goes first.
        delay: seconds from now before which it is not sent.
        lives: seconds from now after which it is not sent; ``None`` for ever.
        trace: the W3C traceparent of who enqueued it, where that is traced.
    """

    id: str
    body: bytes
    key: str | None = None
    group: str = ""
    priority: int = 0
    delay: float = 0.0
    lives: float | None = None
    trace: str | None = None

    def __repr__(self) -> str:
        return f"Entry(id={self.id!r})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Member:
    """One message of a claimed unit.

    Attributes:
        id: as in ``Entry``.
        body: as in ``Entry``.
        open: nobody knows what became of it; ``False`` for one that was settled before the rest of its unit.
        lives: seconds from now until it expires (negative: it has); ``None`` for ever.
        attempts: units it has been in, with this one.
        trace: as in ``Entry``.
    """

    id: str
    body: bytes
    open: bool = True
    lives: float | None = None
    attempts: int = 1
    trace: str | None = None

    def __repr__(self) -> str:
        return f"Member(id={self.id!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What goes out as one request, claimed by this worker.

    Attributes:
        id: a UUID as text: its restrictiveId.
        token: of this claim; every write about the unit needs it.
        via: the protocol it was formed for.
        members: in order; never another order, and never others.
        maybe: an earlier attempt began and nobody knows how it ended.
        age: seconds since the first attempt began; ``None`` before it.
        idle: seconds since the last attempt began; ``None`` before it.
        node: the node of the last attempt, if it is known.
        digest: of the request as it was first encoded; ``None`` before it.
        attempts: claims of this unit, with this one.
    """

    id: str
    token: str
    via: str
    members: tuple[Member, ...]
    maybe: bool = False
    age: float | None = None
    idle: float | None = None
    node: str | None = None
    digest: bytes | None = None
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one member of a unit.

    Attributes:
        id: the message.
        state: PENDING, AMBIGUOUS, ACCEPTED, REJECTED, HELD, EXPIRED or UNKNOWN.
        after: seconds from now before which it is not looked at again (PENDING;
            of the AMBIGUOUS ones the soonest counts for the unit).
        crowd: members of its next unit, at most; ``None`` leaves it as it is (PENDING, HELD).
        message_ids: the platform's (ACCEPTED).
        node: the node that answered.
        code: the platform's code; 0 where it refused the account and gave none. HELD without a code waits for somebody,
            HELD with one for money or a credential.
        reason: one sentence without phone number and text.
    """

    id: str
    state: State
    after: float = 0.0
    crowd: int | None = None
    message_ids: tuple[str, ...] = ()
    node: str | None = None
    code: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A status that came in by push, receipt or polling.

    Attributes:
        message_id: the platform's id.
        id: the outbox's (the label, trackingData), where the source gives it. It is then a
            witness too: SENDING stays, AMBIGUOUS and UNKNOWN become ACCEPTED (or FINAL).
        status: as the platform spells it.
        final: no other is expected: ACCEPTED becomes FINAL.
    """

    message_id: str
    status: str
    final: bool
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Row:
    """What is known of one message. Times are seconds since the epoch, by the store's clock.

    Attributes:
        body: as it was given; ``b""`` where it has been wiped.
        unit: its restrictiveId, or the last it had.
        status: the platform's last word.
        changed: when the state was reached.
    """

    id: str
    state: State
    key: str | None
    priority: int
    body: bytes
    attempts: int
    created: float
    changed: float
    unit: str | None = None
    message_ids: tuple[str, ...] = ()
    node: str | None = None
    code: int | None = None
    reason: str | None = None
    status: str | None = None

    def __repr__(self) -> str:
        return f"Row(id={self.id!r}, state={self.state.value!r})"


class Turns(Protocol):
    """A rate that all workers of an account share, on whatever machine; first come, first served."""

    async def wait(self, cost: float = 1.0, *, before: float = math.inf) -> bool:
        """Wait for a turn, and take it; ``False``: it would come after ``before`` (monotonic), and is not taken.

        Raises:
            StorageError: nobody can tell whose turn it is.
        """
        ...

    async def pause(self, seconds: float) -> None:
        """Nobody has a turn for so long: the platform said "too many".

        Raises:
            StorageError: the others were not told.
        """
        ...


class Binder(Protocol):
    """Stands for the one place there is to bind at, and sends while it holds it."""

    async def run(self) -> None:
        """Until cancelled; then what it began has ended, and the place is free."""
        ...


class Store(Protocol):
    """Keeps messages; see the module. Every method may raise ``StorageError`` and then did nothing.

    Cancellation of any method: it was done or it was not; nothing is half done.
    """

    async def open(self) -> None:
        """Make it usable. A second process where only one may be is refused here.

        Raises:
            ConfigurationError: in use, of a later version, or not made yet; says what to do.
            StorageError: it cannot be opened.
        """
        ...

    async def aclose(self) -> None:
        """Finish what was handed in, and close. May be called twice."""
        ...

    async def add(self, entries: Sequence[Entry], *, conn: object | None = None) -> list[str]:
        """Keep messages, all or none.

        Args:
            entries: new ones. An entry whose key is known is not kept again.
            conn: a connection of the caller's with a transaction open, for a store that can use one: then all of
                this is part of that transaction.

        Returns:
            For each entry its id, or the id that its key already has.

        Raises:
            ConfigurationError: the store takes no such connection.
        """
        ...

    async def claim(self, *, via: str, most: int, units: int, lease: float) -> list[Unit]:
        """Claim work: first units whose lease ran out or whose check is due, then new ones.

        PENDING ones whose time to live has passed become EXPIRED. A new unit takes the first message that is due (by
        priority, then age: the order of ``add``, which whoever comes back keeps) and up to ``min(most, its crowd)`` of
        its group and crowd, in the same order; a store need not look further than some thousands of messages for them.

        Args:
            via: units of this protocol only; new ones are formed for it.
            most: members of a new unit.
            units: how many at most.
            lease: seconds until somebody else may claim them.
        """
        ...

    async def begin(self, unit: Unit, *, node: str | None = None, digest: bytes | None = None) -> bool:
        """An attempt is about to be made: remember when, where, and (the first time) of which bytes.

        Returns:
            Whether the token is still good. If not, nothing may be sent.
        """
        ...

    async def renew(self, units: Sequence[Unit], *, lease: float) -> frozenset[str]:
        """Hold units for longer; gives the tokens that are still good."""
        ...

    async def settle(self, unit: Unit, results: Sequence[Result]) -> bool:
        """Write down what became of members, and let the unit go.

        Members that have no result keep their state, and a unit with members in SENDING or AMBIGUOUS is
        claimed again (after the smallest ``after`` of the AMBIGUOUS results, or at once). A unit that never began
        goes back to PENDING with all its members where ``results`` is empty. A member that ``learn`` settled
        stays settled, and one that it heard of is ACCEPTED (or FINAL) instead of ``REFUTABLE``.

        Returns:
            Whether the token was still good; if not, nothing was written.
        """
        ...

    async def learn(self, news: Sequence[News]) -> list[News]:
        """Write statuses back, in order; gives those of nobody here. FINAL stays FINAL, its status is updated."""
        ...

    async def get(self, name: str) -> Row | None:
        """One message, by its id or its key."""
        ...

    async def listing(self, states: Sequence[State], *, after: str | None = None, limit: int = 100) -> list[Row]:
        """Messages in these states, about the oldest first, in an order that stays, beginning behind ``after``."""
        ...

    async def cancel(self, name: str) -> bool:
        """PENDING or HELD becomes CANCELLED. ``True``: it will not be sent (or was cancelled before)."""
        ...

    async def retry(self, name: str) -> bool:
        """HELD, UNKNOWN, REJECTED or EXPIRED becomes PENDING, due at once, and has no time to live and no status."""
        ...

    async def release(self, limit: int) -> int:
        """HELD ones that have a code (money, a credential) become PENDING, due at once; their time to live goes on.

        Who was tried longest ago goes first, else one refused for its own sake is tried for ever. Gives how many.
        """
        ...

    async def resolve(self, name: str, state: State, *, message_ids: Sequence[str] = ()) -> bool:
        """AMBIGUOUS (unless claimed) or UNKNOWN becomes ACCEPTED, FINAL or REJECTED, because somebody found out."""
        ...

    async def purge(self, states: Sequence[State], *, older_than: float, limit: int = 10_000) -> int:
        """Delete messages that have been in these states for so many seconds; gives how many."""
        ...

    async def counts(self) -> Mapping[State, int]:
        """How many there are, by state; states without any are left out."""
        ...

    async def next_due(self, via: str) -> float | None:
        """Seconds until ``claim`` by this protocol would find something; 0.0 for now, ``None`` where nothing waits."""
        ...

    def listen(self, heard: Callable[[], None]) -> None:
        """Call ``heard`` on this loop when something may have become due: after ``add``, ``retry``, ``release``."""
        ...

    def turns(self, account: str, rate: float) -> Turns | None:
        """The rate of an account, in units a second, that every worker here shares; ``None`` for a single process."""
        ...

    def binder(self, sms: SmsTraffic, use: Use) -> Binder | None:
        """Who may bind by SMPP; ``None`` where there is only one process, and ``sms`` itself may.

        Args:
            sms: whose settings, guard and hooks the sessions have that are bound.
            use: given a session that is bound; returns when it is done, and is cancelled when the place is lost.
        """
        ...
