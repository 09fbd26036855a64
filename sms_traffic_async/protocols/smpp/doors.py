"""Getting in: servers, what their refusals of a connection or a bind mean, and which link serves. Pure.

What follows from a failure (docs/reliability.md, rows 1-3, 10, 14, 22-28)
-------------------------------------------------------------------
==============  ============================================================
no connection   back-off of this server; another one is tried at once
certificate     the same, but not before a minute; when every server shows
                a bad one, callers are told (`UntrustedServer`)
0x05            this server's receiver slot is somebody's: again in 5 to 10 s,
                the other server's slot at once, else as transmitter
0x0D            the account has no money, on every server: again in a minute,
                callers are told meanwhile (`InsufficientFunds`)
0x0E, 0x0F      login or password: never again (`AuthenticationFailed`)
any other       back-off, as if there were no connection
==============  ============================================================

A link that ended by itself counts as a failure too: a server that takes the bind
and hangs up is not to be stormed. But how long it stood takes failures back, one
for each `FORGIVEN` of ``stable_after``: where links live for seconds, the waits
between them stay short.
"""

from __future__ import annotations

import enum
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sms_traffic_async.errors import LinkLost, TlsError
from sms_traffic_async.protocols.smpp.brake import Brake
from sms_traffic_async.protocols.smpp.casework import FULL_LONGEST
from sms_traffic_async.protocols.smpp.events import Ended
from sms_traffic_async.protocols.smpp.failures import Meaning, ruling_of
from sms_traffic_async.protocols.smpp.link import Link
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, CommandStatus
from sms_traffic_async.secrets import foreign_cause
from sms_traffic_async.settings_smpp import SmppServer

__all__ = ("SOON", "Door", "Kind", "Trouble", "best_of", "superfluous")

FIRST_BACKOFF: Final = 0.5
LONGEST_BACKOFF: Final = 30.0
LEAST_SHARE: Final = 0.05
"""Of a back-off: full jitter, but never at once."""
TAKEN_AGAIN: Final = 5.0
MINUTE: Final = 60.0
SOON: Final = 1e-6
"""Timers come so much too early."""
MOST_FAILURES: Final = 6.0
"""The back-off is at its longest then; more would only have to be forgiven."""
FORGIVEN: Final = 1.0 / 15.0
"""Of ``stable_after``, 2 seconds by default. Links that live longer than this wait less and less."""
_NEVER: Final = float("inf")
_MODE_RANK: Final = {BindMode.TRANSCEIVER: 0, BindMode.TRANSMITTER: 1, BindMode.RECEIVER: 1}


class Kind(enum.Enum):
    """Why a connection could not be had."""

    NETWORK = "network"
    CERTIFICATE = "certificate"
    TAKEN = "taken"
    NO_MONEY = "no money"
    REFUSED = "refused"
    BUSY = "busy"


_KINDS: Final = {Meaning.TAKEN: Kind.TAKEN, Meaning.NO_MONEY: Kind.NO_MONEY, Meaning.REFUSED: Kind.REFUSED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One failed try.

    Attributes:
        kind: why.
        server: where.
        status: of the refused bind.
        cause: what to raise from, without foreign objects.
    """

    kind: Kind
    server: str
    status: CommandStatus | None = None
    cause: BaseException | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of_status(cls, server: str, status: CommandStatus) -> Trouble:
        """A bind was refused."""
        return cls(kind=_KINDS.get(ruling_of(status).meaning, Kind.BUSY), server=server, status=status)

    @classmethod
    def of_error(cls, server: str, error: BaseException) -> Trouble:
        """There was no connection."""
        reduced = foreign_cause(error)
        if not isinstance(error, ssl.SSLError):
            return cls(kind=Kind.NETWORK, server=server, cause=reduced)
        untrusted = TlsError(f"TLS with {server} failed: {reduced}")
        return cls(kind=Kind.CERTIFICATE, server=server, cause=untrusted)

    @classmethod
    def of_end(cls, server: str, ended: Ended) -> Trouble:
        """The connection ended before the bind was answered, or after."""
        detail = f" ({ended.detail})" if ended.detail else ""
        return cls(kind=Kind.NETWORK, server=server, cause=LinkLost(f"{server}: {ended.reason.value}{detail}"))

    @property
    def sentence(self) -> str:
        """What happened, for an error."""
        if self.status is not None:
            return f"{self.server} refused the bind (0x{self.status:08X}, {self.status.meaning})."
        return f"{self.server} could not be reached."


class Door:
    """One server, as far as getting in goes. Shared by all lines of a transceiver. Times are monotonic seconds.

    Args:
        address: the server.
        rank: its place in the order of preference.
        stable_after: a link that stood so long takes the back-off back to its start.

    Attributes:
        brake: closed while the server has no room for messages.
        closed_until: nothing is tried before.
        taken_until: nor is the receiver slot.
        trouble: the latest failure; ``None`` after a success.
    """

    __slots__ = ("_failures", "_stable_after", "address", "brake", "closed_until", "rank", "taken_until", "trouble")

    def __init__(self, address: SmppServer, rank: int, *, stable_after: float) -> None:
        self.address: SmppServer = address
        self.rank: int = rank
        self.brake: Brake = Brake(FULL_LONGEST)
        self.closed_until: float = -_NEVER
        self.taken_until: float = -_NEVER
        self.trouble: Trouble | None = None
        self._failures = 0.0
        self._stable_after = stable_after

    def ready_at(self, mode: BindMode) -> float:
        """From when on a bind may be tried."""
        return max(self.closed_until, self.taken_until) if mode.receives else self.closed_until

    def refused(self, trouble: Trouble, now: float, chance: float) -> None:
        """A try failed."""
        self.trouble = trouble
        match trouble.kind:
            case Kind.TAKEN:
                self.taken_until = now + TAKEN_AGAIN * (1.0 + chance)
            case Kind.NO_MONEY | Kind.CERTIFICATE:
                self.closed_until = now + MINUTE * (1.0 + 0.1 * chance)
            case _:
                self._back_off(now, chance)

    def lost(self, trouble: Trouble, bound_at: float, now: float, chance: float) -> None:
        """A link that was bound ended by itself: another server goes first."""
        self.trouble = trouble
        stood = now - bound_at
        if stood >= self._stable_after:
            self._failures = 0.0
        else:
            self._failures = max(0.0, self._failures - stood / (self._stable_after * FORGIVEN))
        self._back_off(now, chance)

    def entered(self) -> None:
        """A bind was accepted. Whether that is stable is seen when it ends."""
        self.trouble = None

    def _back_off(self, now: float, chance: float) -> None:
        longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0**self._failures)
        self._failures = min(self._failures + 1.0, MOST_FAILURES)
        self.closed_until = now + longest * max(chance, LEAST_SHARE)


def best_of(links: Iterable[Link], serving: Link | None, now: float, *, stable_after: float) -> Link | None:
    """The link of a line that new messages go to.

    Args:
        links: those that are bound and not leaving.
        serving: the one so far.
        now: the time.
        stable_after: another link of the same kind has to be healthy for so long before it serves.
    """

    def order(link: Link) -> tuple[bool, int, bool, int]:
        untried = link is not serving and now + SOON < link.healthy_since + stable_after
        return is_troubled(link, now), _MODE_RANK[link.mode], untried, link.rank

    return min(links, key=order, default=None)


def is_troubled(link: Link, now: float) -> bool:
    """Whether new messages had better go elsewhere: silent, or without room for a minute."""
    full_since = link.brake.closed_since
    return link.suspect or (full_since is not None and now + SOON >= full_since + MINUTE)


def superfluous(link: Link, best: Link, now: float, *, stable_after: float) -> bool:
    """Whether a line does not need a link any more, now that another serves.

    One of a lesser kind goes at once. One of a less preferred server goes when
    the better has been healthy for long enough. One of a more preferred server
    stays: it is about to take over.
    """
    if link is best or is_troubled(best, now):
        return False
    if _MODE_RANK[link.mode] != _MODE_RANK[best.mode]:
        return _MODE_RANK[link.mode] > _MODE_RANK[best.mode] and not is_troubled(link, now)
    return link.rank > best.rank and now + SOON >= best.healthy_since + stable_after
