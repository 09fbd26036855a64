"""Phone numbers as the platform takes them: rules, federal twins, operators.

The operators are a handful of ranges, enough for reports and statuses to show
plausible names; which operator really serves a number is not knowable from it.
"""

from __future__ import annotations

from typing import NamedTuple

from sms_traffic_async.sandbox.refusals import Refusal, refuse

__all__ = ("Operator", "check_number", "federal_number", "is_russian", "operator_of")

SHORTEST = 7
LONGEST = 15
SEVEN_LENGTH = 11
"""+7 has ten national digits, in Russia and in Kazakhstan."""

MOSCOW_CODE = "7495"
MOSCOW_FEDERAL = "7985"


class Operator(NamedTuple):
    """Who serves a number, as statuses and reports name it."""

    operator_id: int
    mcc: int
    mnc: int
    name: str
    country: str
    utc_offset: float
    """Hours; what ``localtime`` goes by."""


_RUSSIA = "Russian Federation"
_BEELINE = Operator(1971, 250, 99, "Билайн", _RUSSIA, 3)
_MTS = Operator(1101, 250, 1, "Мобильные ТелеСистемы", _RUSSIA, 3)
_MEGAFON = Operator(1202, 250, 2, "МегаФон", _RUSSIA, 3)
_T2 = Operator(1320, 250, 20, "Т2 Мобайл", _RUSSIA, 3)
_YOTA = Operator(1411, 250, 11, "Йота", _RUSSIA, 3)

# The document's own countries ("Формат номера телефона"), and Russian ranges by their first digits.
_BY_PREFIX: dict[str, Operator] = {
    **{f"7{code}": _MTS for code in ("91", "98")},
    **{f"7{code}": _MEGAFON for code in ("92", "93")},
    **{f"7{code}": _BEELINE for code in ("903", "905", "906", "909", "96", "80")},
    **{f"7{code}": _T2 for code in ("900", "901", "902", "904", "908", "95", "97", "991", "992", "993", "994")},
    "7999": _YOTA,
    "7": _BEELINE,
    "77": Operator(3702, 401, 2, "Кселл", "Kazakhstan", 5),
    "76": Operator(3702, 401, 2, "Кселл", "Kazakhstan", 5),
    "375": Operator(2504, 257, 4, "МТС (Беларусь)", "Belarus", 3),
    "380": Operator(2603, 255, 3, "Киевстар", "Ukraine", 2),
    "34": Operator(4107, 214, 7, "Jazz Telecom", "Spain", 1),
    "371": Operator(5202, 247, 2, "Tele2", "Latvia", 2),
}
_LONGEST_PREFIX = max(map(len, _BY_PREFIX))
_ELSEWHERE = Operator(9000, 901, 1, "Unknown operator", "Unknown country", 3)


def is_russian(number: str) -> bool:
    """+7 without Kazakhstan's 76 and 77."""
    return number.startswith("7") and not number.startswith(("76", "77"))


def check_number(number: str) -> Refusal | None:
    """The rule of the platform that a number breaks, as codes 425 to 430; ``None`` if none."""
    if not (number.isascii() and number.isdigit()):
        return refuse(428, number)
    if len(number) < SHORTEST:
        return refuse(425, number)
    if len(number) > LONGEST:
        return refuse(426, number)
    if number[0] == "7" and len(number) != SEVEN_LENGTH:
        return refuse(427, number)
    if number[0] == "0":
        return refuse(430, number)
    return None


def federal_number(number: str) -> str:
    """A Moscow landline-style number as its federal twin (document, "Формат номера телефона")."""
    if len(number) == SEVEN_LENGTH and number.startswith(MOSCOW_CODE):
        return MOSCOW_FEDERAL + number[len(MOSCOW_CODE) :]
    return number


def operator_of(number: str) -> Operator:
    """The operator by the longest known prefix."""
    for length in range(_LONGEST_PREFIX, 0, -1):
        operator = _BY_PREFIX.get(number[:length])
        if operator is not None:
            return operator
    return _ELSEWHERE
