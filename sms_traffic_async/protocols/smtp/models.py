"""What goes into and comes out of sending by e-mail: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sms_traffic_async.protocols.http_v1.models import Member, SentPart

__all__ = ("Letter", "ReplyLetter")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Letter:
    """One letter, ready to be sent.

    Attributes:
        key: the local half of its Message-ID; of a letter with one message that message's key.
        to: the envelope's recipient.
        content: the whole letter with CRLF, before dots are doubled.
        members: its messages.
        start_at: when the platform is to send them (aware).
    """

    key: str
    to: str
    content: bytes
    members: tuple[Member, ...]
    start_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Letter(key={self.key!r}, {len(self.members)} messages)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyLetter:
    """What the platform answered by letter (``reply_to_email``).

    Attributes:
        key: the key of the letter it answers; of a letter with one message that is ``Submission.key``. ``None``
            where the letter does not say.
        code: 0, or why the whole letter was refused.
        queued: the number in "queued N messages", which counts parts.
        parts: number and id of each part.
        description: the platform's words; they may quote a number.
    """

    key: str | None
    code: int
    queued: int | None = None
    parts: tuple[SentPart, ...] = ()
    description: str = field(default="", repr=False)

    @property
    def message_ids(self) -> tuple[str, ...]:
        """The ids, one for each part."""
        return tuple(dict.fromkeys(part.message_id for part in self.parts))
