"""What the abuse guard allows, as one value."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any, cast

from sms_traffic_async.errors import ConfigurationError

__all__ = ("AbuseRules",)

_PREFIX = re.compile(r"[1-9][0-9]{0,14}")
_WHOLE = ("per_hour", "per_day", "same_text_per_hour", "same_text_per_half_day", "prefix_digits", "max_parts")
_OPTIONAL = ("prefix_per_hour", "country_per_hour", "neighbours")
_SECONDS = ("cooldown", "budget_window")
_MICRO = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbuseRules:
    """Limits for one-time codes. Times are seconds.

    Attributes:
        countries: prefixes of the numbers that may be written to, such as
            ``("7", "375")``. There is no default: whoever sends codes
            everywhere pays for it. ``7`` is Kazakhstan too: ``blocked=("77",)``.
        blocked: prefixes, or whole numbers, that may not be written to.
        cooldown: seconds between two messages to one number.
        per_hour: messages to one number.
        per_day: messages to one number.
        same_text_per_hour: the same text to one number; the platform refuses more than 4.
        same_text_per_half_day: the same in 12 hours; the platform refuses more than 8.
        prefix_digits: leading digits that numbers of one range share.
        prefix_per_hour: messages to one such range; ``None`` for any number of them.
        country_per_hour: messages to one of ``countries``.
        neighbours: different numbers out of ten consecutive ones, in ten
            minutes; ``None`` for any number of them. Pumping walks through a range.
        max_parts: of a message.
        ttl: a message that could not be sent for this long is not sent; ``None``
            leaves ``expires_in`` as it is. A code that comes late makes the user ask again.
        budget: money for all messages in ``budget_window``; a hard stop. Needs ``price``.
        budget_window: seconds.
        price: of one SMS part; or one for each of ``countries``.

    Raises:
        ConfigurationError: a value is bad.
    """

    countries: tuple[str, ...]
    blocked: tuple[str, ...] = ()
    cooldown: float = 60.0
    per_hour: int = 5
    per_day: int = 10
    same_text_per_hour: int = 4
    same_text_per_half_day: int = 8
    prefix_digits: int = 7
    prefix_per_hour: int | None = 60
    country_per_hour: int | None = None
    neighbours: int | None = 4
    max_parts: int = 1
    ttl: float | None = 300.0
    budget: Decimal | int | None = None
    budget_window: float = 86_400.0
    price: Decimal | int | Mapping[str, Decimal | int] | None = None

    def __post_init__(self) -> None:
        for name in ("countries", "blocked"):
            given: Any = getattr(self, name)
            if isinstance(given, str) or not isinstance(given, Iterable):
                raise ConfigurationError(f'{name} is a sequence of prefixes, such as ("7", "375")')
            prefixes = tuple(cast("Iterable[object]", given))
            if not all(isinstance(one, str) and _PREFIX.fullmatch(one) for one in prefixes):
                raise ConfigurationError(f"{name}: a prefix is the leading digits of a number, such as 7 or 375")
            object.__setattr__(self, name, prefixes)
        if not self.countries:
            raise ConfigurationError("countries: name at least one that codes are sent to")
        for name in _WHOLE + _OPTIONAL:
            value: object = getattr(self, name)
            if not (type(value) is int and value > 0) and not (value is None and name in _OPTIONAL):
                raise ConfigurationError(f"{name} is a whole number greater than 0")
        for name in (*_SECONDS, *(() if self.ttl is None else ("ttl",))):
            seconds: object = getattr(self, name)
            if type(seconds) not in {int, float} or not 0 < cast("float", seconds) < math.inf:
                raise ConfigurationError(f"{name} is a number of seconds greater than 0")
        self._check_money()

    def _check_money(self) -> None:
        prices = self.price.values() if isinstance(self.price, Mapping) else (self.price,)
        given = [one for one in (self.budget, *prices) if one is not None]
        if not all(type(one) in {int, Decimal} and Decimal(one).is_finite() and one > 0 for one in given):
            raise ConfigurationError("budget and price are money: Decimal or a whole number, greater than 0")
        if self.budget is not None and self.price is None:
            raise ConfigurationError("budget needs price, of one SMS part")
        if isinstance(self.price, Mapping) and not set(self.countries) <= self.price.keys():
            raise ConfigurationError("price: one is needed for each of countries")

    def country(self, phone: str) -> str | None:
        """The longest of ``countries`` that a number begins with; ``None`` if it may not be written to."""
        if phone.startswith(self.blocked):
            return None
        return max((one for one in self.countries if phone.startswith(one)), key=len, default=None)

    def cost(self, country: str, parts: int) -> int:
        """What a message costs, in millionths."""
        price = self.price[country] if isinstance(self.price, Mapping) else self.price
        return int((Decimal(price or 0) * parts * _MICRO).to_integral_value(ROUND_CEILING))

    def budget_cost(self) -> int:
        """The budget, in millionths."""
        return int(Decimal(self.budget or 0) * _MICRO)
