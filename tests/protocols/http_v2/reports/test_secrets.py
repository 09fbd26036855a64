"""What fails, fails without numbers, texts and the key: in errors, their frames, logs and reprs."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.protocols.http_v2.reports.support import (
    API_KEY,
    Answer,
    Desk,
    Got,
    ReportNode,
    csv_answer,
    desk,
    json_answer,
)
from tests.protocols.http_v2.reports.test_zip_download import packed, zip_answer
from tests.support.exposure import shown
from tests.support.virtual_loop import virtual

pytestmark = virtual

PHONE, TEXT = "79161112233", "hidden words"
LINE = f"1;{PHONE};{TEXT};;;;Delivered;SMS\n".encode()
BODY = LINE * 60_000
BROKEN = csv_answer(BODY, cut=100_000)
PAGE = [["1", PHONE, TEXT, "", "", "", "Read", "SMS"]]


def safe(told: str) -> None:
    assert API_KEY.partition("/")[2] not in told
    assert PHONE not in told
    assert PHONE[3:] not in told
    assert TEXT not in told
    assert TEXT.split(maxsplit=1)[0] not in told


async def rows(at: Desk, **query: Any) -> None:
    async with at.report(**query) as report:
        async for _ in report:
            pass


async def one_window_then_trouble(at: Desk) -> None:
    await rows(at, format="json", subscriber=PHONE)


FAILURES: dict[str, tuple[Iterable[Answer] | Callable[[Got], Answer], dict[str, Any]]] = {
    "gone": ([json_answer({"code": 1, "description": f"{PHONE} {TEXT}"}, status=404)], {}),
    "refused": ([json_answer({"code": 422, "description": f'Phone is missing: "{PHONE} {TEXT}"'})], {}),
    "always breaks": (lambda _got: BROKEN, {}),
    "breaks, then gone": ([BROKEN, Answer(status=404)], {}),
    "hangs": ([csv_answer(BODY, cut=500_000, how="hang")], {"timeout": 20}),
    "html": (lambda _got: Answer(headers={"Content-Type": "text/html"}, body=BODY), {}),
    "a line without an end": ([csv_answer(BODY.replace(b"\n", b" "))], {}),
    "changed": ([BROKEN, csv_answer(BODY + LINE)], {}),
    "no zip": ([zip_answer(BODY)], {"format": "zip"}),
    "damaged zip": ([zip_answer(packed(BODY)[:5000] + b"\xff" * 9000)], {"format": "zip"}),
    "cut zip": ([zip_answer(packed(BODY)[:-20_000])], {"format": "zip"}),
    "no json": ([json_answer(b'{"messages":[["' + LINE)], {"format": "json"}),
    "json without rows": ([json_answer({"count": 9, "messages": PAGE})], {"format": "json"}),
    "json, then gone": (
        [json_answer({"count": 1001, "messages": PAGE * 1000}), Answer(status=404)],
        {"format": "json"},
    ),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("saved", [False, True])
async def test_errors(name: str, saved: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers, query = FAILURES[name]
    query = {"subscriber": PHONE, **query}
    caught: BaseException | None = None
    async with ReportNode(answers) as node, desk(node.url) as at:
        try:
            async with at.report(**query) as report:
                if saved:
                    await report.save(tmp_path / "r")
                else:
                    async for _ in report:
                        pass
        except Exception as error:
            caught = error
    if caught is None:
        # What is saved is not looked into.
        assert saved
        assert "zip" in name or name in {"a line without an end", "changed"}
    else:
        safe(shown(caught))
    safe(caplog.text)
    safe(repr(report))


@pytest.mark.parametrize(
    "answer", [json_answer({"code": 422, "description": f'"{PHONE}": {TEXT}'}), Answer(status=401)]
)
async def test_errors_of_the_creation(answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with ReportNode(posts=[answer]) as node, desk(node.url) as at:
        with pytest.raises(Exception, match=r"v2\.report") as caught:
            await rows(at, subscriber=PHONE, originator="SMS")
    safe(shown(caught.value))
    safe(caplog.text)


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("turns", [20, 60, 120, 150])
async def test_cancellation(turns: int, saved: bool, tmp_path: Path) -> None:
    async with ReportNode([csv_answer(BODY, cut=1_000_000, how="hang")]) as node, desk(node.url) as at:

        async def work() -> None:
            async with at.report(subscriber=PHONE) as report:
                if saved:
                    await report.save(tmp_path / "r")
                async for _ in report:
                    pass

        task = asyncio.ensure_future(work())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            safe(shown(error))
        else:
            pytest.fail("it was not cancelled")


async def test_error_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def full(descriptor: int, data: Any) -> int:
        if threading.current_thread().name.startswith("sms-traffic report"):
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    async with ReportNode([csv_answer(BODY)]) as node, desk(node.url) as at, at.report() as report:
        with pytest.raises(OSError, match="No space") as caught:
            await report.save(tmp_path / "r")
    safe(shown(caught.value))


async def test_urls_hold_no_more_than_an_id() -> None:
    async with ReportNode([csv_answer(LINE)]) as node, desk(node.url) as at:
        await rows(at, subscriber=PHONE)
    for got in node.got:
        safe(got.path)


async def test_report_left_in_the_middle_leaves_no_task_and_no_complaint(caplog: pytest.LogCaptureFixture) -> None:
    async with ReportNode([csv_answer(BODY)] * 2) as node, desk(node.url) as at:
        for _ in range(2):
            async with at.report() as report:
                await anext(report)
            del report
            await asyncio.sleep(1)
            assert asyncio.all_tasks() - node._tasks == {asyncio.current_task()}
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
