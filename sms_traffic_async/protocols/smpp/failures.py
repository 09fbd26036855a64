"""What refusals of the platform mean for a message, and what they are called. One table for submit_sm and bind.

A status that is not listed, a vendor's included, is a refusal like any other:
``Rejected`` with its number (field notes, 0.3).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Final

from sms_traffic_async.errors import (
    AuthenticationFailed,
    InsufficientFunds,
    InvalidOriginator,
    InvalidRecipient,
    NotSent,
    NotSentReason,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
    TlsError,
)
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus

__all__ = ("SUBMIT", "Meaning", "Ruling", "UntrustedServer", "bind_error", "ruling_of", "submit_error")

SUBMIT: Final = "smpp.send"
"""What the operation is called in errors and counters, as in the other protocols."""


class Meaning(enum.Enum):
    """What follows from a status."""

    THROTTLED = "throttled"
    """Too many: the whole submit side waits, the message goes again."""
    FULL = "full"
    """This server has no room: it is left alone for a while, the message goes again."""
    AGAIN = "again"
    """Not taken for a reason of the server's own: three tries, then the other server."""
    TAKEN = "taken"
    """Somebody else holds the receiver slot of this server."""
    NO_MONEY = "no money"
    REFUSED = "refused"
    """Login or password: never tried again."""
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a status means.

    Attributes:
        meaning: what follows.
        kind: the error's class.
        advice: the next step.
    """

    meaning: Meaning
    kind: type[Rejected] = Rejected
    advice: str = ""


_LOGIN: Final = (
    "Check system_id and password: they are the login and password of the cabinet. "
    "This session does not try them again, lest the account be locked: make another."
)
_AGAIN: Final = "Send it again later."
_STATUS: Final = CommandStatus

_RULINGS: Final[dict[int, Ruling]] = {
    _STATUS.ESME_RTHROTTLED: Ruling(
        meaning=Meaning.THROTTLED,
        kind=RateLimited,
        advice="Send fewer SMS a second (20 unless your manager allowed more), or give it more time.",
    ),
    _STATUS.ESME_RMSGQFUL: Ruling(meaning=Meaning.FULL, kind=TemporarilyUnavailable, advice=_AGAIN),
    _STATUS.ESME_RSYSERR: Ruling(meaning=Meaning.AGAIN, kind=TemporarilyUnavailable, advice=_AGAIN),
    _STATUS.ESME_RSUBMITFAIL: Ruling(meaning=Meaning.AGAIN, kind=TemporarilyUnavailable, advice=_AGAIN),
    _STATUS.ESME_RALYBND: Ruling(
        meaning=Meaning.TAKEN,
        advice="Another program holds the account's only transceiver or receiver of this server: end it, bind as "
        "transmitter, or have a department with a system_id of its own made in the cabinet.",
    ),
    _STATUS.ESME_RINVSRCADR: Ruling(
        meaning=Meaning.NO,
        kind=InvalidOriginator,
        advice="Check the sender's name (no spaces at its ends), or ask your manager whether it is allowed.",
    ),
    _STATUS.ESME_RINVDSTADR: Ruling(
        meaning=Meaning.NO,
        kind=InvalidRecipient,
        advice="Check that the number is in international form and federal, and its operator in your contract.",
    ),
    _STATUS.ESME_RBINDFAIL: Ruling(
        meaning=Meaning.NO_MONEY, kind=InsufficientFunds, advice="Check the balance of the account."
    ),
    _STATUS.ESME_RINVPASWD: Ruling(meaning=Meaning.REFUSED, kind=AuthenticationFailed, advice=_LOGIN),
    _STATUS.ESME_RINVSYSID: Ruling(meaning=Meaning.REFUSED, kind=AuthenticationFailed, advice=_LOGIN),
    _STATUS.ESME_RINVMSGLEN: Ruling(meaning=Meaning.NO, advice="The text or the binary body is too long for its kind."),
}
_OTHERS: Final = Ruling(meaning=Meaning.NO, advice="Ask the platform's support what this status means.")


class UntrustedServer(NotSent, TlsError):
    """No server's certificate was accepted: not sent, and never sent without TLS."""

    def __init__(self, text: str, *, reason: NotSentReason = "unreachable", **rest: Any) -> None:
        super().__init__(text, reason=reason, **rest)
        self.retryable = False  # the same certificate would be shown again


def ruling_of(status: int) -> Ruling:
    """What a status means."""
    return _RULINGS.get(status, _OTHERS)


def submit_error(
    status: CommandStatus, *, node: str, key: str, retry_after: float | None = None, tries: int = 1
) -> Rejected:
    """The error of a message that was refused, and of which nothing was taken."""
    ruling = ruling_of(status)
    often = "" if tries == 1 else f" {tries} times"
    text = f"{SUBMIT}: the platform refused the message{often} (0x{status:08X}, {status.meaning}); no SMS goes out."
    rest: dict[str, Any] = {"retry_after": retry_after} if ruling.kind is RateLimited else {}
    return ruling.kind(
        text, code=int(status), description=status.meaning, node=node, message_key=key, advice=ruling.advice, **rest
    )


def bind_error(status: CommandStatus, *, node: str, key: str) -> Rejected:
    """The error of a message that could not leave because the bind was refused."""
    ruling = ruling_of(status)
    return ruling.kind(
        f"{SUBMIT}: the platform refused the connection (0x{status:08X}, {status.meaning}); nothing was sent.",
        code=int(status),
        description=status.meaning,
        node=node,
        message_key=key,
        advice=ruling.advice,
    )
