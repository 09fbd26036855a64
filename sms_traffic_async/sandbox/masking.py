"""Passwords are taken out of what is kept of a request, whatever its form."""

from __future__ import annotations

import re

__all__ = ("mask_form", "mask_letter", "mask_multipart", "mask_url", "mask_xml")

_MASK = rb"\g<1>********"
# Any spelling: a misspelt name does not make its value less of a secret.
_FORM = re.compile(rb"(?i)((?:^|&)[^&=]*pass[^&=]*=)[^&]*")
_MULTIPART = re.compile(
    rb'(?is)(name="?[^"\r\n;]*pass[^"\r\n;]*"?[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n).*?(?=\r\n--|\Z)',
)
_XML = re.compile(rb"(?is)(<(?:[\w.-]+:)?[\w.-]*pass[\w.-]*(?:\s[^>]*)?>)[^<]*")
# What an application's URL is known by: at least 128 bits in URL-safe characters, as docs/webhooks.md asks for.
_LONG = re.compile(r"(?<=[/=])[A-Za-z0-9_.~-]{22,}(?=[/?&]|$)")
_LETTER = re.compile(r"(?im)^([ \t]*[^:\n]*pass[^:\n]*:)[^\n]*")


def mask_form(body: bytes) -> bytes:
    """An urlencoded body or query."""
    return _FORM.sub(_MASK, body)


def mask_multipart(body: bytes) -> bytes:
    """A multipart/form-data body."""
    return _MULTIPART.sub(_MASK, body)


def mask_xml(body: bytes) -> bytes:
    """A SOAP envelope, well-formed or not."""
    return _XML.sub(_MASK, body)


def mask_url(url: str) -> str:
    """The URL of an application: the secret in its path or query is not shown."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + mark + host + _LONG.sub("…", slash + path)


def mask_letter(text: str) -> str:
    """The text of a letter of the second e-mail variant."""
    return _LETTER.sub(r"\1 ********", text)
