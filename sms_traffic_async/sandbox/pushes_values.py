"""An account's settings of pushes and inbound messages as JSON and TOML have them, and changed by such."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any, TypeVar, cast

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.accounts import Account
from sms_traffic_async.sandbox.control_json import made
from sms_traffic_async.sandbox.pushes_settings import InboundSettings, PushSettings, Retries, ShortNumber
from sms_traffic_async.secrets import Secret

__all__ = ("changed", "settings_json")

Settings = TypeVar("Settings", bound=PushSettings | InboundSettings)

_HIDDEN = "********"


def settings_json(account: Account) -> dict[str, Any]:
    """An account's settings of pushes and inbound messages; passwords of short numbers are not shown."""
    inbound = asdict(replace(account.inbound, short_numbers=()))
    inbound["short_numbers"] = [
        {**asdict(replace(one, password=None)), "password": None if one.password is None else _HIDDEN}
        for one in account.inbound.short_numbers
    ]
    return {"login": account.login, "statuses": asdict(account.pushes), "inbound": inbound}


def changed(settings: Settings, changes: object) -> Settings:
    """A copy of settings with some of them changed, as JSON and TOML give them.

    Raises:
        ConfigurationError: no such setting, or a value it cannot have.
    """
    if not isinstance(changes, dict):
        raise ConfigurationError("settings are an object")
    values = dict(cast("dict[str, Any]", changes))
    for name, value in values.items():
        # A wrong type must not become a setting that fails at the next message.
        if isinstance(getattr(settings, name, None), str) and not isinstance(value, str):
            raise ConfigurationError(f"{name} is a string")
        if isinstance(getattr(settings, name, None), bool) and not isinstance(value, bool):
            raise ConfigurationError(f"{name} is true or false")
    if "retries" in values:
        given = _object("retries", values["retries"])
        values["retries"] = made(
            Retries, {one.name: getattr(settings.retries, one.name) for one in fields(Retries)} | given
        )
    if isinstance(settings, InboundSettings) and "short_numbers" in values:
        values["short_numbers"] = _short_numbers(settings, values["short_numbers"])
    if values.get("email_server") is not None:
        values["email_server"] = _server(values["email_server"])
    return made(type(settings), {one.name: getattr(settings, one.name) for one in fields(settings)} | values)


def _object(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{name} is an object")
    return cast("dict[str, Any]", value)


def _server(value: object) -> tuple[str, int]:
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if isinstance(value, list):
        host, port = (str(one) for one in cast("list[object]", [*value, "", ""])[:2])
    if not host or not port.isascii() or not port.isdigit():
        raise ConfigurationError("email_server is 'host:port'")
    return host, int(port)


def _short_numbers(settings: InboundSettings, given: object) -> tuple[ShortNumber, ...]:
    if not isinstance(given, list):
        raise ConfigurationError("short_numbers is a list")
    found: list[ShortNumber] = []
    for one in cast("list[object]", given):
        values = dict(_object("a short number", one))
        known = settings.short_number(str(values.get("number")))
        if values.get("password") == _HIDDEN:
            values["password"] = None if known is None else known.password
        for name in ("number", "url"):
            if not isinstance(values.get(name), str):
                raise ConfigurationError(f"a short number's {name} is a string")
        if not isinstance(values.get("password"), str | Secret | None):
            raise ConfigurationError("a short number's password is a string")
        found.append(made(ShortNumber, values))
    return tuple(found)
