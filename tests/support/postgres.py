"""A real PostgreSQL of the tests' own: in a temporary directory, on a free port, never as root.

::

    with Cluster() as cluster:
        dsn = cluster.create_database()
        cluster.restart("immediate")          # what a crash of the server leaves behind

Skipped with a reason where PostgreSQL is not installed, and a failure where peers are required (room ``peers``).
Debian: ``apt-get install postgresql``; the Python side is ``asyncpg``, ``pgqueuer`` and ``psycopg``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tests.support.peers import peer, python_peer

__all__ = ("Cluster", "HurriedClock", "postgres_programs")

_TRIES = 5
_SECONDS = 60
_ROOM = 4 * 2**30
Stop = Literal["fast", "immediate", "smart"]

# Enough connections for eight worker processes, and nothing that a test does not need.
_SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "max_connections": "200",
    "shared_buffers": "'64MB'",
    "logging_collector": "off",
    "log_min_messages": "'fatal'",
}


def postgres_programs() -> Path:
    """The directory with ``initdb`` and ``pg_ctl``; the test is skipped where there is none.

    Debian keeps them off the path: several versions stand beside each other, and the newest is taken.
    """
    for module in ("asyncpg", "pgqueuer", "psycopg"):
        python_peer(module)
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = versions[-1] if versions else Path(peer("initdb", "postgresql")).resolve()
    return found.parent


def _user() -> str | None:
    """Whom the server runs as: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return None


def _quick() -> str | None:
    """Where files never wait for a disk: a busy one takes most of a minute to remove a hundred databases."""
    memory = "/dev/shm"  # noqa: S108 - a folder with a name of its own is made in it
    with contextlib.suppress(OSError):
        if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM:
            return memory
    return None


class Cluster:
    """One server with its own data directory, running inside a ``with`` block.

    Args:
        sync: wait for the disk at commit, as a real server does; off by default, because killing the server
            (which is what tests do) loses nothing that reached the kernel.
        settings: more of postgresql.conf.

    Attributes:
        port: where it listens, on 127.0.0.1; the same after a restart.
        restarts: how often it was restarted.
    """

    def __init__(self, *, sync: bool = False, settings: dict[str, str] | None = None) -> None:
        self._programs = postgres_programs()
        self._user = _user()
        self._home = Path(tempfile.mkdtemp(prefix="sms-postgres-", dir=None if sync else _quick()))
        self._data = self._home / "data"
        self._settings = _SETTINGS | ({} if sync else {"fsync": "off", "full_page_writes": "off"}) | (settings or {})
        self.port = 0
        self.restarts = 0

    def __enter__(self) -> Self:
        if self._user is not None:
            shutil.chown(self._home, self._user)
        try:
            self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "sms", "-E", "UTF8", "--locale=C", "-N")
            self._start_somewhere()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def dsn(self, database: str = "postgres") -> str:
        """Where a database of this server is."""
        return f"postgresql://sms@127.0.0.1:{self.port}/{database}"

    def create_database(self, template: str = "template0") -> str:
        """A new database, empty or a copy of another that nobody is connected to; its DSN."""
        name = f"t{uuid.uuid4().hex[:12]}"
        psycopg, sql = python_peer("psycopg"), python_peer("psycopg.sql")
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            words = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(words.format(sql.Identifier(name), sql.Identifier(template)))
        return self.dsn(name)

    def drop_database(self, dsn: str) -> None:
        """Drop a database, and cut whoever is connected."""
        psycopg, sql = python_peer("psycopg"), python_peer("psycopg.sql")
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            name = sql.Identifier(dsn.rsplit("/", maxsplit=1)[-1])
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def stop(self, mode: Stop = "immediate") -> None:
        """Stop; ``immediate`` is what a crash leaves behind."""
        self._control("stop", "-m", mode)

    def start(self) -> None:
        """Start on the port it had, and wait until it answers (crash recovery included)."""
        self._control("start", "-l", str(self._home / "log"))

    def restart(self, mode: Stop = "immediate") -> None:
        """``pg_ctl restart -m immediate``."""
        self._control("restart", "-m", mode, "-l", str(self._home / "log"))
        self.restarts += 1

    def _start_somewhere(self) -> None:
        for left in range(_TRIES - 1, -1, -1):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            lines = [f"{name} = {value}\n" for name, value in (self._settings | {"port": str(self.port)}).items()]
            (self._data / "postgresql.auto.conf").write_text("".join(lines), encoding="utf-8")
            try:
                self.start()
            except RuntimeError:
                if not left:
                    raise
            else:
                return

    def _control(self, *words: str) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", str(_SECONDS), *words)

    def _run(self, program: str, *words: str) -> None:
        options: dict[str, Any] = {}
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            options = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        # Into a file: a server that is started would keep a pipe open, and reading it would never end.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                [str(self._programs / program), *words],
                check=False, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", timeout=2 * _SECONDS,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(self._home)}, **options,
            )  # fmt: skip
            if done.returncode:
                said.seek(0)
                raise RuntimeError(f"{program}: {said.read()[-2_000:]}{self._log()}")

    def _log(self) -> str:
        try:
            return (self._home / "log").read_text(encoding="utf-8", errors="replace")[-2_000:]
        except OSError:
            return ""

    def _remove(self) -> None:
        if (self._data / "postmaster.pid").exists():
            with contextlib.suppress(RuntimeError):
                self.stop("immediate")
        shutil.rmtree(self._home, ignore_errors=True)


class HurriedClock:
    """A clock beside a real server, which waits for nobody: every sleep is cut to a hundredth."""

    def __init__(self, *, hurry: float = 0.01, chance: float = 0.5) -> None:
        self._hurry = hurry
        self._chance = chance

    def monotonic(self) -> float:
        """Time goes as fast as sleeps are short."""
        return asyncio.get_running_loop().time() / self._hurry

    def wall(self) -> float:
        """The machine's."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """A hundredth of it."""
        await asyncio.sleep(seconds * self._hurry)

    def random(self) -> float:
        """Always the same."""
        return self._chance
