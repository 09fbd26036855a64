"""Reads letters: addresses, MIME text, and the fields of the second variant (document, "SMTP протокол")."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import NamedTuple

from sms_traffic_async.sandbox.classic import Note

__all__ = ("Fields", "Letter", "local_part", "read_fields", "read_letter")

# A field begins where a paragraph begins; its value may have line breaks, never a blank line.
_BLANK = re.compile(r"\n[ \t]*\n\s*")
_FIELD = re.compile(r"([^\s:]+)[ \t]*:[ \t]?(.*)", re.DOTALL)


class Letter(NamedTuple):
    """What of a letter matters. ``text`` is ``None`` where it has no plain text."""

    subject: str
    text: str | None
    message_id: str
    received: tuple[str, ...]
    headers: tuple[tuple[bytes, bytes], ...]


class Fields(NamedTuple):
    """The fields of a letter of the second variant, and whether an answer is asked for."""

    values: dict[str, str]
    reply: bool


def local_part(address: str) -> tuple[str, str]:
    """Local part, unquoted, and domain in lower case."""
    local, _, domain = address.rpartition("@")
    if len(local) > 1 and local[0] == local[-1] == '"':
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    return local, domain.lower()


def read_letter(content: bytes, note: Note) -> Letter:
    """Read a letter; what cannot be read of it is a finding."""
    message = message_from_bytes(content, policy=policy.default)
    headers = tuple(
        (name.lower().encode("utf-8", "replace"), str(value).encode("utf-8", "replace"))
        for name, value in message.items()
    )
    return Letter(
        subject=str(message.get("Subject", "")).strip(),
        text=_text(message, note),
        message_id=str(message.get("Message-ID", "")).strip(),
        received=tuple(str(value) for value in message.get_all("Received", ())),
        headers=headers,
    )


def _text(message: EmailMessage, note: Note) -> str | None:
    body = message.get_body(("plain",))
    if body is None:
        note("Content-Type", "the letter has no plain text", refused=True)
        return None
    raw = body.get_payload(decode=True)
    octets = raw if isinstance(raw, bytes) else b""
    charset = body.get_content_charset()
    if charset is None and not octets.isascii():
        note("Content-Type", "names no charset, and the text is not ASCII")
    text = _decoded(octets, charset, note)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(octets: bytes, charset: str | None, note: Note) -> str:
    for candidate in (charset or "utf-8", "windows-1251"):
        try:
            return octets.decode(candidate)
        except (UnicodeDecodeError, LookupError):
            if charset is not None:
                note("Content-Type", "the text is not in the charset it names")
    return octets.decode("utf-8", "replace")


def read_fields(text: str, note: Note) -> Fields:
    """``name: value`` pairs, each apart from the next by a blank line at least."""
    values: dict[str, str] = {}
    for paragraph in _BLANK.split(text.strip()):
        found = _FIELD.fullmatch(paragraph)
        if found is None:
            # As the rest of a message with a blank line in it: the platform takes it for a field.
            note("(body)", "has a paragraph that is no 'field: value'")
            continue
        name, value = found.groups()
        if name in values:
            note(name, "is given more than once; the last one counts")
        values[name] = value.rstrip()
    reply = values.pop("reply_to_email", "0")
    if reply not in {"0", "1"}:
        note("reply_to_email", "is 1, or is not there")
    return Fields(values, reply == "1")
