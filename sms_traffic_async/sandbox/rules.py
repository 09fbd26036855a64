"""Rules that stand before acceptance and need a memory or a text: spam, parts, templates, originators."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.sandbox.accounts import Account
from sms_traffic_async.sandbox.clock import SandboxClock
from sms_traffic_async.sandbox.numbers import is_russian
from sms_traffic_async.sandbox.refusals import Refusal, refuse
from sms_traffic_async.sandbox.switches import Switches
from sms_traffic_async.text import GATEWAY, STANDARD, Encoding, segment, to_gateway
from sms_traffic_async.text import transliterate as to_latin

__all__ = ("AirEncoding", "AirText", "ReferenceBytes", "SpamFilter", "check_originator", "expand", "on_air")

HOUR = 3_600.0
SPAM_HOUR = 4
SPAM_HALF_DAY = 8
HALF_DAY = 12 * HOUR
"""More than 4 same texts to a number in an hour, or 8 in 12 (document, status Rejected)."""

ALPHANUMERIC_LONGEST = 11
NUMERIC_LONGEST = 15

_LOOK_ALIKES = str.maketrans("[]{}\\^~|€", "()()/'-!E")
"""The document says that there are some, and not which ("Адрес отправителя")."""

_PLACEHOLDER = re.compile(r"\[\[([^\[\]]+)\]\]")


AirEncoding: TypeAlias = Literal["auto", "gsm7", "ucs2"]
"""``auto``: GSM where the text allows it. v1 and SOAP say which they want."""
ReferenceBytes: TypeAlias = Literal[1, 2]


class AirText(NamedTuple):
    """A text as it goes on the air."""

    text: str
    encoding: str
    parts: int


class SpamFilter:
    """Counts same texts to the same number, per account."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._times: dict[tuple[str, str, int], list[float]] = {}
        self._order: deque[tuple[float, tuple[str, str, int]]] = deque()

    def is_spam(self, account: Account, number: str, text: str) -> bool:
        """Count one sending, and say whether it is one too many. What is refused as spam counts as well."""
        now = self._clock.now()
        self._forget(now - HALF_DAY)
        key = (account.login, number, hash(text))
        times = self._times.setdefault(key, [])
        times.append(now)
        self._order.append((now, key))
        if len(times) > SPAM_HALF_DAY:
            return True
        return sum(1 for at in times if at > now - HOUR) > SPAM_HOUR

    @property
    def known(self) -> int:
        """How many pairs of number and text are remembered."""
        return len(self._times)

    def clear(self) -> None:
        """Forget every count."""
        self._times.clear()
        self._order.clear()

    def _forget(self, horizon: float) -> None:
        while self._order and self._order[0][0] <= horizon:
            _, key = self._order.popleft()
            times = self._times.get(key)
            if times:
                del times[0]
            if not times:
                self._times.pop(key, None)


def check_originator(originator: str, account: Account, number: str, switches: Switches) -> str | Refusal:
    """A sender as the phone shows it, or the rule it breaks.

    421 is too long, once Cyrillic letters are Latin ones. 436 is forbidden: not registered (as it came, or as it is
    shown), spaces at its ends, a character that the GSM alphabet has not, or digits to a Russian number.
    """
    shown, well_formed = _shown(originator)
    numeric = shown.isascii() and shown.isdigit()
    if len(shown) > (NUMERIC_LONGEST if numeric else ALPHANUMERIC_LONGEST):
        return refuse(421)
    registered = account.any_originator or not account.originators.isdisjoint((originator, shown))
    if not (well_formed and registered) or (numeric and switches.numeric_originator_refused and is_russian(number)):
        return refuse(436, originator)
    return shown


@lru_cache(maxsize=256)  # the same few come with every message
def _shown(originator: str) -> tuple[str, bool]:
    """Cyrillic letters by transliteration, extension characters by look-alikes, and whether the rest may stand."""
    shown = to_latin(originator).translate(_LOOK_ALIKES)
    return shown, shown == shown.strip() and all(char in STANDARD.basic for char in shown)


def expand(text: str, params: Mapping[str, str]) -> str:
    """Replace ``[[name]]``; a name without a value stays as it is."""
    return _PLACEHOLDER.sub(lambda match: params.get(match.group(1), match.group(0)), text)


def placeholders(text: str) -> set[str]:
    """The names in a template."""
    return set(_PLACEHOLDER.findall(text))


def on_air(
    text: str,
    *,
    number: str,
    transliterate: bool,
    max_parts: int,
    switches: Switches,
    encoding: AirEncoding = "auto",
    reference_bytes: ReferenceBytes = 1,
    flash: bool = False,
) -> AirText | Refusal:
    """Measure a text, turned into Latin letters and cut where that was asked for.

    What exceeds ``max_parts`` is cut in silence, or refused with 424 (switch U12): the first parts go out as they
    were cut, so of a longer text one part holds 153 or 67 characters (document, ``max_parts``). A flash message is
    one SMS of 160 or 70. ``gsm7`` puts a question mark where no scheme has a letter (v1 ``rus=0``).
    """
    if transliterate:
        text = to_latin(text)
    forced = Encoding.UCS2 if encoding == "ucs2" else None
    if encoding == "gsm7":
        text = "".join(char if char in GATEWAY else "?" for char in to_gateway(text))
        forced = Encoding.GSM7
    cut = switches.max_parts == "cut"
    try:
        segments = segment(text, truncate=cut, encoding=forced, reference_bytes=reference_bytes, flash=flash)
    except InvalidMessage:
        # Too many parts; or U+0000, which no short message can carry.
        return refuse(424, text[:20], number)
    if segments.count > max_parts:
        if not cut:
            return refuse(424, text[:20], number)
        return AirText("".join(segments.texts[:max_parts]), segments.encoding.value, max_parts)
    return AirText(segments.text, segments.encoding.value, segments.count)
