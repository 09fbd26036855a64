"""Rules that stand before acceptance and need a memory or a text: spam, parts, templates, originators."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.sandbox.accounts import Account
from sms_traffic_async.sandbox.clock import SandboxClock
from sms_traffic_async.sandbox.numbers import is_russian
from sms_traffic_async.sandbox.refusals import Refusal, refuse
from sms_traffic_async.sandbox.switches import Switches
from sms_traffic_async.text import GATEWAY, Encoding, segment, to_gateway

__all__ = ("AirEncoding", "AirText", "ReferenceBytes", "SpamFilter", "check_originator", "expand", "on_air")

HOUR = 3_600.0
SPAM_HOUR = 4
SPAM_HALF_DAY = 8
HALF_DAY = 12 * HOUR
"""More than 4 same texts to a number in an hour, or 8 in 12 (document, status Rejected)."""

ALPHANUMERIC_LONGEST = 11
NUMERIC_LONGEST = 15

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


def check_originator(originator: str, account: Account, number: str, switches: Switches) -> Refusal | None:
    """The rule a sender breaks: 421 too long, 436 forbidden (unregistered, or digits to a Russian number)."""
    numeric = originator.isascii() and originator.isdigit()
    if len(originator) > (NUMERIC_LONGEST if numeric else ALPHANUMERIC_LONGEST):
        return refuse(421)
    if not account.any_originator and originator not in account.originators:
        return refuse(436, originator)
    if numeric and switches.numeric_originator_refused and is_russian(number):
        return refuse(436, originator)
    return None


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
) -> AirText | Refusal:
    """Measure a text, turned into Latin letters and cut where that was asked for.

    What exceeds ``max_parts`` is cut in silence, or refused with 424 (switch U12).
    ``gsm7`` puts a question mark where no scheme has a letter (v1 ``rus=0``).
    """
    if transliterate:
        from sms_traffic_async.text import transliterate as to_latin

        text = to_latin(text)
    forced = Encoding.UCS2 if encoding == "ucs2" else None
    if encoding == "gsm7":
        text = "".join(char if char in GATEWAY else "?" for char in to_gateway(text))
        forced = Encoding.GSM7
    try:
        segments = segment(
            text,
            max_parts=max_parts,
            truncate=switches.max_parts == "cut",
            encoding=forced,
            reference_bytes=reference_bytes,
        )
    except InvalidMessage:
        # Too many parts; or U+0000, which no short message can carry.
        return refuse(424, text[:20], number)
    return AirText(segments.text, segments.encoding.value, segments.count)
