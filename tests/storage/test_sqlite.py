"""The SQLite file: grouped commits, work that fails alone, one process."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.storage.sqlite import SqliteFile, StorageClosed, StorageError
from tests.support.children import killed_at_last

pytestmark = pytest.mark.usefixtures("no_tasks_left")

MIGRATIONS = ("CREATE TABLE row (id INTEGER PRIMARY KEY, word TEXT UNIQUE)",)


async def insert(file: SqliteFile, word: str) -> int:
    def work(connection: sqlite3.Connection) -> int:
        return connection.execute("INSERT INTO row (word) VALUES (?)", (word,)).lastrowid or 0

    return await file.run(work)


def words(connection: sqlite3.Connection) -> list[str]:
    return [word for (word,) in connection.execute("SELECT word FROM row ORDER BY id")]


def on_disk(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        found = words(connection)
    connection.close()
    return found


async def test_what_was_told_is_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    async with await SqliteFile.open(path, migrations=MIGRATIONS) as file:
        ids = await asyncio.gather(*(insert(file, f"word {number}") for number in range(500)))
        assert sorted(ids) == list(range(1, 501))
        assert file.jobs == 500
        assert file.groups < 50  # they shared commits
        assert await file.run(lambda connection: connection.execute("PRAGMA synchronous").fetchone()[0]) == 2
        assert await file.run(lambda connection: connection.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"
    assert len(on_disk(path)) == 500
    assert not (tmp_path / "file.db-wal").exists()
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0


async def test_work_that_fails_fails_alone(tmp_path: Path) -> None:
    async with await SqliteFile.open(tmp_path / "file.db", migrations=MIGRATIONS) as file:
        results = await asyncio.gather(
            *(insert(file, word) for word in ("a", "b", "a", "c", "b")), return_exceptions=True
        )
        assert [isinstance(result, sqlite3.IntegrityError) for result in results] == [False, False, True, False, True]
        assert await file.run(words) == ["a", "b", "c"]

        def halfway(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO row (word) VALUES ('half')")
            raise ValueError("changed my mind")

        with pytest.raises(ValueError, match="changed my mind"):
            await file.run(halfway)
        assert "half" not in await file.run(words)


async def test_a_second_process_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    script = (
        "import asyncio, sys\n"
        "from sms_traffic_async.storage.sqlite import SqliteFile\n"
        f"asyncio.run(SqliteFile.open({str(path)!r}, migrations=('CREATE TABLE row (id INTEGER)',)))\n"
    )
    async with await SqliteFile.open(path, migrations=MIGRATIONS):
        with pytest.raises(ConfigurationError, match="is in use"):
            await SqliteFile.open(path, migrations=MIGRATIONS)
        other = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        assert other.returncode == 1
        assert "is in use: one process at a time" in other.stderr
    async with await SqliteFile.open(path, migrations=MIGRATIONS) as file:  # closed, so free again
        assert await insert(file, "after") == 1


async def test_migrations_run_once_and_never_backwards(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    async with await SqliteFile.open(path, migrations=MIGRATIONS) as file:
        await insert(file, "kept")
    more = (*MIGRATIONS, "ALTER TABLE row ADD COLUMN note TEXT; CREATE INDEX by_note ON row (note)")
    async with await SqliteFile.open(path, migrations=more) as file:
        assert await file.run(words) == ["kept"]
    with pytest.raises(ConfigurationError, match="later version"):
        await SqliteFile.open(path, migrations=MIGRATIONS)


async def test_what_is_no_database_or_has_no_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    path.write_bytes(b"this is a letter, and a long one, " * 100)
    with pytest.raises(StorageError, match="cannot be used"):
        await SqliteFile.open(path, migrations=MIGRATIONS)
    with pytest.raises(StorageError, match="cannot be opened"):
        await SqliteFile.open(tmp_path / "none" / "file.db", migrations=MIGRATIONS)
    assert not [thread for thread in threading.enumerate() if "sqlite" in thread.name]


async def test_a_full_disk_is_told_and_what_fits_is_kept(tmp_path: Path) -> None:
    async with await SqliteFile.open(tmp_path / "file.db", migrations=MIGRATIONS) as file:
        await insert(file, "first")
        await file.run(lambda connection: connection.execute("PRAGMA max_page_count=8").fetchall())
        results = await asyncio.gather(
            *(insert(file, letter * 3_000) for letter in "abcdefghijklmnop"),
            insert(file, "small"),
            return_exceptions=True,
        )
        failed = [result for result in results if isinstance(result, BaseException)]
        assert 0 < len(failed) < len(results)
        assert all(isinstance(error, StorageError) and "full" in str(error) for error in failed)
        assert len(await file.run(words)) == 1 + len(results) - len(failed)


async def test_closing_does_what_is_waiting_and_refuses_what_comes(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    file = await SqliteFile.open(path, migrations=MIGRATIONS)
    under_way = [asyncio.create_task(insert(file, str(number))) for number in range(100)]
    await asyncio.sleep(0)
    await asyncio.gather(file.aclose(), file.aclose())
    await asyncio.gather(*under_way)
    with pytest.raises(StorageClosed):
        await insert(file, "late")
    assert len(on_disk(path)) == 100


async def test_cancelled_before_its_group_it_is_not_done(tmp_path: Path) -> None:
    started, go = threading.Event(), threading.Event()

    def hold(_connection: sqlite3.Connection) -> None:
        started.set()
        assert go.wait(10)

    async with await SqliteFile.open(tmp_path / "file.db", migrations=MIGRATIONS) as file:
        holding = asyncio.create_task(file.run(hold))
        while not started.is_set():
            await asyncio.sleep(0)
        cancelled = asyncio.create_task(insert(file, "cancelled"))
        kept = asyncio.create_task(insert(file, "kept"))
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        go.set()
        await asyncio.gather(holding, kept)
        assert await file.run(words) == ["kept"]


WRITER = """
import asyncio, sys
from sms_traffic_async.storage.sqlite import SqliteFile

async def main():
    file = await SqliteFile.open(sys.argv[1], migrations=("CREATE TABLE row (id INTEGER PRIMARY KEY, word TEXT)",))
    async def write(lane):
        number = 0
        while True:
            word = f"{lane}-{number}"
            await file.run(lambda connection: connection.execute("INSERT INTO row (word) VALUES (?)", (word,)) and None)
            print(word, flush=True)
            number += 1
    await asyncio.gather(*(write(lane) for lane in range(8)))

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process")
async def test_a_killed_process_has_kept_what_it_was_told(tmp_path: Path) -> None:
    path = tmp_path / "file.db"

    def run() -> list[str]:
        arguments = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process, killed_at_last(process):
            assert process.stdout is not None
            lines = [process.stdout.readline().strip() for _ in range(300)]
            process.send_signal(signal.SIGKILL)
            lines += [line.strip() for line in process.stdout if line.endswith("\n")]
        return lines

    told = await asyncio.to_thread(run)
    async with await SqliteFile.open(path, migrations=MIGRATIONS) as file:
        kept = set(await file.run(words))
    assert len(told) >= 300
    assert set(told) <= kept
