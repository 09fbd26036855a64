"""What becomes of a message is chosen by its number, the same on every protocol.

The last four digits of a phone number pick the outcome; every other number is
delivered. A test may add rules of its own, longer or shorter; the longest
suffix wins, and of equal ones the newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from sms_traffic_async.errors import ConfigurationError

__all__ = ("COURSES", "DELIVERED", "Course", "NumberOutcome", "Outcomes")

Course: TypeAlias = Literal[
    "delivered",
    "not_delivered",
    "expired",
    "rejected",
    "deleted",
    "unknown",
    "slow",
    "never",
    "silent",
    "clicked",
    "read",
    "refused",
]
"""``never`` stays Buffered SMSC; ``silent`` is sent and stays without a status; ``refused`` is not accepted at all."""

COURSES = frozenset(get_args(Course))
ERROR_CODES = range(1, 18)
"""The document's table "Список кодов ошибок в поле err"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberOutcome:
    """What happens to numbers that end in ``suffix``.

    Attributes:
        suffix: the digits a number ends in; empty for every number.
        course: what happens.
        code: the reason 1 to 17 of ``not_delivered``; the API code of ``refused``.
        note: a sentence for the page and the documentation.
    """

    suffix: str
    course: Course
    code: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        if self.suffix and not (self.suffix.isascii() and self.suffix.isdigit()):
            raise ConfigurationError("an outcome's suffix is digits")
        if self.course not in COURSES:
            raise ConfigurationError(f"an outcome's course is one of {', '.join(sorted(COURSES))}")
        if self.course == "refused" and self.code < 1:
            raise ConfigurationError("a refused outcome needs the API code it is refused with")


DELIVERED = NumberOutcome(suffix="", course="delivered", note="delivered")

_NOT_DELIVERED = tuple(
    NumberOutcome(suffix=f"90{code:02d}", course="not_delivered", code=code, note=f"Non Delivered, err {code}")
    for code in ERROR_CODES
)
_REFUSED = tuple(
    NumberOutcome(suffix=f"9{code}", course="refused", code=code, note=f"refused at the send with code {code}")
    for code in (415, 419, 424, 425, 426, 427, 428, 429, 430, 431, 432, 436)
)
BUILT_IN: tuple[NumberOutcome, ...] = (
    *_NOT_DELIVERED,
    NumberOutcome(suffix="9020", course="expired", note="Expired"),
    NumberOutcome(suffix="9021", course="rejected", note="Rejected"),
    NumberOutcome(suffix="9022", course="deleted", note="Deleted"),
    NumberOutcome(suffix="9023", course="unknown", note="Unknown status"),
    NumberOutcome(suffix="9030", course="slow", note="Delivered, but after Pace.slow"),
    NumberOutcome(suffix="9031", course="never", note="stays Buffered SMSC for ever"),
    NumberOutcome(suffix="9032", course="silent", note="sent, and no status ever comes"),
    NumberOutcome(suffix="9040", course="clicked", note="Delivered, then Clicked"),
    NumberOutcome(suffix="9041", course="read", note="Delivered, then Read"),
    *_REFUSED,
    NumberOutcome(suffix="9999", course="refused", code=1000, note="refused at the send with code 1000, temporary"),
)


class Outcomes:
    """The table in use.

    Args:
        own: rules beside the built-in ones, or in place of them.
    """

    def __init__(self, own: Iterable[NumberOutcome] = ()) -> None:
        self._own = tuple(own)
        self._by_suffix: dict[str, NumberOutcome] = {}
        self._lengths: tuple[int, ...] = ()
        self.reset()

    def add(self, outcome: NumberOutcome) -> None:
        """Add a rule, or replace the one of the same suffix."""
        self._by_suffix[outcome.suffix] = outcome
        self._lengths = tuple(sorted({len(suffix) for suffix in self._by_suffix}, reverse=True))

    def remove(self, suffix: str) -> None:
        """Take a rule away; built-in ones too.

        Raises:
            KeyError: there is none.
        """
        del self._by_suffix[suffix]

    def clear(self) -> None:
        """Every number is delivered: for runs over many numbers, which would meet the table by chance."""
        self._by_suffix = {}
        self._lengths = ()

    def reset(self) -> None:
        """Back to the built-in table, and the rules it was made with."""
        self._by_suffix = {outcome.suffix: outcome for outcome in (*BUILT_IN, *self._own)}
        self._lengths = tuple(sorted({len(suffix) for suffix in self._by_suffix}, reverse=True))

    def of(self, number: str) -> NumberOutcome:
        """What happens to this number."""
        table = self._by_suffix
        for length in self._lengths:
            found = table.get(number[-length:] if length else "")
            if found is not None:
                return found
        return DELIVERED

    def __iter__(self) -> Iterator[NumberOutcome]:
        return iter(sorted(self._by_suffix.values(), key=lambda outcome: outcome.suffix))

    def __len__(self) -> int:
        return len(self._by_suffix)
