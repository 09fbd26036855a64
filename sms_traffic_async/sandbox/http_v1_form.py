"""Reads the parameters of a v1 request: query, urlencoded body, multipart body, or several of them.

Values stay octets: what they mean is said by ``rus``, which is one of them.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from sms_traffic_async.sandbox.http_call import Call
from sms_traffic_async.sandbox.masking import mask_form, mask_multipart

__all__ = ("Form", "decode", "read_form")

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
MOST_FIELDS = 1_000
"""PHP's own bound."""

_BOUNDARY = re.compile(r'(?i)boundary="?([^";,]{1,70})"?')
_NAME = re.compile(rb'(?i)(?:^|[;\s])name="?([^";\r\n]*)"?')


class Form(NamedTuple):
    """The parameters, and what is odd about how they came, as (field, problem)."""

    values: dict[str, bytes]
    odd: list[tuple[str, str]]


def read_form(call: Call) -> Form:
    """Read a request; the password is taken out of what is kept of it."""
    odd: list[tuple[str, str]] = []
    pairs = _urlencoded(call.query)
    body, call.body = call.body, b""
    kind = call.header(b"content-type")
    media = kind.partition(";")[0].strip().lower()
    if media == URLENCODED or (not body and not media):
        call.body = mask_form(body)
        pairs += _urlencoded(body) if call.method == "POST" else []
    elif media == MULTIPART:
        call.body = mask_multipart(body)
        pairs += _multipart(body, kind, odd)
    elif body:
        call.body = mask_form(mask_multipart(body))
        odd.append(("Content-Type", f"is neither {URLENCODED} nor {MULTIPART}: the body is not read"))
    if body and call.method == "GET":
        odd.append(("(body)", "of a GET is not read"))
    values: dict[str, bytes] = {}
    for name, value in pairs[:MOST_FIELDS]:
        if name in values:
            odd.append((name, "is given more than once; the last one counts"))
        values[name] = value
    return Form(values, odd)


def decode(value: bytes, charset: str, name: str, odd: list[tuple[str, str]]) -> str:
    """A value as text; what the charset does not have becomes U+FFFD, and is written down."""
    text = value.decode(charset, "replace")
    if "\ufffd" in text:
        odd.append((name, f"is not {charset}"))
    elif charset != "utf-8" and not value.isascii() and _is_utf8(value):
        odd.append((name, f"looks like UTF-8, but rus says {charset}"))
    return text


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _urlencoded(text: bytes) -> list[tuple[str, bytes]]:
    pairs: list[tuple[str, bytes]] = []
    for piece in text.split(b"&", MOST_FIELDS):
        if not piece:
            continue
        name, _, value = piece.partition(b"=")
        pairs.append((_name(unquote_to_bytes(name.replace(b"+", b" "))), unquote_to_bytes(value.replace(b"+", b" "))))
    return pairs


def _multipart(body: bytes, kind: str, odd: list[tuple[str, str]]) -> list[tuple[str, bytes]]:
    boundary = _BOUNDARY.search(kind)
    if boundary is None:
        odd.append(("Content-Type", "names no boundary: the body is not read"))
        return []
    pairs: list[tuple[str, bytes]] = []
    for chunk in (b"\r\n" + body).split(b"\r\n--" + boundary.group(1).encode("latin-1"), MOST_FIELDS)[1:]:
        if chunk.startswith(b"--"):
            break
        head, _, value = chunk.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is not None:
            pairs.append((_name(name.group(1)), value))
    return pairs


def _name(name: bytes) -> str:
    return name.decode("utf-8", "replace")
