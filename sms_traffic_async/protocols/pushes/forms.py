"""Queries and form bodies whose charset nobody announces. Pure.

Values stay octets until it is known what they mean: the document's default is
windows-1251, the cabinet can choose another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from sms_traffic_async.protocols.pushes.models import Charset, CharsetOption

__all__ = ("Fields", "declared_charset", "decode_value", "encode_reply", "media_type", "read_form")

Fields = dict[str, bytes]

MOST_FIELDS = 64
DEFAULT: Charset = "windows-1251"

_CHARSET = re.compile(r"""(?i);\s*charset\s*=\s*["']?([a-z0-9_.:-]{1,40})""")
_CHARSETS: Mapping[str, Charset] = {
    "utf-8": "utf-8", "utf8": "utf-8",
    "windows-1251": "windows-1251", "cp1251": "windows-1251", "cp-1251": "windows-1251", "win-1251": "windows-1251",
}  # fmt: skip


def media_type(content_type: str) -> str:
    """``application/json`` of ``Application/JSON; charset=utf-8``."""
    return content_type.partition(";")[0].strip().lower()


def declared_charset(content_type: str) -> Charset | None:
    """The charset a Content-Type names, if it is one that the platform can be set to."""
    found = _CHARSET.search(content_type)
    return None if found is None else _CHARSETS.get(found[1].lower())


def read_form(octets: bytes) -> Fields:
    """A query or an urlencoded body.

    ``+``, ``%20`` and a bare space are a space (field notes, B1). Of a name that
    comes twice the last counts: where a template puts the message first and a
    subscriber's text was not encoded, what the platform itself wrote comes
    after it. More than ``MOST_FIELDS`` are not read.
    """
    fields: Fields = {}
    for piece in octets.strip(b"\r\n").split(b"&", MOST_FIELDS)[:MOST_FIELDS]:
        name, _, value = piece.partition(b"=")
        if name:
            key = unquote_to_bytes(name.replace(b"+", b" ")).decode("latin-1").strip().lower()
            fields[key] = unquote_to_bytes(value.replace(b"+", b" "))
    return fields


def decode_value(octets: bytes, charset: CharsetOption, declared: Charset | None = None) -> tuple[str, Charset]:
    """A value as text, and the charset it was in.

    Args:
        octets: the value, percent-decoded.
        charset: what the account is set to; ``auto`` takes what the request
            declares, else UTF-8 where the octets are UTF-8, else windows-1251
            (field notes, I1). Plain ASCII counts as windows-1251.
        declared: what the request declares.

    Returns:
        The text; octets that mean nothing in the charset become U+FFFD.
    """
    if charset != "auto":
        return octets.decode(charset, "replace"), charset
    if octets.isascii():
        return octets.decode("ascii"), declared or DEFAULT
    if declared == DEFAULT:
        return octets.decode(DEFAULT, "replace"), DEFAULT
    try:
        return octets.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return octets.decode(DEFAULT, "replace"), DEFAULT


def encode_reply(text: str, charset: Charset) -> tuple[bytes, int]:
    """A reply for the subscriber, and how many of its characters the charset does not have (they become ``?``)."""
    try:
        return text.encode(charset), 0
    except UnicodeEncodeError:
        octets = text.encode(charset, "replace")
        return octets, len(octets) - len(text.encode(charset, "ignore"))
