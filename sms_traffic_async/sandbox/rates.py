"""How many requests a token may make, and when a refused one may come again.

A sliding window: at most ``count`` requests in any ``seconds``. Refused
requests are not counted.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.switches import RetryAfterForm

__all__ = ("Rate", "RateWindow", "retry_after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many requests in so many seconds."""

    count: int
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.count < 1 or not self.seconds > 0:
            raise ConfigurationError("a rate is at least one request in a length of time greater than 0")

    @classmethod
    def per_second(cls, requests: float) -> Rate:
        """``0.5`` is one request in two seconds."""
        if requests < 1:
            return cls(count=1, seconds=1.0 / requests)
        if requests == int(requests):
            return cls(count=int(requests))
        return cls(count=round(requests * 10), seconds=10.0)


class RateWindow:
    """The requests of one token inside the last window."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def take(self, rate: Rate, now: float) -> float:
        """Count a request; 0 if it may pass, else seconds until the next may."""
        times = self._times
        while times and times[0] <= now - rate.seconds:
            times.popleft()
        if len(times) < rate.count:
            times.append(now)
            return 0.0
        # Rounding can make this 0, which would mean "pass".
        return max(times[-rate.count] + rate.seconds - now, 1e-6)


def retry_after(form: RetryAfterForm, delay: float, now: float) -> str | None:
    """The header's value in one of the forms that servers are seen to send; ``None`` for no header.

    Args:
        form: the form; see ``Switches.retry_after``.
        delay: seconds until a request may come again.
        now: the wall time that the answer's ``Date`` header carries.
    """
    whole = max(1, math.ceil(delay))
    if form == "seconds":
        return str(whole)
    if form in {"http-date", "rfc850", "asctime"}:
        return _date(form, now + whole)
    fixed = {
        "zero": "0",
        "negative": str(-whole),
        "past": formatdate(now - 60, usegmt=True),
        "huge": "1" + "0" * 30,
        "unicode": "".join(chr(0x0660 + int(digit)) for digit in str(whole)),
        "garbage": "soon, please",
        "float": f"{max(delay, 0.001):.3f}",
    }
    return fixed.get(form)


def _date(form: str, at: float) -> str:
    # strftime's names follow the locale; HTTP's are English.
    day, date, month, year, clock, _ = formatdate(at, usegmt=True).replace(",", "").split()
    if form == "http-date":
        return f"{day}, {date} {month} {year} {clock} GMT"
    if form == "asctime":
        return f"{day} {month} {int(date):2d} {clock} {year}"
    weekdays = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    weekday = weekdays[datetime.fromtimestamp(at, UTC).weekday()]
    return f"{weekday}, {date}-{month}-{year[2:]} {clock} GMT"
