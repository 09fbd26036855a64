"""Reports into files: whole or not at all, and the loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from sms_traffic_async.errors import ReportGone, RequestError, RequestFailed
from sms_traffic_async.protocols.http_v2.reports.file import HANDOVER, WholeFile
from sms_traffic_async.settings import HttpOptions
from tests.protocols.http_v2.reports.support import (
    GONE,
    Answer,
    Got,
    ReportNode,
    csv_answer,
    desk,
    json_answer,
)
from tests.support.virtual_loop import virtual

pytestmark = virtual

BODY = b"".join(b"%d;79161112233;text;;;;Delivered;SMS\n" % number for number in range(100_000))


def writers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sms-traffic report")]


def joined() -> None:
    """Wait for the writing threads, in real time."""
    for thread in threading.enumerate():
        if thread.name.startswith("sms-traffic report"):
            thread.join(5)


async def test_csv_is_saved_as_it_comes(tmp_path: Path) -> None:
    target = tmp_path / "report.csv"
    target.write_bytes(b"old")
    async with ReportNode([csv_answer(BODY)]) as node, desk(node.url) as at, at.report() as report:
        saved = await report.save(str(target))
    assert saved.path == target
    assert saved.size == len(BODY)
    assert saved.resumed == 0
    assert target.read_bytes() == BODY
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    joined()
    assert writers() == []
    assert list(tmp_path.iterdir()) == [target]


async def test_an_empty_report_is_an_empty_file(tmp_path: Path) -> None:
    async with ReportNode([csv_answer(b"")]) as node, desk(node.url) as at, at.report() as report:
        saved = await report.save(tmp_path / "r.csv")
    assert saved.size == 0
    assert saved.path.read_bytes() == b""


async def test_rows_and_then_a_file_and_another(tmp_path: Path) -> None:
    async with ReportNode(lambda _got: csv_answer(BODY)) as node, desk(node.url) as at, at.report() as report:
        assert len([row async for row in report]) == 100_000
        await report.save(tmp_path / "a.csv")
        await report.save(tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes() == BODY
    assert len(node.posts) == 1
    assert len(node.gets) == 3


@pytest.mark.parametrize("known", [True, False])
async def test_cap_leaves_nothing(known: bool, tmp_path: Path) -> None:
    answer = csv_answer(BODY) if known else csv_answer(BODY, chunked=5000)
    async with ReportNode([answer, answer]) as node, desk(node.url) as at, at.report() as report:
        with pytest.raises(RequestFailed, match="longer than 1000000 bytes"):
            await report.save(tmp_path / "r.csv", max_bytes=1_000_000)
    async with (
        ReportNode([answer]) as node,
        desk(node.url, http=HttpOptions(max_report_bytes=2_000_000)) as at,
        at.report() as report,
    ):
        with pytest.raises(RequestFailed, match="longer than 2000000 bytes"):
            await report.save(tmp_path / "r.csv", max_bytes=3_000_000)
    joined()
    assert list(tmp_path.iterdir()) == []


async def test_gone_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "r.csv"
    target.write_bytes(b"old")
    async with ReportNode([json_answer(GONE, status=404)]) as node, desk(node.url) as at, at.report() as report:
        with pytest.raises(ReportGone):
            await report.save(target)
    joined()
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"old"


async def test_folder_that_is_not_there_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    async with ReportNode([csv_answer(BODY)]) as node, desk(node.url) as at, at.report() as report:
        with pytest.raises(FileNotFoundError):
            await report.save(tmp_path / "none" / "r.csv")
        assert node.gets == []
    joined()
    assert writers() == []


async def test_target_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "r.csv").mkdir()
    async with ReportNode([csv_answer(BODY)]) as node, desk(node.url) as at, at.report() as report:
        with pytest.raises(IsADirectoryError):
            await report.save(tmp_path / "r.csv")
    joined()
    assert [path.name for path in tmp_path.iterdir()] == ["r.csv"]


async def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def full(descriptor: int, data: Any) -> int:
        if threading.current_thread().name.startswith("sms-traffic report") and os.fstat(descriptor).st_size > 500_000:
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    async with ReportNode([csv_answer(BODY)]) as node, desk(node.url) as at, at.report() as report:
        with pytest.raises(OSError, match="No space left"):
            await report.save(tmp_path / "r.csv")
        assert await node.quiet() == 1  # the POST's own
    joined()
    assert list(tmp_path.iterdir()) == []


async def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def short(descriptor: int, data: Any) -> int:
        ours = threading.current_thread().name.startswith("sms-traffic report")
        return real(descriptor, memoryview(data)[:70_001]) if ours else real(descriptor, data)

    monkeypatch.setattr(os, "write", short)
    async with WholeFile(tmp_path / "x") as file:
        await file.write(BODY)
        await file.commit()
    assert (tmp_path / "x").read_bytes() == BODY


async def test_it_is_durable_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_sync(descriptor)

    def replace(path: Path, target: Path) -> Path:
        done.append("rename")
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    async with WholeFile(tmp_path / "x") as file:
        await file.write(b"data")
        assert not (tmp_path / "x").exists()
        await file.commit()
    assert done == ["file", "rename", "folder"]


async def test_restart_begins_again(tmp_path: Path) -> None:
    async with WholeFile(tmp_path / "x") as file:
        await file.write(b"a" * (HANDOVER + 5))
        await file.write(b"b" * 10)
        await file.restart()
        assert file.size == 0
        await file.write(b"c")
        await file.commit()
    assert (tmp_path / "x").read_bytes() == b"c"


async def test_two_hand_overs_are_held_and_the_loop_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, real = threading.Semaphore(0), os.write

    def slow(descriptor: int, data: Any) -> int:
        if threading.current_thread().name.startswith("sms-traffic report"):
            # Were it the loop that is held up here, nobody would ever let it go on.
            assert gate.acquire(timeout=20)
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", slow)
    given = 0
    async with WholeFile(tmp_path / "x") as file:

        async def fill() -> None:
            nonlocal given
            for _ in range(100):
                await file.write(bytes(65_536))
                given += 65_536
            await file.commit()

        filling = asyncio.ensure_future(fill())
        for _ in range(1000):
            await asyncio.sleep(0)
        # One is being written, one waits to be.
        assert given == 2 * HANDOVER - 65_536
        gate.release(100)
        await filling
    joined()
    assert (tmp_path / "x").stat().st_size == 100 * 65_536


async def test_json_of_one_page_is_saved_as_it_comes(tmp_path: Path) -> None:
    page = b'{"count":1, "messages":[["1","text"]], "new":{}}'
    async with (
        ReportNode([json_answer(page)]) as node,
        desk(node.url) as at,
        at.report(format="json", fields=("id", "message"), limit=5) as report,
    ):
        saved = await report.save(tmp_path / "r.json")
    assert saved.path.read_bytes() == page


@pytest.mark.parametrize("page", [b'{"code":5,"description":"x"}', b"<html>", b'{"count":1}'])
async def test_json_that_is_no_report_is_not_saved(page: bytes, tmp_path: Path) -> None:
    async with (
        ReportNode([json_answer(page)]) as node,
        desk(node.url) as at,
        at.report(format="json", limit=5) as report,
    ):
        with pytest.raises(RequestError):
            await report.save(tmp_path / "r.json")
    joined()
    assert list(tmp_path.iterdir()) == []


PHASES = ["create", "poll", "head", "body", "break", "pause", "fsync"]


@pytest.mark.parametrize("phase", PHASES)
async def test_cancelled_at_every_phase(phase: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, no connection and no task is left, and the cancellation goes on."""
    gate, begun = threading.Event(), threading.Event()
    if phase == "fsync":
        real = os.fsync

        def sync(descriptor: int) -> None:
            begun.set()
            assert gate.wait(20)
            real(descriptor)

        monkeypatch.setattr(os, "fsync", sync)
    posts = [Answer(wait=1000.0)] if phase == "create" else None

    def gets(_got: Got) -> Answer:
        return {
            "poll": Answer(status=204, wait=1000.0),
            "pause": Answer(status=204, wait=9.9),
            "head": Answer(wait=1000.0),
            "body": csv_answer(BODY, cut=3_000_000, how="hang"),
            "break": Answer(status=429, headers={"Retry-After": "100"}),
        }.get(phase, csv_answer(BODY))

    async with ReportNode(gets, posts) as node, desk(node.url) as at:

        async def work() -> None:
            async with at.report() as report:
                await report.save(tmp_path / "r.csv")

        task = asyncio.ensure_future(work())
        while phase == "fsync" and not begun.is_set():
            await asyncio.sleep(0)
        if phase != "fsync":
            await asyncio.sleep(10.5)
        assert not task.done()
        if phase != "create":
            assert len(list(tmp_path.iterdir())) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.set()
        joined()
        assert list(tmp_path.iterdir()) == []
        # What is open was read to its end, and waits for the next request.
        assert await node.quiet() == {"create": 0, "break": 2, "pause": 2, "fsync": 2}.get(phase, 1)
        assert asyncio.all_tasks() - node._tasks == {asyncio.current_task()}
    assert await node.quiet() == 0


async def test_cancelled_while_the_file_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, real = threading.Event(), os.open

    def slow(path: Any, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith(".part"):
            gate.wait(5)
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", slow)

    async def work() -> None:
        async with WholeFile(tmp_path / "x"):
            raise AssertionError

    task = asyncio.ensure_future(work())
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    joined()
    assert list(tmp_path.iterdir()) == []


async def test_cancelled_at_every_turn_of_the_loop(tmp_path: Path) -> None:
    """The task is cancelled after one turn, two turns, three, until it gets through."""
    body = BODY[:1_500_000]
    async with ReportNode(lambda _got: csv_answer(body)) as node, desk(node.url) as at:
        for turns in range(1, 2000, 7):

            async def work() -> None:
                async with at.report() as report:
                    await report.save(tmp_path / "r.csv")

            task = asyncio.ensure_future(work())
            for _ in range(turns):
                await asyncio.sleep(0)
                if task.done():
                    break
            task.cancel()
            await asyncio.wait([task])
            joined()
            left = [path.name for path in tmp_path.iterdir()]
            if left:
                assert left == ["r.csv"]
                assert (tmp_path / "r.csv").read_bytes() == body
            if task.done() and not task.cancelled():
                break
        else:
            pytest.fail("it never got through")
        assert asyncio.all_tasks() - node._tasks == {asyncio.current_task()}
    assert await node.quiet() == 0
