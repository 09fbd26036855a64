"""``sms-traffic sandbox``: the platform on fixed ports until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import webbrowser
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import FrameType
from typing import Any

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.accounts import DEFAULT_API_KEY, DEFAULT_LOGIN, DEFAULT_PASSWORD
from sms_traffic_async.sandbox.recording import read_recording
from sms_traffic_async.sandbox.server import Sandbox
from sms_traffic_async.secrets import Secret

__all__ = ("ServeOptions", "serve")

DEFAULT_PORT = 8725
OTHER_PORTS = {
    "port2": 8726, "smtp_port": 2525,
    "smpp_port": 4442, "smpp_port2": 4452, "smpp_tls_port": 4441, "smpp_tls_port2": 4451,
}  # fmt: skip
ENV_PREFIX = "SMS_TRAFFIC_SANDBOX_"
_YES, _NO = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What ``sms-traffic sandbox`` can be told; every field is also ``SMS_TRAFFIC_SANDBOX_<NAME>``.

    Attributes:
        host: the address to listen on.
        port: HTTP of node 1; 0 takes a free one.
        port2: HTTP of node 2; it and the ports below are 0, a free one, where ``port`` is 0 and nothing else is said.
        port_file: a JSON file with the URLs is written here once they listen,
            and removed at the end.
        api_key, login, password: of the account that works out of the box.
        profile: a fault profile.
        seed: of the faults.
        proxied: put a byte-level fault proxy in front of every port.
        smtp_port: of the mail server.
        smpp_port, smpp_port2, smpp_tls_port, smpp_tls_port2: SMPP of node 1 and node 2, plain and over TLS.
        smpp_ca_file: the certificate of the authority that SMPP over TLS is to be trusted by is written here once
            it listens, and removed at the end.
        config: a TOML file with accounts, numbers, switches and pace.
        data: a SQLite file that the state outlives a restart in.
        record: everything is written to this file as it happens.
        replay: a recording that happens again once it listens.
        fast: the replay moves the clock, so that hours take moments.
        open: show the inbox page in the user's browser.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    port2: int | None = None
    port_file: Path | None = None
    api_key: Secret = field(default=Secret(DEFAULT_API_KEY))
    login: str = DEFAULT_LOGIN
    password: Secret = field(default=Secret(DEFAULT_PASSWORD))
    profile: str = "healthy"
    seed: str = "0"
    proxied: bool = False
    smtp_port: int | None = None
    smpp_port: int | None = None
    smpp_port2: int | None = None
    smpp_tls_port: int | None = None
    smpp_tls_port2: int | None = None
    smpp_ca_file: Path | None = None
    config: Path | None = None
    data: Path | None = None
    record: Path | None = None
    replay: Path | None = None
    fast: bool = False
    open: bool = False

    def __post_init__(self) -> None:
        for name in ("api_key", "password"):
            object.__setattr__(self, name, Secret(getattr(self, name)))
        for name in ("port_file", "smpp_ca_file", "config", "data", "record", "replay"):
            path = getattr(self, name)
            if path is not None:
                object.__setattr__(self, name, Path(path))
        for name, usual in OTHER_PORTS.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, usual if self.port else 0)
        for name in ("port", *OTHER_PORTS):
            if not 0 <= getattr(self, name) <= 65_535:
                raise ConfigurationError(f"{name} is 0 to 65535")

    @property
    def http_ports(self) -> tuple[int, int]:
        """Of both nodes."""
        return self.port, self.port2 or 0

    @property
    def smpp_ports(self) -> tuple[int, int]:
        """Of both nodes, plain."""
        return self.smpp_port or 0, self.smpp_port2 or 0

    @property
    def smpp_tls_ports(self) -> tuple[int, int]:
        """Of both nodes, over TLS."""
        return self.smpp_tls_port or 0, self.smpp_tls_port2 or 0

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **given: Any) -> ServeOptions:
        """Options given, else the environment, else the defaults. ``None`` counts as not given.

        Raises:
            ConfigurationError: a value that cannot be read; the variable is named.
        """
        environ = os.environ if environ is None else environ
        values = {name: value for name, value in given.items() if value is not None}
        for one in fields(cls):
            variable = ENV_PREFIX + one.name.upper()
            text = environ.get(variable)
            if one.name not in values and text:
                values[one.name] = _read(variable, text, 0 if one.name in OTHER_PORTS else one.default)
        return cls(**values)


def _read(variable: str, text: str, default: object) -> Any:
    if isinstance(default, bool):
        word = text.strip().lower()
        if word not in _YES | _NO:
            raise ConfigurationError(f"{variable} is one of 1, 0, true, false, yes, no, on, off")
        return word in _YES
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError:
            raise ConfigurationError(f"{variable} is a whole number") from None
    return text


async def serve(options: ServeOptions, *, write: Callable[[str], object] | None = None) -> None:
    """Serve until SIGINT or SIGTERM, then close everything and return.

    Args:
        options: what to serve.
        write: where the lines for the reader go; standard output without it.

    Raises:
        ConfigurationError: the extra is missing, or a port is taken.

    Cancellation: closes everything as well.
    """
    say = write or _say
    stop = asyncio.Event()
    sandbox = Sandbox(
        host=options.host,
        ports=options.http_ports,
        api_key=options.api_key.reveal(),
        login=options.login,
        password=options.password.reveal(),
        profile=options.profile,
        seed=options.seed,
        proxied=options.proxied,
        smtp_port=options.smtp_port or 0,
        smpp_ports=options.smpp_ports,
        smpp_tls_ports=options.smpp_tls_ports,
        config=options.config,
        data=options.data,
        record=options.record,
    )
    if options.replay is not None:
        read_recording(options.replay)  # a file that is none is told before anything listens
    with _signals(stop):
        async with sandbox:
            with _ca_file(options.smpp_ca_file, sandbox), _port_file(options.port_file, sandbox):
                for line in _ready_lines(sandbox, options):
                    say(line)
                if options.open:
                    # In a thread: looking for a browser starts programs.
                    await asyncio.to_thread(webbrowser.open, sandbox.page_url)
                await _replay_until(stop, sandbox, options, say)
    for name, keeper in (("data", sandbox.data_file), ("record", sandbox.recorder)):
        if keeper is not None and keeper.problem:
            say(f"{name:7} {keeper.problem}")
    say("stopped")


async def _replay_until(
    stop: asyncio.Event, sandbox: Sandbox, options: ServeOptions, say: Callable[[str], object]
) -> None:
    """Wait for the end, with a replay going on where one is asked for."""
    stopped = asyncio.create_task(stop.wait(), name="sandbox stop")
    replay: asyncio.Task[int] | None = None
    try:
        if options.replay is not None:
            replay = asyncio.create_task(sandbox.replay(options.replay, fast=options.fast), name="sandbox replay")
            await asyncio.wait({replay, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if replay.done():
                say(f"replayed {await replay} events")
        await stopped
    finally:
        for task in (replay, stopped):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait({task})


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _ready_lines(sandbox: Sandbox, options: ServeOptions) -> list[str]:
    first, second = sandbox.urls
    published = options.api_key == Secret(DEFAULT_API_KEY)
    own = options.login == DEFAULT_LOGIN and options.password == Secret(DEFAULT_PASSWORD)
    return [
        f"page    {sandbox.page_url}",
        f"node 1  {first}",
        f"node 2  {second}",
        "smtp    {}:{}".format(*sandbox.smtp_address),
        f"smpp    {','.join(sandbox.smpp.servers(tls=False))}",
        f"smpps   {','.join(sandbox.smpp.servers())}",
        # Pasted into a shell, these lead every program there to the sandbox. The published defaults open nothing but
        # a sandbox; a key or a password of the user's own is not printed.
        *([f"export SMS_TRAFFIC_API_KEY={DEFAULT_API_KEY}"] if published else []),
        *([f"export SMS_TRAFFIC_LOGIN={DEFAULT_LOGIN}"] if own else []),
        *([f"export SMS_TRAFFIC_PASSWORD={DEFAULT_PASSWORD}"] if own else []),
        f"export SMS_TRAFFIC_NODES={first},{second}",
        # Without TLS: nobody else knows the authority of the sandbox's certificates.
        f"export SMS_TRAFFIC_SMPP_SERVERS={','.join(sandbox.smpp.servers(tls=False))}",
        "ready",
    ]


@contextlib.contextmanager
def _port_file(path: Path | None, sandbox: Sandbox) -> Generator[None]:
    if path is None:
        yield
        return
    content = {
        "pid": os.getpid(),
        "nodes": list(sandbox.urls),
        "smtp": list(sandbox.smtp_address),
        "smpp": list(sandbox.smpp.servers(tls=False)),
        "smpp_tls": list(sandbox.smpp.servers()),
    }
    _write_whole(path, json.dumps(content) + "\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _ca_file(path: Path | None, sandbox: Sandbox) -> Generator[None]:
    if path is None:
        yield
        return
    _write_whole(path, sandbox.smpp.certificates.authority)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _write_whole(path: Path, content: str) -> None:
    # Whoever waits for the file must not read half of it.
    draft = path.with_name(path.name + ".new")
    draft.write_text(content, encoding="utf-8")
    draft.replace(path)


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Generator[None]:
    loop = asyncio.get_running_loop()
    taken: list[signal.Signals] = []
    previous: dict[signal.Signals, Any] = {}

    def handler(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop.set)

    for one in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(one, stop.set)
            taken.append(one)
        except NotImplementedError:
            # Windows: the handler runs in the main thread, between two steps of the loop.
            previous[one] = signal.signal(one, handler)
        except (RuntimeError, ValueError):
            # Not the main thread: whoever runs us there stops us by cancellation.
            break
    try:
        yield
    finally:
        for one in taken:
            loop.remove_signal_handler(one)
        for one, before in previous.items():
            signal.signal(one, before)
