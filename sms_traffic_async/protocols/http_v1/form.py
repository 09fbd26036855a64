"""Forms (``application/x-www-form-urlencoded``) and the delimiter of individual messages. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from sms_traffic_async.messages import MOSCOW

__all__ = ("Charset", "carries", "charset_of", "choose_delimiter", "divides", "encode_form", "moment", "quote")

Charset: TypeAlias = Literal["cp1251", "utf-8"]

# From one character that must be encoded to the last one before a plain one; spaces in between go with it. So a
# Cyrillic text of a megabyte is a few thousand pieces, and encoding it takes milliseconds.
_UNSAFE = re.compile(r"[^A-Za-z0-9_.~ -](?:[^A-Za-z0-9_.~-]*[^A-Za-z0-9_.~ -])?")


def charset_of(rus: int | None) -> Charset:
    """The charset of a request: UTF-8 with ``rus=5``, else windows-1251 (document, ``rus``)."""
    return "utf-8" if rus == 5 else "cp1251"  # noqa: PLR2004 - the document's number


def carries(charset: Charset, text: str) -> bool:
    """Whether every character has a place in it."""
    if text.isascii():
        return True
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def quote(value: str, charset: Charset) -> str:
    """One value: plain characters as they are, a space as ``+``, the rest as ``%XX``."""
    octets = value.encode(charset).decode("latin-1")
    return _UNSAFE.sub(_escape, octets).replace(" ", "+")


def _escape(found: re.Match[str]) -> str:
    return "%" + found[0].encode("latin-1").hex("%").upper()


def encode_form(pairs: Iterable[tuple[str, str]], charset: Charset) -> bytes:
    """A whole body.

    Args:
        pairs: names and values; the values fit the charset.
        charset: see ``charset_of``.
    """
    return "&".join(f"{quote(name, charset)}={quote(value, charset)}" for name, value in pairs).encode("ascii")


def moment(value: datetime) -> str:
    """A date as v1 wants it: UTC+3, without saying so."""
    return value.astimezone(MOSCOW).strftime("%Y-%m-%d %H:%M:%S")


def divides(delimiter: str, pieces: Sequence[str]) -> bool:
    """Whether cutting the joined pieces at the delimiter gives these pieces again, and nothing else.

    Not only that no piece holds it: the end of a text and the beginning of the
    delimiter may make one, too. Case and windows-1251 do not hide one either.
    """
    return _cuts(delimiter, pieces) and _cuts(delimiter.casefold(), [piece.casefold() for piece in pieces])


def _cuts(delimiter: str, pieces: Sequence[str]) -> bool:
    return delimiter.join(pieces).split(delimiter) == list(pieces)


def choose_delimiter(pieces: Sequence[str], candidates: Iterable[str]) -> str | None:
    """The first candidate that divides the pieces; ``None`` if none does."""
    return next((candidate for candidate in candidates if divides(candidate, pieces)), None)
