"""Finding messages by a line of words, as the page, the control API and tests do.

``to:7916 text:"your code" status:delivered via:v2 -login:shop hello``: every
word must hold, ``-`` turns one round, a word without a key is looked for in the
text, the numbers and the ids. Upper and lower case are the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.sandbox.life import FINAL
from sms_traffic_async.sandbox.store import StoredMessage

__all__ = ("KEYS", "Matcher", "matcher")

Matcher: TypeAlias = Callable[[StoredMessage], bool]

_WORD = re.compile(r'(-?)(?:([a-z_]+):)?(?:"([^"]*)"|(\S+))', re.IGNORECASE)
_MOST_WORDS = 32

_IS: dict[str, Matcher] = {
    "sent": lambda message: message.direction == "mt",
    "inbound": lambda message: message.direction == "mo",
    "delivered": lambda message: message.status in {"Delivered", "Read", "Clicked", "Checked"},
    "failed": lambda message: message.status in {"Non Delivered", "Expired", "Rejected", "Deleted"},
    "final": lambda message: message.status in FINAL,
    "pending": lambda message: message.status not in FINAL,
    "scheduled": lambda message: message.start_at is not None and message.sent_at is None,
    "flash": lambda message: message.flash,
    "long": lambda message: message.parts > 1,
}


def matcher(line: str) -> Matcher:
    """What a message must be to be found; an empty line finds all.

    Raises:
        ConfigurationError: an unknown key, a date that cannot be read, too many words.
    """
    tests: list[Matcher] = []
    for found in _WORD.finditer(line):
        negative, key, quoted, plain = found.groups()
        test = _test(key.lower() if key else "", quoted if quoted is not None else plain)
        tests.append(_not(test) if negative else test)
        if len(tests) > _MOST_WORDS:
            raise ConfigurationError(f"a search has at most {_MOST_WORDS} words")
    return lambda message: all(test(message) for test in tests)


def _not(test: Matcher) -> Matcher:
    return lambda message: not test(message)


def _test(key: str, value: str) -> Matcher:
    if not key:
        return _anywhere(value)
    if key not in KEYS:
        raise ConfigurationError(f"a search has no key {key!r}; there are {', '.join(KEYS)}")
    return KEYS[key](value)


def _anywhere(value: str) -> Matcher:
    folded = value.casefold()

    def test(message: StoredMessage) -> bool:
        fields = (message.text, message.to, message.originator, message.tracking_data or "", *message.ids)
        return any(folded in field.casefold() for field in fields)

    return test


def _holds(field: Callable[[StoredMessage], str]) -> Callable[[str], Matcher]:
    def make(value: str) -> Matcher:
        folded = value.casefold()
        return lambda message: folded in field(message).casefold()

    return make


def _equals(field: Callable[[StoredMessage], str]) -> Callable[[str], Matcher]:
    def make(value: str) -> Matcher:
        folded = value.casefold().replace("_", " ")
        return lambda message: field(message).casefold() == folded

    return make


def _is(value: str) -> Matcher:
    if value.lower() not in _IS:
        raise ConfigurationError(f"is: takes {', '.join(_IS)}")
    return _IS[value.lower()]


def _time(value: str) -> float:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise ConfigurationError("before: and after: take a date such as 2025-12-18 or 2025-12-18T12:00") from None
    # A date without a zone is the platform's, UTC+3.
    return (at if at.utcoffset() is not None else at.replace(tzinfo=MOSCOW)).timestamp()


def _before(value: str) -> Matcher:
    limit = _time(value)
    return lambda message: message.submitted_at < limit


def _after(value: str) -> Matcher:
    limit = _time(value)
    return lambda message: message.submitted_at >= limit


KEYS: dict[str, Callable[[str], Matcher]] = {
    "to": _holds(lambda message: message.to),
    "from": _holds(lambda message: message.originator),
    "text": _holds(lambda message: message.text),
    "id": _holds(lambda message: " ".join(message.ids)),
    "tracking": _equals(lambda message: (message.tracking_data or "").replace("_", " ")),
    "status": _equals(lambda message: message.status or "none"),
    "via": _equals(lambda message: message.protocol),
    "login": _holds(lambda message: message.login),
    "is": _is,
    "before": _before,
    "after": _after,
}
