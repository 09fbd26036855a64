"""How a sandbox begins, from a TOML file: accounts, departments, tokens, numbers, switches and pace.

`reset` and `restore` come back to it. Values of the file are never part of an
error text: it may hold passwords and keys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.account_values import change_account
from sms_traffic_async.sandbox.accounts import OPERATIONS, ROLE_SENDING, Account, Accounts
from sms_traffic_async.sandbox.life import Pace
from sms_traffic_async.sandbox.outcomes import NumberOutcome
from sms_traffic_async.sandbox.pushes_values import changed
from sms_traffic_async.sandbox.rates import Rate
from sms_traffic_async.sandbox.switches import Switches
from sms_traffic_async.secrets import Secret

__all__ = ("Beginning", "read_config")

MOST_BYTES: Final = 1024 * 1024
_TABLES: Final = ("switches", "pace", "outcomes", "accounts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What a sandbox starts with, and comes back to.

    Attributes:
        source: the file's name, for error texts.
        switches, pace: ``None`` takes the defaults.
        outcomes: rules beside the built-in ones.
        accounts: as the file has them; not shown, there are passwords among them.
    """

    source: str = ""
    switches: Switches | None = None
    pace: Pace | None = None
    outcomes: tuple[NumberOutcome, ...] = ()
    accounts: tuple[Mapping[str, Any], ...] = ()

    def __repr__(self) -> str:
        return f"Beginning({len(self.outcomes)} outcomes, {len(self.accounts)} accounts)"

    def make_accounts(self, *, api_key: str, login: str, password: str) -> Accounts:
        """The account that works out of the box, then those of the file; one of the same login changes it.

        Raises:
            ConfigurationError: a value that cannot be.
        """
        accounts = Accounts.default(api_key=api_key, login=login, password=password)
        for number, given in enumerate(self.accounts):
            with _at(f"{self.source}: accounts[{number}]"):
                _add_account(accounts, dict(given))
        return accounts


def read_config(path: str | Path) -> Beginning:
    """Read a file.

    Raises:
        ConfigurationError: it cannot be read, or something in it cannot be; the place is named.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ConfigurationError(f"{path.name}: a configuration has at most {MOST_BYTES} bytes")
        values = tomllib.loads(content.decode())
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise ConfigurationError(f"{path.name} is not TOML") from None
    with _at(path.name):
        return _beginning(values, path.name)


def _beginning(values: dict[str, Any], source: str) -> Beginning:
    _known(values, _TABLES)
    with _at("switches"):
        switches = Switches().changed(_table(values.get("switches", {})))
    with _at("pace"):
        pace = _pace(_table(values["pace"])) if "pace" in values else None
    outcomes: list[NumberOutcome] = []
    for number, one in enumerate(_tables(values.get("outcomes", []))):
        with _at(f"outcomes[{number}]"):
            outcomes.append(_outcome(one))
    accounts = tuple(_tables(values.get("accounts", [])))
    return Beginning(source=source, switches=switches, pace=pace, outcomes=tuple(outcomes), accounts=accounts)


def _add_account(accounts: Accounts, values: dict[str, Any]) -> None:
    departments, tokens = _tables(values.pop("departments", [])), _tables(values.pop("tokens", []))
    pushes, inbound = values.pop("pushes", None), values.pop("inbound", None)
    login, password = _text(values, "login"), values.pop("password", None)
    known = next((one for one in accounts if one.login == login), None)
    if known is None:
        known = accounts.add(Account(login=login, password=Secret(_word("password", password))))
    elif password is not None:
        known.password = Secret(_word("password", password))
    change_account(known, values)
    with _at("pushes"):
        known.pushes = changed(known.pushes, pushes or {})
    with _at("inbound"):
        known.inbound = changed(known.inbound, inbound or {})
    for number, one in enumerate(departments):
        with _at(f"departments[{number}]"):
            _add_department(known, one)
    for number, one in enumerate(tokens):
        with _at(f"tokens[{number}]"):
            _add_token(accounts, known, one)


def _add_department(account: Account, values: dict[str, Any]) -> None:
    name, password = _text(values, "name"), _text(values, "password")
    system_id = _word("system_id", values.pop("system_id", ""))
    roles = _words("roles", values.pop("roles", [ROLE_SENDING]))
    _known(values, ())
    department = account.add_department(name, password, roles=roles)
    department.system_id = system_id or department.login


def _add_token(accounts: Accounts, account: Account, values: dict[str, Any]) -> None:
    key, department = _text(values, "key"), _word("department", values.pop("department", ""))
    permissions = _words("permissions", values.pop("permissions", sorted(OPERATIONS)))
    rate = values.pop("rate", None)
    _known(values, ())
    login = f"{account.login}:{department}" if department else account.login
    accounts.add_token(key, login=login, permissions=permissions, rate=None if rate is None else _rate(rate))


def _rate(value: object) -> Rate:
    given = {"count": value} if isinstance(value, int) else _table(value)
    count, seconds = given.pop("count", None), given.pop("seconds", 1)
    _known(given, ())
    if isinstance(count, bool) or not isinstance(count, int) or isinstance(seconds, bool):
        raise ConfigurationError("a rate's count is a whole number of requests")
    if not isinstance(seconds, (int, float)):
        raise ConfigurationError("a rate's seconds are a number")
    return Rate(count=count, seconds=float(seconds))


def _pace(values: dict[str, Any]) -> Pace:
    usual = asdict(Pace())
    _known(values, usual)
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in values.values()):
        raise ConfigurationError("a pace is numbers of seconds")
    return Pace(**(usual | values))


def _outcome(values: dict[str, Any]) -> NumberOutcome:
    suffix, course = _text(values, "suffix"), _text(values, "course")
    code, note = values.pop("code", 0), _word("note", values.pop("note", ""))
    _known(values, ())
    if isinstance(code, bool) or not isinstance(code, int):
        raise ConfigurationError("an outcome's code is a whole number")
    return NumberOutcome(suffix=suffix, course=cast("Any", course), code=code, note=note)


@contextmanager
def _at(place: str) -> Generator[None]:
    """Name the place where something is wrong."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error}") from None


def _known(values: Mapping[str, Any], names: Iterable[str]) -> None:
    for name in values:
        if name not in names:
            there = ", ".join(names)
            raise ConfigurationError(f"there is no {name!r} here" + (f"; there are {there}" if there else ""))


def _table(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError("a table stands here: { … }, or […]")
    return dict(cast("dict[str, Any]", value))


def _tables(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise ConfigurationError("a list of tables stands here: [[…]]")
    return [_table(one) for one in cast("list[object]", value)]


def _text(values: dict[str, Any], name: str) -> str:
    if name not in values:
        raise ConfigurationError(f"{name} is missing")
    return _word(name, values.pop(name))


def _word(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} is a string")
    return value


def _words(name: str, value: object) -> list[str]:
    if not isinstance(value, list):
        raise ConfigurationError(f"{name} is a list of strings")
    return [_word(name, one) for one in cast("list[object]", value)]
