"""What a person looks for in a text: codes and links; and what the text costs, part by part."""

from __future__ import annotations

import re
from typing import Any, Final

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.sandbox.store import StoredMessage
from sms_traffic_async.text import Encoding, segment

__all__ = ("analysis_of", "codes", "links")

_LINK: Final = re.compile(r"(?i)\b(?:https?://|www\.)[^\s<>\"]+|\b(?:[\w-]+\.)+[^\W\d_]{2,}/[^\s<>\"]*")
_TRAILING: Final = ".,;:!?)]}»”'\""
_CODE: Final = re.compile(r"(?:(?<![\w.,*-])|(?<=\bG-))(?=[A-Z0-9-]*\d)(?:\d{3}[ -]\d{3}|[A-Z0-9]{4,10})(?!\w|[.,]\d)")
_WORDS: Final = re.compile(r"(?i)\b(?:код|пароль|парол|code|password|otp|pin|пин)\w*")


def links(text: str) -> tuple[str, ...]:
    """The links in a text, in order, each once. Never opened by the sandbox."""
    return tuple(dict.fromkeys(found.rstrip(_TRAILING) for found in _LINK.findall(text)))


def codes(text: str) -> tuple[str, ...]:
    """What looks like one-time codes, the likeliest first: digits near such a word, then other groups of 4 to 10.

    ``123 456`` and ``123-456`` are found as they stand.
    """
    plain = _LINK.sub(" ", text)
    words = [word.start() for word in _WORDS.finditer(plain)]
    found = [(match.start(), match.group()) for match in _CODE.finditer(plain)]

    def distance(entry: tuple[int, str]) -> int:
        return min((abs(entry[0] - word) for word in words), default=0)

    return tuple(dict.fromkeys(value for _, value in sorted(found, key=distance)))


def analysis_of(message: StoredMessage) -> dict[str, Any]:
    """A message's codes, links and parts, as the page and the control API show them."""
    try:
        made = segment(message.text, encoding=Encoding.UCS2 if message.encoding == Encoding.UCS2 else None)
    except InvalidMessage:  # a text no handset could have written; shown as it is
        return {"codes": codes(message.text), "links": links(message.text), "texts": [message.text]}
    plain = segment(message.text)
    return {
        "codes": codes(message.text),
        "links": links(message.text),
        "units": made.units,
        "units_left": made.units_left,
        "forced_by": plain.forced_by,
        "ucs2_cost": plain.ucs2_cost,
        "texts": [part.text for part in made.parts],
    }
