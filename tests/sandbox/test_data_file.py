"""The state of a sandbox in a file: what a restart keeps, what a crash costs, and who is refused."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sms_traffic_async import ConfigurationError, SmsTraffic
from sms_traffic_async.sandbox import Pace, PushSettings, Sandbox
from sms_traffic_async.sandbox.rules import SPAM_HOUR
from sms_traffic_async.sandbox.serve import ServeOptions
from tests.sandbox.conftest import START
from tests.sandbox.foreign import Foreign

PACE = Pace(send=0, buffer=0, final=30)


def opened(path: Path, *, start: datetime = START, pace: Pace = PACE) -> Sandbox:
    return Sandbox(data=path, start=start, real_time=False, pace=pace, smtp_port=None)


def seen(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [{name: getattr(one, name) for name in one.__slots__} for one in sandbox.messages]


def status(sandbox: Sandbox, *ids: str) -> list[str]:
    found = {one.id: one.status for one in sandbox.messages}
    return [found[one] for one in ids]


async def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    async with opened(path) as sandbox:
        async with SmsTraffic(**sandbox.client_options()) as sms:
            await sms.send("79161112233", "Ваш код 1234", tracking_data="order-1")
            await sms.send("79161119005", "не дойдёт " * 20, via="v1")
            await sms.send("79031112233", "по smpp " * 20, via="smpp")
        sandbox.inbound(sender="79161112233", recipient="3299", text="СТОП")
        await sandbox.advance("2h")
        account = sandbox.accounts.get()
        account.originators.add("Новый")
        account.pushes = PushSettings(url="http://127.0.0.1:9/statuses")
        before, entries, balance = seen(sandbox), list(sandbox.accepted), account.balance
        assert len(before) == 4
        assert {one["status"] for one in before if one["direction"] == "mt"} == {"Delivered", "Non Delivered"}
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    async with opened(path) as again:
        assert seen(again) == before
        assert list(again.accepted) == entries
        assert again.clock.datetime() == START + timedelta(hours=2)  # though it was told to start earlier
        account = again.accounts.get()
        assert account.balance == balance < Decimal(1_000_000)
        assert "Новый" in account.originators
        assert account.pushes.url == "http://127.0.0.1:9/statuses"
        last = max(int(part) for one in before for part in (one["part_ids"] or (one["id"],)))
        async with Foreign(again) as client:
            assert (await client.statuses(before[0]["id"]))[0]["status"] == "Delivered"
            assert int(await client.sent()) > last
        assert all(again.platform.store.get(part) for part in before[2]["part_ids"])
        assert again.platform.store.by_tracking_data("order-1")[0].id == before[0]["id"]


async def test_a_message_under_way_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    async with opened(path) as sandbox, Foreign(sandbox) as client:
        near = await client.sent()
        spam = [await client.sent("79161112244", "спам") for _ in range(SPAM_HOUR + 1)][-1]
        far = await client.sent(scheduling={"startDateTime": "2025-12-18T15:00:00+03:00"})
        await sandbox.advance("10s")
        assert status(sandbox, near, spam, far) == ["Buffered SMSC", "", ""]
    async with opened(path) as again:
        await again.advance("10s")
        assert status(again, near, spam, far) == ["Buffered SMSC", "", ""]
        await again.advance("11s")
        assert status(again, near, spam, far) == ["Delivered", "Rejected", ""]
        history = next(one.history for one in again.messages if one.id == near)
        assert history == [("Buffered SMSC", START.timestamp()), ("Delivered", START.timestamp() + 30)]
    async with opened(path, start=START + timedelta(days=1)) as later:  # it was down when this one was due
        await later.advance("1m")
        assert status(later, far) == ["Delivered"]


async def test_an_id_that_was_used_stays_used(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    async with opened(path) as sandbox, Foreign(sandbox) as client:
        await client.sent(restrictiveId="once")
    async with opened(path) as again, Foreign(again) as client:
        assert (await client.send(restrictiveId="once"))["error"]["code"] == 105
        await again.advance("61m")
        await client.sent(restrictiveId="once")


async def test_seven_days_and_a_reset(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    async with opened(path) as sandbox, Foreign(sandbox) as client:
        await client.sent()
    async with opened(path, start=START + timedelta(days=6)) as sandbox, Foreign(sandbox) as client:
        assert len(sandbox.messages) == len(sandbox.accepted) == 1
        await client.sent(text="second")
    async with opened(path, start=START + timedelta(days=8)) as sandbox, Foreign(sandbox) as client:
        assert [one.text for one in sandbox.messages] == ["second"]
        sandbox.reset()
        await client.sent(text="after")
    async with opened(path) as sandbox:
        assert [one.text for one in sandbox.messages] == [one.text for one in sandbox.accepted] == ["after"]


CRASH = """
import asyncio, os, sys
from sms_traffic_async import SmsTraffic
from sms_traffic_async.sandbox import Sandbox

async def main():
    async with Sandbox(data=sys.argv[1], smtp_port=None) as sandbox, SmsTraffic(**sandbox.client_options()) as sms:
        await sms.send("79161112233", "kept")
        file = sandbox.data_file
        while file._messages or (writing := file._flusher._writing) is None or not writing.done():
            await asyncio.sleep(0.01)
        print(sandbox.messages[0].id, flush=True)
        sys.stdin.readline()
        os._exit(9)

asyncio.run(main())
"""


async def test_a_crash_and_a_second_process(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", CRASH, str(path), stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    written = (await process.stdout.readline()).decode().strip()
    with pytest.raises(ConfigurationError, match="in use: one process at a time"):
        async with Sandbox(data=path):
            pass
    await process.communicate(b"\n")
    assert process.returncode == 9
    async with Sandbox(data=path, smtp_port=None) as again:
        assert [one.id for one in again.messages] == [one.message_id for one in again.accepted] == [written]
        assert again.accounts.get().balance == Decimal("999999.50")


async def test_a_file_of_something_else(tmp_path: Path) -> None:
    text, other, spoilt = tmp_path / "text", tmp_path / "other.db", tmp_path / "spoilt.db"
    text.write_text("nothing of a database " * 100, encoding="utf-8")
    with sqlite3.connect(other) as connection:
        connection.execute("PRAGMA user_version=1")
    connection.close()
    async with opened(spoilt) as sandbox, Foreign(sandbox) as client:
        await client.sent()
    with sqlite3.connect(spoilt) as connection:
        connection.execute("UPDATE sandbox_messages SET value = ?", (json.dumps({"id": "1"}),))
    connection.close()
    for path in (text, other, spoilt, tmp_path / "missing" / "sandbox.db"):
        with pytest.raises(ConfigurationError, match=path.name):
            async with opened(path):
                pass


def test_the_option() -> None:
    assert ServeOptions.from_env({"SMS_TRAFFIC_SANDBOX_DATA": "sandbox.db"}).data == Path("sandbox.db")
