"""Inbound messages that the platform forwards by e-mail. Experimental.

The document gives these letters no form, so the caller says what they look
like: a subject and a text with ``{phone}``, ``{message}`` and so on in them.
Pure; fetching the letters is the caller's business.
"""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Final

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import InboundMessage

__all__ = ("LetterTemplate", "read_forwarded")

MOST_BYTES: Final = 256 * 1024
_FIELDS: Final = {
    "phone": r"\+?(?P<phone>[0-9]{5,15})",
    "recipient": r"(?P<recipient>\S{1,20})",
    "sms_id": r"(?P<sms_id>[A-Za-z0-9._~-]{1,128})",
    "date": r"(?P<date>[^\r\n]{1,64})",
    "message": r"(?P<message>.*)",
}
_FIELD: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterTemplate:
    """What a forwarded message looks like. The default is what the sandbox sends.

    Attributes:
        subject: with any of ``{phone}``, ``{recipient}``, ``{sms_id}``, ``{date}`` and ``{message}``, each once.
        text: the same.

    Raises:
        ConfigurationError: another field, one that stands twice, or no ``{phone}`` or ``{message}`` at all.
    """

    subject: str = "SMS from {phone} to {recipient}"
    text: str = "{message}"

    def __post_init__(self) -> None:
        names = _FIELD.findall(self.subject + self.text)
        unknown = sorted(set(names) - _FIELDS.keys())
        if unknown:
            raise ConfigurationError(f"a letter's template has no {{{unknown[0]}}}; it has {', '.join(_FIELDS)}")
        if len(set(names)) != len(names) or not {"phone", "message"} <= set(names):
            raise ConfigurationError("a letter's template has {phone} and {message}, and no field twice")


def read_forwarded(letter: bytes, template: LetterTemplate | None = None) -> InboundMessage | None:
    """The message in a forwarded letter.

    Args:
        letter: as it came, headers and all; at most 256 kB.
        template: what it looks like.

    Returns:
        ``None`` for a letter that does not look so. ``received_at`` is the letter's own date; nothing of a letter is
        proof of who sent it.
    """
    wanted = template or LetterTemplate()
    if len(letter) > MOST_BYTES:
        return None
    parsed = email.message_from_bytes(letter, policy=email.policy.default)
    text = _text(parsed)
    if text is None and wanted.text.strip():
        return None  # the message is in there, and nobody can read it
    found: dict[str, str] = {}
    for pattern, value in ((wanted.subject, str(parsed.get("Subject", ""))), (wanted.text, text or "")):
        match = re.fullmatch(_expression(pattern), value.strip(), re.DOTALL)
        if match is None:
            return None
        found |= match.groupdict()
    return InboundMessage(
        sender=found["phone"],
        text=found["message"],
        message_id=found.get("sms_id"),
        recipient=found.get("recipient"),
        received_at=_date(str(parsed.get("Date", ""))),
        source="email",
        raw=found,
    )


def _expression(template: str) -> str:
    pieces = _FIELD.split(template.strip())
    # Every other piece is a field's name; what stands between is taken as it is, white space apart.
    return "".join(
        _FIELDS[piece] if number % 2 else r"\s+".join(re.escape(word) for word in re.split(r"\s+", piece))
        for number, piece in enumerate(pieces)
    )


def _text(parsed: EmailMessage) -> str | None:
    """The readable text, if there is one."""
    body = parsed.get_body(preferencelist=("plain",))
    if not isinstance(body, EmailMessage):
        return None
    try:
        content = body.get_content()
    except (LookupError, ValueError):  # a charset nobody knows
        return None
    return content if isinstance(content, str) else None


def _date(value: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
