"""``sms-traffic outbox`` and ``sms-traffic worker``."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sms_traffic_async.messages import Message
from sms_traffic_async.outbox import Outbox
from sms_traffic_async.sandbox import Drop, FaultRule
from tests.cli.conftest import Command, Platform
from tests.support.children import killed_at_last


def filled(path: Path, count: int) -> list[str]:
    async def fill() -> list[str]:
        async with Outbox(path) as outbox:
            return await outbox.enqueue_many(
                [Message(to=f"7916{number:07d}", text="Готово", key=f"k{number}") for number in range(count)]
            )

    return asyncio.run(fill())


def test_init_status_retry_and_purge(cli: Command, tmp_path: Path) -> None:
    path = str(tmp_path / "o.db")
    assert cli("outbox", "init", "--outbox", path).code == 0
    ids = filled(tmp_path / "o.db", 2)
    counted = cli("outbox", "status", "--json", SMS_TRAFFIC_OUTBOX=path)
    assert {one["state"]: one["messages"] for one in counted.records}["pending"] == 2
    shown = cli("outbox", "status", "k0", "nobody", "--json", "--outbox", path)
    assert shown.code == 3
    assert shown.records[0]["id"] == ids[0]
    assert "7916" not in shown.out
    assert cli("outbox", "status", "--state", "pending", "--json", "--outbox", path).records[1]["state"] == "pending"
    refused = cli("outbox", "retry", "k0", "--outbox", path)
    assert refused.code == 3
    assert cli("outbox", "retry", "--held", "--json", "--outbox", path).records == [{"retried": 0}]
    assert cli("outbox", "retry", "--outbox", path).code == 2
    assert cli("outbox", "purge", "--older-than", "0s", "--json", "--outbox", path).records == [{"purged": 0}]
    assert cli("outbox", "purge", "--older-than", "soon", "--outbox", path).code == 2
    assert cli("outbox", "status").code == 4


def test_a_table_says_whose_hours_it_shows(cli: Command, tmp_path: Path) -> None:
    path = str(tmp_path / "o.db")
    filled(tmp_path / "o.db", 1)
    asked = ("outbox", "status", "k0", "--outbox", path)
    changed = datetime.fromisoformat(cli(*asked, "--json").records[0]["changed"])
    assert changed.utcoffset() == timedelta(0)
    heading, row = cli(*asked, COLUMNS="160").out.splitlines()[:2]
    at = heading.index("changed (UTC)")
    assert row[at:].startswith(f"{changed:%Y-%m-%d %H:%M:%S}  ")


def test_cancel_and_resolve(cli: Command, tmp_path: Path) -> None:
    path = str(tmp_path / "o.db")
    filled(tmp_path / "o.db", 2)
    assert cli("outbox", "cancel", "k0", "--json", "--outbox", path).records == [{"cancelled": 1}]
    shown = cli("outbox", "status", "--state", "cancelled", "--json", "--outbox", path)
    assert [(row["key"], row["state"]) for row in shown.records] == [("k0", "cancelled")]
    refused = cli("outbox", "cancel", "k1", "nobody", "--json", "--outbox", path)
    assert (refused.code, refused.records) == (3, [{"cancelled": 1}])
    assert "nobody: is not in a state to be cancelled" in refused.err
    refused = cli("outbox", "resolve", "k0", "--as", "final", "--json", "--outbox", path)
    assert (refused.code, refused.records) == (3, [{"resolved": 0}])
    assert "k0: is not unknown" in refused.err
    assert cli("outbox", "cancel", "--outbox", path).code == 2
    assert cli("outbox", "resolve", "k0", "--outbox", path).code == 2


def test_an_unknown_message_is_resolved(cli: Command, platform: Platform, tmp_path: Path) -> None:
    path = str(tmp_path / "o.db")
    filled(tmp_path / "o.db", 1)
    platform.do(lambda sandbox: sandbox.faults.add(FaultRule(effect=Drop(when="after"), operation="send")))
    sent = cli("worker", "--outbox", path, "--until-empty", "--via", "v1")
    assert sent.code == 6, sent.err
    done = cli("outbox", "resolve", "k0", "--as", "accepted", "--json", "--outbox", path)
    assert (done.code, done.records) == (0, [{"resolved": 1}])
    shown = cli("outbox", "status", "k0", "--json", "--outbox", path)
    assert shown.records[0]["state"] == "accepted"


def test_the_worker_empties_it(cli: Command, platform: Platform, tmp_path: Path) -> None:
    ids = filled(tmp_path / "o.db", 30)
    done = cli("worker", "--outbox", str(tmp_path / "o.db"), "--until-empty", "--json")
    assert done.code == 0, done.err
    assert sum(one["messages"] for one in done.records if one["state"] in {"accepted", "final"}) == 30
    assert all(platform.sandbox.accepted.times(one) == 1 for one in ids)


def test_an_empty_outbox_is_no_empty_table(cli: Command, platform: Platform, tmp_path: Path) -> None:
    arguments = ("worker", "--outbox", str(tmp_path / "o.db"), "--until-empty")
    done = cli(*arguments)
    assert (done.code, done.out) == (0, "nothing was waiting\n")
    done = cli(*arguments, "--json")
    assert (done.code, done.out) == (0, "")
    assert not platform.sandbox.accepted


def test_sigterm_ends_the_worker_in_order_and_its_health_can_be_asked(platform: Platform, tmp_path: Path) -> None:
    ids = filled(tmp_path / "o.db", 5)
    environ = {**os.environ, **platform.environ, "SMS_TRAFFIC_OUTBOX": str(tmp_path / "o.db")}
    arguments = [sys.executable, "-m", "sms_traffic_async", "worker", "--json", "--health-port", "0"]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(arguments, env=environ, stdout=pipe, stderr=pipe, text=True) as process,
        killed_at_last(process),
    ):
        assert process.stderr is not None
        url = process.stderr.readline().split("health: ")[1].strip()
        assert "runs" in process.stderr.readline()
        while True:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - of this machine
                health = json.load(answer)
            if set(health["messages"]) <= {"accepted", "final"}:
                break
        assert health["status"] == "running"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert sum(json.loads(line)["messages"] for line in out.splitlines()) == 5
    assert all(platform.sandbox.accepted.times(one) == 1 for one in ids)


def test_the_worker_says_why_nothing_is_sent(platform: Platform, tmp_path: Path) -> None:
    filled(tmp_path / "o.db", 1)
    environ = {**os.environ, **platform.environ, "SMS_TRAFFIC_API_KEY": "1837/NotTheKeyOfAnybody"}
    arguments = [sys.executable, "-m", "sms_traffic_async", "worker", "--outbox", str(tmp_path / "o.db")]
    with (
        subprocess.Popen(arguments, env=environ, stderr=subprocess.PIPE, text=True) as process,
        killed_at_last(process),
    ):
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00 ERROR outbox: nothing is sent for 60 s: AuthenticationFailed\n", said[1]
    )
    assert process.returncode == 0


def test_a_worker_whose_database_is_away_says_so(tmp_path: Path) -> None:
    environ = {**os.environ, "SMS_TRAFFIC_OUTBOX": "postgresql://shop:s3cret-word@127.0.0.1:9/shop"}
    pytest.importorskip("asyncpg", reason="the [postgres] extra is not installed")
    arguments = [sys.executable, "-m", "sms_traffic_async", "worker"]
    with (
        subprocess.Popen(arguments, env=environ, stderr=subprocess.PIPE, text=True) as process,
        killed_at_last(process),
    ):
        assert process.stderr is not None
        said = process.stderr.readline()
        process.kill()
    assert "WARNING postgres: ConnectionRefusedError; trying again in" in said
    assert "s3cret" not in said


def test_a_mistyped_path_is_no_new_and_empty_outbox(cli: Command, platform: Platform, tmp_path: Path) -> None:
    path = tmp_path / "typo.db"
    for arguments in (("status",), ("retry", "--held"), ("cancel", "k0"), ("purge",)):
        for where in (str(path), f"sqlite:///{path}"):
            done = cli("outbox", *arguments, "--outbox", where)
            assert (done.code, path.exists()) == (4, False)
            assert "there is no outbox at" in done.err
    # A worker may be started before the application that fills it; it says what it did.
    done = cli("worker", "--outbox", str(path), "--until-empty")
    assert done.code == 0
    assert "was not there: this is a new outbox" in done.err.replace("\n", " ")
    assert not platform.sandbox.accepted
