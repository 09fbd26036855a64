"""An account's settings as JSON and TOML give them: from the control API, and from a file."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.accounts import Account, allowed_network

__all__ = ("ACCOUNT_FIELDS", "change_account")

_MONEY: Final = frozenset({"balance", "credit", "price"})
_SETS: Final = frozenset({"originators", "blocked", "allowed_ips"})
_FLAGS: Final = frozenset({"any_originator", "http_allowed"})
ACCOUNT_FIELDS: Final = _MONEY | _SETS | _FLAGS | {"default_originator", "smpp_rate"}
MOST_MONEY: Final = Decimal(10**12)


def change_account(account: Account, values: Mapping[str, Any]) -> None:
    """Set some of `ACCOUNT_FIELDS`: all of what is given, or (one of it is wrong) nothing.

    Raises:
        ConfigurationError: no such setting, or a value it cannot have.
    """
    read = {name: _read(name, value) for name, value in values.items()}
    for name, value in read.items():
        setattr(account, name, value)


def _read(name: str, value: Any) -> Any:
    if name not in ACCOUNT_FIELDS:
        raise ConfigurationError(f"an account's {name!r} cannot be changed; {', '.join(sorted(ACCOUNT_FIELDS))} can")
    if name in _MONEY:
        return _money(name, value)
    if name in _SETS:
        items = cast("list[Any]", value) if isinstance(value, list) else [None]  # type: ignore[redundant-cast]
        if not all(isinstance(one, str) for one in items):
            raise ConfigurationError(f"{name} is a list of strings")
        if name == "allowed_ips" and not all(map(allowed_network, items)):
            raise ConfigurationError("allowed_ips holds addresses, and networks such as 192.0.2.0/24 (/8, /16 or /24)")
        return set(items)
    if name == "smpp_rate":
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0):
            raise ConfigurationError("smpp_rate is messages a second, above 0")
        return value
    wanted = bool if name in _FLAGS else str
    if not isinstance(value, wanted):
        raise ConfigurationError(f"{name} is a {wanted.__name__}")
    return value


def _money(name: str, value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    # Neither NaN nor Infinity is money, and a number without a bound is somebody's mistake.
    if isinstance(value, bool) or not amount.is_finite() or abs(amount) > MOST_MONEY:
        raise ConfigurationError(f"{name} is an amount of money")
    return amount
