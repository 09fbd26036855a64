"""The state of a sandbox in a SQLite file, across restarts.

1. Kept: messages with their history, ids of parts and labels, the accept log, used restrictiveIds, the settings of
   accounts, the clock's reading, and how far ids have got; of the last seven sandbox days.
2. What changed is noted as it changes and written every 0.2 s (`flushing`) in one transaction: a crash costs at most
   that and the commit under way, and never leaves a message without its price or its entry in the log.
3. At start messages go on with their life; what was due meanwhile happens at once.
4. Not kept: requests as they were on the wire, faults, findings, reports, pushes and SMPP receipts that were under way.
"""

from __future__ import annotations

import sqlite3
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.accept_log import AcceptEntry
from sms_traffic_async.sandbox.account_values import ACCOUNT_FIELDS, change_account
from sms_traffic_async.sandbox.flushing import Flusher
from sms_traffic_async.sandbox.life import StatusChange
from sms_traffic_async.sandbox.numbers import operator_of
from sms_traffic_async.sandbox.pushes_values import changed, settings_json
from sms_traffic_async.sandbox.store import DAY, KEEP_DAYS, StoredMessage
from sms_traffic_async.storage.sqlite import SqliteFile, StorageError

if TYPE_CHECKING:
    from sms_traffic_async.sandbox.accounts import Account
    from sms_traffic_async.sandbox.restrictive import Key
    from sms_traffic_async.sandbox.server import Sandbox

__all__ = ("DataFile",)

SPARE_IDS: Final = 1_000 << 20
"""Left out after a start: ids that were given but not written before a crash are not given again."""

MIGRATIONS: Final = (
    """
    CREATE TABLE sandbox_messages (id TEXT NOT NULL UNIQUE, at REAL NOT NULL, value BLOB NOT NULL);
    CREATE INDEX sandbox_messages_at ON sandbox_messages (at);
    CREATE TABLE sandbox_accepted (at REAL NOT NULL, value BLOB NOT NULL);
    CREATE INDEX sandbox_accepted_at ON sandbox_accepted (at);
    CREATE TABLE sandbox_restrictive (id TEXT NOT NULL UNIQUE, at REAL NOT NULL);
    CREATE INDEX sandbox_restrictive_at ON sandbox_restrictive (at);
    CREATE TABLE sandbox_accounts (login TEXT NOT NULL UNIQUE, value BLOB NOT NULL);
    CREATE TABLE sandbox_counters (id INTEGER NOT NULL UNIQUE, value BLOB NOT NULL)
    """,
)
_MESSAGE: Final = tuple(one.name for one in fields(StoredMessage) if one.name != "operator")
_ENTRY: Final = tuple(one.name for one in fields(AcceptEntry))
_WIPES: Final = ("sandbox_messages", "sandbox_accepted", "sandbox_restrictive")
_PUT: Final = {
    "messages": "INSERT INTO sandbox_messages VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value",
    "accepted": "INSERT INTO sandbox_accepted VALUES (?, ?)",
    "restrictive": "INSERT OR REPLACE INTO sandbox_restrictive VALUES (?, ?)",
    "accounts": "INSERT OR REPLACE INTO sandbox_accounts VALUES (?, ?)",
    "counters": "INSERT OR REPLACE INTO sandbox_counters VALUES (1, ?)",
}
_READ: Final = (
    "SELECT value FROM sandbox_counters",
    "SELECT value FROM sandbox_accounts",
    "SELECT value FROM sandbox_messages ORDER BY rowid",
    "SELECT value FROM sandbox_accepted ORDER BY rowid",
    "SELECT id, at FROM sandbox_restrictive ORDER BY at",
)


class DataFile:
    """Keeps one sandbox in a file.

    Args:
        sandbox: what is kept, from `start` on.
        path: the file, of one process at a time. Only its owner may read it: it holds numbers, texts and passwords.
    """

    def __init__(self, sandbox: Sandbox, path: str | Path) -> None:
        self._sandbox = sandbox
        self._path = Path(path)
        self._file: SqliteFile | None = None
        self._messages: dict[str, StoredMessage] = {}
        self._entries: list[AcceptEntry] = []
        self._used: dict[Key, float] = {}
        self._wiped: dict[str, None] = {}
        self._accounts: dict[str, bytes] = {}
        self._flusher: Flusher | None = None
        self.problem: str = ""
        """Why nothing more is written; empty while all is well."""

    async def start(self) -> None:
        """Take over what the file has, and begin to write.

        Raises:
            ConfigurationError: another process has it, it cannot be opened, or is no file of a sandbox.
        """
        try:
            self._file = await SqliteFile.open(self._path, migrations=MIGRATIONS)
            found = await self._file.run(_read)
        except StorageError as error:
            raise ConfigurationError(f"{self._path} cannot be the data of a sandbox: {error}") from error
        try:
            await self._restore(found)
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigurationError(f"{self._path} holds what no sandbox wrote: {type(error).__name__}") from None
        platform = self._sandbox.platform
        platform.store.keepers.append(self._kept)
        platform.life.sends.append(self._kept)
        platform.life.listeners.append(self._changed)
        platform.accepted.keepers.append(self._accepted)
        platform.restrictive.keepers.append(self._restricted)
        self._flusher = Flusher(self._flush, "sandbox data file")

    async def aclose(self) -> None:
        """Write the rest and close the file. Doing it twice changes nothing."""
        flusher, self._flusher = self._flusher, None
        if flusher is not None:
            await flusher.aclose()
            await self._flush(always=True)
        if self._file is not None:
            await self._file.aclose()

    # --- what changed

    def _kept(self, message: StoredMessage | None) -> None:
        if message is not None:
            self._messages[message.id] = message
        else:
            self._messages.clear()
            self._wiped["sandbox_messages"] = None

    def _changed(self, change: StatusChange) -> None:
        # One that was forgotten meanwhile stays forgotten.
        if self._sandbox.platform.store.get(change.message.id) is change.message:
            self._messages[change.message.id] = change.message

    def _accepted(self, entry: AcceptEntry | None) -> None:
        if entry is not None:
            self._entries.append(entry)
        else:
            self._entries.clear()
            self._wiped["sandbox_accepted"] = None

    def _restricted(self, key: Key | None, until: float) -> None:
        if key is not None:
            self._used[key] = until
        else:
            self._used.clear()
            self._wiped["sandbox_restrictive"] = None

    # --- writing

    async def _flush(self, *, always: bool = False) -> None:
        accounts = self._changed_accounts()
        changed = self._messages or self._entries or self._used or self._wiped or accounts
        if self._file is None or self.problem or not (changed or always):
            return
        wiped, now = tuple(self._wiped), self._sandbox.clock.now()
        rows: dict[str, list[tuple[Any, ...]]] = {
            "messages": [(one.id, one.submitted_at, _message_json(one)) for one in self._messages.values()],
            "accepted": [
                (one.at, orjson.dumps({name: getattr(one, name) for name in _ENTRY})) for one in self._entries
            ],
            "restrictive": [(orjson.dumps(key).decode(), until) for key, until in self._used.items()],
            "accounts": list(accounts.items()),
            "counters": [(orjson.dumps([now, *map(str, self._sandbox.platform.store.counters)]),)],
        }
        for noted in (self._messages, self._entries, self._used, self._wiped):
            noted.clear()
        try:
            await self._file.run(lambda connection: _write(connection, wiped, rows, now))
        except StorageError as error:
            self.problem = f"{self._path} is written no more: {error}"

    def _changed_accounts(self) -> dict[str, bytes]:
        found = {account.login: _account_json(account) for account in self._sandbox.accounts}
        changed = {login: value for login, value in found.items() if self._accounts.get(login) != value}
        self._accounts |= changed
        return changed

    # --- reading

    async def _restore(self, found: list[list[Any]]) -> None:
        counters, accounts, messages, entries, used = found
        platform = self._sandbox.platform
        if counters:
            now, last_id, requests = orjson.loads(counters[0][0])
            # The clock of an earlier run may have been moved ahead; it never goes back.
            if now > platform.clock.now():
                await platform.clock.advance(now - platform.clock.now())
            platform.store.go_on(int(last_id) + SPARE_IDS, int(requests))
        for (value,) in accounts:
            _restore_account(self._sandbox, orjson.loads(value))
        horizon = platform.clock.now() - KEEP_DAYS * DAY
        for (value,) in messages:
            message = _message(orjson.loads(value))
            if message.submitted_at < horizon:
                continue
            platform.store.add(message)
            if message.direction == "mt":
                platform.life.resume(message, platform.outcomes.of(message.to))
        for (value,) in entries:
            platform.accepted.add(AcceptEntry(**orjson.loads(value)))
        for key, until in used:
            node, scope, restrictive_id = orjson.loads(key)
            platform.restrictive.restore((node, scope, restrictive_id), until)


def _read(connection: sqlite3.Connection) -> list[list[Any]]:
    return [connection.execute(one).fetchall() for one in _READ]


def _write(
    connection: sqlite3.Connection, wiped: tuple[str, ...], rows: dict[str, list[tuple[Any, ...]]], now: float
) -> None:
    for table in wiped:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - one of _WIPES
    for name, values in rows.items():
        connection.executemany(_PUT[name], values)
    for table, horizon in zip(_WIPES, (now - KEEP_DAYS * DAY, now - KEEP_DAYS * DAY, now), strict=True):
        connection.execute(f"DELETE FROM {table} WHERE at < ?", (horizon,))  # noqa: S608 - one of _WIPES


def _message_json(message: StoredMessage) -> bytes:
    values = {name: getattr(message, name) for name in _MESSAGE}
    return orjson.dumps(values | {"cost": str(message.cost)})


def _message(values: dict[str, Any]) -> StoredMessage:
    values["cost"], values["part_ids"] = Decimal(values["cost"]), tuple(values["part_ids"])
    values["history"] = [(str(status), float(at)) for status, at in values["history"]]
    return StoredMessage(**values, operator=operator_of(values["to"]))


def _account_json(account: Account) -> bytes:
    values: dict[str, Any] = {}
    for name in sorted(ACCOUNT_FIELDS):
        value = getattr(account, name)
        values[name] = str(value) if isinstance(value, Decimal) else sorted(value) if isinstance(value, set) else value  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType] - strings, all of them
    shown = settings_json(account)
    for one, short in zip(account.inbound.short_numbers, shown["inbound"]["short_numbers"], strict=True):
        short["password"] = None if one.password is None else one.password.reveal()
    lists = {str(one.id): list(one.members) for one in account.lists}
    return orjson.dumps({**shown, "values": values, "lists": lists})


def _restore_account(sandbox: Sandbox, kept: dict[str, Any]) -> None:
    account = next((one for one in sandbox.accounts if one.login == kept["login"]), None)
    if account is None:
        return
    change_account(account, kept["values"])
    account.pushes = changed(account.pushes, kept["statuses"])
    account.inbound = changed(account.inbound, kept["inbound"])
    for list_id, members in kept["lists"].items():
        known = account.lists.by_id(int(list_id))
        if known is not None:
            known.members = dict.fromkeys(members)
