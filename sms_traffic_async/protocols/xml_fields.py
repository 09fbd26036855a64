"""Fields that the XML of v1 and of SOAP have in common, read from the text of their elements. Pure."""

from __future__ import annotations

import re

from sms_traffic_async.message_rules import ID_MAX
from sms_traffic_async.protocols.http.answers import Damaged

__all__ = ("read_code", "read_id", "read_queued")

_CODE = re.compile(r"-?\d{1,9}")
_QUEUED = re.compile(r"\bqueued\s+(\d{1,9})\b", re.IGNORECASE)


def read_id(text: str | None) -> str | None:
    """A message id."""
    return text if text and len(text) <= ID_MAX and text.isprintable() else None


def read_code(text: str | None) -> int | None:
    """The code of a reply; ``None`` where it is empty or missing.

    Raises:
        Damaged: it is no number.
    """
    if not text:
        return None
    if not _CODE.fullmatch(text):
        raise Damaged("its code cannot be read")
    return int(text)


def read_queued(description: str) -> int | None:
    """The number in "queued N messages", which counts parts."""
    found = _QUEUED.search(description)
    return None if found is None else int(found[1])
