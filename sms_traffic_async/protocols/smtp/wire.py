"""Letters: composed and read with the standard library's e-mail classes. Pure.

Variant 2 is a list of v1's parameters, each apart from the next by a blank
line; a value can have line breaks and no blank line (document, "SMTP протокол
(вариант 2)"). Its charset is the one that ``rus`` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from sms_traffic_async.protocols.http.answers import Damaged, Fault
from sms_traffic_async.protocols.http_v1.models import Member
from sms_traffic_async.protocols.http_v1.wire import decode_send
from sms_traffic_async.protocols.smtp.models import Letter, ReplyLetter
from sms_traffic_async.protocols.xml import read
from sms_traffic_async.settings_mail import TransferEncoding

__all__ = (
    "CORP",
    "MULTI",
    "MULTI_ADDRESS",
    "body_of_fields",
    "collapsed",
    "compose",
    "corp_address",
    "has_blank_line",
    "read_reply",
    "wire_bytes",
)

CORP = "corp.smsmail.ru"
MULTI = "smtp2.smsmail.ru"
MULTI_ADDRESS = "multi@smtp2.smsmail.ru"
MOST_BYTES = 4_000_000
LONGEST_LINE = 900
"""SMTP's limit is 998 (RFC 5321, 4.5.3.1.6)."""

_BREAK = re.compile(r"\r\n|\r")
# Some readers know these breaks too, and a line of white space is a blank one to most.
_OTHER_BREAKS = re.compile("[\v\f\x1c-\x1e\x85\u2028\u2029]")
_MESSAGE_ID = re.compile(r"<([^<>@\s]{1,200})@")


def plain(text: str) -> str:
    """The text with line breaks of one kind."""
    return _BREAK.sub("\n", text)


def has_blank_line(value: str) -> bool:
    """Whether a reader of variant 2 would take something in a value for the end of its field."""
    return not all(line.strip() for line in _lines(value))


def collapsed(value: str) -> str:
    """The value with its blank lines taken out, those at its ends too."""
    return "\n".join(line for line in _lines(value) if line.strip())


def _lines(value: str) -> list[str]:
    return _OTHER_BREAKS.sub("\n", plain(value)).split("\n")


def body_of_fields(pairs: Iterable[tuple[str, str]]) -> str:
    """The body of variant 2."""
    return "\n\n".join(f"{name}: {plain(value)}" for name, value in pairs) + "\n"


def corp_address(login: str, phone: str | None = None) -> Address:
    """The mailbox of variant 1; its local part is quoted where the login needs it (a department has a colon)."""
    return Address(username=login if phone is None else f"{phone}.{login}", domain=CORP)


def compose(
    body: str,
    *,
    key: str,
    sender: str,
    to: Address,
    subject: str,
    date: datetime,
    members: tuple[Member, ...],
    charset: str = "utf-8",
    encoding: TransferEncoding = "base64",
) -> Letter:
    """One letter of plain text.

    Args:
        body: the text; every character fits the charset.
        key: see ``Letter``.
        sender: the From address.
        to: whom to.
        subject: the subject.
        date: aware.
        members: the messages in it.
        charset: of a body that is not ASCII.
        encoding: of such a body, or of one with long lines.
    """
    body = plain(body)
    ascii_lines = body.isascii() and max(map(len, body.split("\n"))) <= LONGEST_LINE
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(addr_spec=sender)
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(date)
    message["Message-ID"] = f"<{key}@{sender.rpartition('@')[2]}>"
    if ascii_lines:
        message.set_content(body, charset="us-ascii", cte="7bit")
    else:
        message.set_content(body, charset="us-ascii" if body.isascii() else charset, cte=_cte(body, encoding))
    return Letter(key=key, to=to.addr_spec, content=message.as_bytes(), members=members)


def _cte(body: str, encoding: TransferEncoding) -> TransferEncoding:
    # Eight bits do not help a line that is too long.
    long = encoding == "8bit" and max(map(len, body.split("\n"))) > LONGEST_LINE // 4
    return "base64" if long else encoding


def wire_bytes(content: bytes) -> bytes:
    """The content of DATA: dots doubled, and the final dot (RFC 5321, 4.5.2)."""
    ended = content if content.endswith(b"\r\n") else content + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", ended) + b".\r\n"


def read_reply(letter: bytes) -> ReplyLetter:
    """Read the letter that the platform answers with.

    Args:
        letter: as it came, headers included; or only its XML.

    Raises:
        Damaged: no answer of the platform can be read in it. The text quotes nothing.
    """
    if len(letter) > MOST_BYTES:
        raise Damaged("the letter is too long")
    key: str | None = None
    octets, charset = letter, None
    if not letter.lstrip().startswith(b"<"):
        message = message_from_bytes(letter, policy=policy.default)
        named = _MESSAGE_ID.search(str(message.get("In-Reply-To") or message.get("References") or ""))
        key = None if named is None else named[1]
        part = message.get_body(("plain", "html")) or message
        payload = part.get_payload(decode=True)
        octets = payload if isinstance(payload, bytes) else b""
        charset = part.get_content_charset()
    start = octets.find(b"<")
    end = octets.rfind(b">")
    if start < 0:
        raise Damaged("no XML in it")
    said = decode_send(read(octets[start : end + 1], None if charset is None else f"text/xml; charset={charset}"))
    if isinstance(said, Fault):
        return ReplyLetter(key=key, code=said.code, description=said.message)
    return ReplyLetter(key=key, code=0, queued=said.queued, parts=said.parts, description=said.description)
