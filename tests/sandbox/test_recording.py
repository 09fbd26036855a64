"""A run in a file, and once more from the file."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from sms_traffic_async import ConfigurationError, SmsTraffic
from sms_traffic_async.sandbox import Drop, FaultRule, Pace, PushSettings, Sandbox
from sms_traffic_async.sandbox.recording import read_recording
from sms_traffic_async.sandbox.serve import ServeOptions, serve

PACE = Pace(send=0, buffer=0, final=30)


def seen(sandbox: Sandbox) -> list[tuple[Any, ...]]:
    """What stands in the store, times from the first message on."""
    first = sandbox.messages[0].submitted_at
    return [
        (
            one.id if one.direction == "mt" else "",
            *(one.direction, one.protocol, one.to, one.originator, one.text, one.parts, one.cost, one.tracking_data),
            *(one.status, one.error, round(one.submitted_at - first, 3)),
            [(status, round(at - first, 3)) for status, at in one.history],
        )
        for one in sandbox.messages
    ]


async def run(path: Path) -> list[tuple[Any, ...]]:
    """An hour of an application, recorded."""
    async with Sandbox(record=path, pace=PACE, real_time=False) as sandbox:
        async with SmsTraffic(**sandbox.client_options()) as sms:
            await sms.send("79161112233", "Ваш код 1234")
            await sandbox.advance("10s")
            await sms.send("79161119005", "не дойдёт", via="v1")
            await sms.send("79031112233", "по smpp", via="smpp")
            await sandbox.advance("1m")
            sandbox.faults.add(FaultRule(effect=Drop(when="after"), operation="send", nth=1, name="lost"))
            await sms.send("79161112233", "длинное " * 20)
            sandbox.inbound(sender="79161112233", recipient="3299", text="СТОП")
            await sandbox.advance("1h")
        sandbox.faults.clear()
        return seen(sandbox)


async def test_a_replay_is_the_same_run(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    before = await run(path)
    assert len(before) == 5
    async with Sandbox(pace=Pace(final=3), real_time=False) as fresh:  # its own pace does not matter
        fresh.accounts.get().pushes = PushSettings(url="http://127.0.0.1:9/statuses")
        assert await fresh.replay(path, fast=True) == len(read_recording(path))
        assert seen(fresh) == before
        assert [entry.message_id for entry in fresh.accepted] == [one[0] for one in before if one[0]]
        assert fresh.pushes.log.total > 0  # the application is told again
        assert not list(fresh.faults)


async def test_the_file_is_for_reading_too(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await run(path)
    text = path.read_text(encoding="utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    assert events[0]["recording"] == "sms-traffic-sandbox"
    kinds = [one.get("event") for one in events]
    assert kinds.count("message") == 4
    assert kinds.count("inbound") == 1
    assert kinds.count("struck") == 1
    assert {one["protocol"] for one in events if one.get("event") == "exchange"} == {"v2", "v1", "smpp"}
    assert "sandboxKey4" not in text  # of the token, nor the password
    assert '"password=sandbox"' not in text
    afters = [one["after"] for one in events[1:]]
    assert afters == sorted(afters)
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_real_time_replay_keeps_its_distances(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await run(path)
    async with Sandbox(real_time=False) as fresh:
        replaying = asyncio.create_task(fresh.replay(path))
        while not fresh.messages:
            await fresh.advance(0.001)
        await fresh.advance("5s")
        assert len(fresh.messages) == 1
        await fresh.advance("2h")
        await replaying
        assert len(fresh.messages) == 5


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "line 1: not JSON"),
        (b"{}\n", "no recording of this version"),
        (b'{"recording":"sms-traffic-sandbox","version":2}\n', "no recording of this version"),
        (b'{"recording":"sms-traffic-sandbox","version":1}\n{\n', "line 2: not JSON"),
        (b'{"recording":"sms-traffic-sandbox","version":1}\n[]\n', "line 2: not an object"),
        (
            b'{"recording":"sms-traffic-sandbox","version":1}\n{"event":"status","id":"1","status":"x","error":0}\n',
            "line 2: after is missing or wrong",
        ),
        (b'{"recording":"sms-traffic-sandbox","version":1}\n{"event":"status","after":1}\n', "line 2: id is missing"),
    ],
)
async def test_what_is_no_recording(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=problem):
        read_recording(path)


async def test_messages_as_json_lines() -> None:
    async with Sandbox() as sandbox, httpx.AsyncClient(base_url=sandbox.page_url, trust_env=False) as client:
        for number in range(450):
            sandbox.platform.receive(sender=f"7916111{number:04d}", recipient="1234", text=f"строка\n{number}")
        answer = await client.get("/_sandbox/messages.jsonl")
        assert answer.headers["content-type"] == "application/jsonl"
        assert "attachment" in answer.headers["content-disposition"]
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert [one["text"] for one in lines] == [f"строка\n{number}" for number in range(450)]
        found = await client.get("/_sandbox/messages.jsonl", params={"q": "to:79161110007"})
        assert [one["to"] for one in map(json.loads, found.text.splitlines())] == ["79161110007"]
        assert (await client.get("/_sandbox/messages.jsonl", params={"q": "zzz:1"})).status_code == 400


async def test_the_command_replays_and_goes_on_serving(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await run(path)
    said: list[str] = []
    options = ServeOptions(port=0, port2=0, smtp_port=0, replay=path, fast=True)
    serving = asyncio.create_task(serve(options, write=said.append))
    while not any(line.startswith("replayed") for line in said):
        assert not serving.done()
        await asyncio.sleep(0)
    page = next(line.split()[1] for line in said if line.startswith("page"))
    async with httpx.AsyncClient(base_url=page, trust_env=False) as client:
        assert (await client.get("/_sandbox/messages")).json()["total"] == 5
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert f"replayed {len(read_recording(path))} events" in said


async def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot write"):
        async with Sandbox(record=tmp_path / "no" / "run.jsonl"):
            pass
