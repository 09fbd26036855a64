"""A run of the sandbox in a file, and once more from the file.

JSON Lines. The first line says what the file is; every other one is an event
with ``after``, sandbox seconds since the recording began:

* ``message``: a message was accepted; ``inbound``: a subscriber wrote one;
* ``status``: a message got a status; ``faults``: the rules in use changed;
* ``exchange``: a request and its answer as they were, secrets masked; ``struck``: a fault that was injected.
  These two are for reading; a replay passes over them.

A replay gives a sandbox the same messages under the same ids, the same
statuses, answers of subscribers and fault rules, at the same distances: your
server gets the same pushes again. Requests are not made again, and over SMPP
only inbound messages are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import orjson

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import control_json as shown
from sms_traffic_async.sandbox.flushing import Flusher
from sms_traffic_async.sandbox.life import StatusChange
from sms_traffic_async.sandbox.numbers import operator_of
from sms_traffic_async.sandbox.store import Exchange, StoredMessage

if TYPE_CHECKING:
    from sms_traffic_async.sandbox.server import Sandbox

__all__ = ("Recorder", "Recording", "read_recording")

FORMAT: Final = "sms-traffic-sandbox"
VERSION: Final = 1
MOST_BYTES: Final = 512 * 1024 * 1024
MOST_EVENTS: Final = 2_000_000
Event: TypeAlias = dict[str, Any]

_MOMENTS: Final = frozenset({"submitted_at", "start_at"})
_NOT_RECORDED: Final = frozenset(
    ("operator", "direction", "status", "error", "sent_at", "status_at", "read_at", "history", "course", "course_code")
)
_MESSAGE: Final = tuple(one.name for one in fields(StoredMessage) if one.name not in _NOT_RECORDED)


class Recorder:
    """Writes what happens to a file, from a task of its own; at most `MOST_BYTES`.

    Args:
        sandbox: what is recorded, from `start` on.
        path: the file; one that is there is replaced. Only its owner may read it: it holds numbers and texts.
    """

    def __init__(self, sandbox: Sandbox, path: str | Path) -> None:
        self._sandbox = sandbox
        self._path = Path(path)
        self._lines: list[bytes] = []
        self._bytes = 0
        self._began = 0.0
        self._struck = 0
        self._flusher: Flusher | None = None
        self.problem: str = ""
        """Why nothing more is written; empty while all is well."""

    async def start(self) -> None:
        """Begin.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        sandbox = self._sandbox
        try:
            await asyncio.to_thread(self._open)
        except OSError as error:
            raise ConfigurationError(f"cannot write {self._path}: {error.strerror or error}") from error
        self._began = sandbox.clock.now()
        started = sandbox.clock.datetime().isoformat(timespec="milliseconds")
        self._lines.append(orjson.dumps({"recording": FORMAT, "version": VERSION, "started": started}) + b"\n")
        platform = sandbox.platform
        platform.arrivals.append(self._arrived)
        platform.life.listeners.append(self._changed)
        platform.store.listeners.append(self._exchanged)
        platform.faults.listeners.append(self._faults)
        if list(platform.faults):
            self._faults()
        self._flusher = Flusher(self._flush, "sandbox recorder")

    async def aclose(self) -> None:
        """Write the rest and end. Doing it twice changes nothing."""
        flusher, self._flusher = self._flusher, None
        if flusher is not None:
            await flusher.aclose()
            await self._flush()

    def _open(self) -> None:
        self._path.write_bytes(b"")
        self._path.chmod(0o600)

    async def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            try:
                await asyncio.to_thread(self._append, b"".join(lines))
            except OSError as error:
                self.problem = f"cannot write {self._path}: {error.strerror or error}"

    def _append(self, data: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(data)

    def _note(self, event: str, **values: Any) -> None:
        if self.problem:
            return
        after = round(self._sandbox.clock.now() - self._began, 6)
        line = orjson.dumps({"event": event, "after": after, **values}) + b"\n"
        self._bytes += len(line)
        if self._bytes > MOST_BYTES:
            self.problem = f"the recording has reached {MOST_BYTES} bytes"
            return
        self._lines.append(line)

    def _arrived(self, message: StoredMessage) -> None:
        if message.direction == "mo":
            names = {"sender": message.to, "recipient": message.originator, "text": message.text}
            self._note("inbound", **names, login=message.login, node=message.node)
            return
        values = {name: getattr(message, name) for name in _MESSAGE}
        for name in _MOMENTS:
            if values[name] is not None:
                values[name] = round(values[name] - self._began, 6)
        self._note("message", **(values | {"cost": str(message.cost)}))

    def _changed(self, change: StatusChange) -> None:
        message = change.message
        self._note("status", id=message.id, status=change.status, error=message.error)

    def _exchanged(self, exchange: Exchange) -> None:
        log = self._sandbox.faults.log
        for record in list(log)[len(log) - min(len(log), self._sandbox.faults.injected - self._struck) :]:
            self._note("struck", **(shown.record_json(record, self._sandbox.clock)))
        self._struck = self._sandbox.faults.injected
        self._note("exchange", **shown.exchange_json(exchange))

    def _faults(self) -> None:
        self._note("faults", rules=[shown.rule_json(rule) for rule in self._sandbox.faults])


class Recording:
    """The events of a file, to be replayed."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events
        self.seconds: float = max((float(one["after"]) for one in events), default=0.0)
        """From its beginning to its last event."""

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    async def replay(self, sandbox: Sandbox, *, fast: bool = False) -> None:
        """Let everything happen again; returns after the last event.

        Args:
            sandbox: an open one, without messages of the recording.
            fast: move its clock, so that hours take moments; else they take hours.

        Raises:
            ConfigurationError: an event that cannot be.
            ClockStopped: the sandbox closed meanwhile.

        Cancellation: what has not happened yet still happens at its time.
        """
        clock = sandbox.clock
        began = clock.now()
        actions = [(began + float(one["after"]), _action(sandbox, one, began)) for one in self._events]
        for when, action in actions:
            clock.call_at(when, action)
        if fast:
            await sandbox.advance(self.seconds)
        else:
            await clock.sleep(self.seconds)


def _action(sandbox: Sandbox, event: Event, began: float) -> Callable[[], object]:
    platform = sandbox.platform
    if event["event"] == "inbound":
        names = {name: str(event[name]) for name in ("sender", "recipient", "text")}
        login = event["login"] if platform.accounts.has_login(event["login"]) else ""
        return lambda: platform.inbound(**names, login=login, node=event["node"])
    if event["event"] == "message":
        message = _message(sandbox, event, began)
        return lambda: platform.resume(message)
    if event["event"] == "status":
        return lambda: _reach(sandbox, str(event["id"]), str(event["status"]), int(event["error"]))
    rules = [shown.rule_from(one) for one in event["rules"]]

    def use() -> None:
        sandbox.faults.clear()
        for rule in rules:
            sandbox.faults.add(rule)

    return use


def _message(sandbox: Sandbox, event: Event, began: float) -> StoredMessage:
    values = {name: event[name] for name in _MESSAGE}
    for name in _MOMENTS:
        if values[name] is not None:
            values[name] += began
    if not sandbox.accounts.has_login(values["login"]):
        values["login"], values["department"] = sandbox.accounts.get().login, ""
    values["cost"], values["part_ids"] = Decimal(values["cost"]), tuple(values["part_ids"])
    return StoredMessage(**values, operator=operator_of(values["to"]))


def _reach(sandbox: Sandbox, message_id: str, status: str, error: int) -> None:
    message = sandbox.platform.store.get(message_id)
    if message is not None:
        message.error = error
        sandbox.platform.life.reach(message, status)


def read_recording(path: str | Path) -> Recording:
    """Read a file.

    Raises:
        ConfigurationError: it cannot be read, or is no recording of this version; the line is named.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = _line(file.readline(65_536), path, 1)
            if head.get("recording") != FORMAT or head.get("version") != VERSION:
                raise ConfigurationError(f"{path.name} is no recording of this version")
            events: list[Event] = []
            for number, line in enumerate(file, 2):
                event = _line(line, path, number)
                if event.get("event") in _NEEDED:
                    _check(event, path, number)
                    events.append(event)
                if len(events) > MOST_EVENTS:
                    raise ConfigurationError(f"{path.name} has more than {MOST_EVENTS} events")
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror or error}") from None
    return Recording(events)


_NEEDED: Final[dict[object, tuple[str, ...]]] = {
    "message": _MESSAGE,
    "inbound": ("sender", "recipient", "text", "login", "node"),
    "status": ("id", "status", "error"),
    "faults": ("rules",),
}


def _line(line: bytes, path: Path, number: int) -> Event:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise ConfigurationError(f"{path.name}, line {number}: not JSON") from None
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path.name}, line {number}: not an object")
    return cast("Event", value)


def _check(event: Event, path: Path, number: int) -> None:
    after = event.get("after")
    missing = [name for name in _NEEDED[event["event"]] if name not in event]
    if missing or isinstance(after, bool) or not isinstance(after, (int, float)) or after < 0:
        raise ConfigurationError(
            f"{path.name}, line {number}: {missing[0] if missing else 'after'} is missing or wrong"
        )
