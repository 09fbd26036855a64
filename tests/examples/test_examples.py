"""The examples, each in a process of its own, as a reader would run them, against the sandbox."""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import json
import os
import re
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from sms_traffic_async.sandbox import Drop, FaultRule, Latency, Sandbox, Temporary
from sms_traffic_async.sandbox.pushes_settings import PushSettings

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NUMBER = "79161112233"
SLOW = "79161119030"
SECRET = "kN0t-a-secret_of-anybody"

pytestmark = pytest.mark.timeout(60)


def needs(module: str, extra: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"{module} is not installed: pip install 'sms-traffic-async[{extra}]'")


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


def environment(sandbox: Sandbox) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "SMS_TRAFFIC_API_KEY": sandbox.api_key,
        "SMS_TRAFFIC_NODES": ",".join(sandbox.urls),
        "SMS_TRAFFIC_WEBHOOK_SECRET": SECRET,
    }


async def start(sandbox: Sandbox, *command: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=ROOT,
        env=environment(sandbox),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@asynccontextmanager
async def service(sandbox: Sandbox, *command: str) -> AsyncIterator[httpx.AsyncClient]:
    """A service that prints its address; it has to end well on SIGTERM or SIGINT, as a supervisor ends it."""
    process = await start(sandbox, *command)
    assert process.stdout is not None
    said = b""
    try:
        async with asyncio.timeout(30):
            while (found := re.search(rb"http://127\.0\.0\.1:(\d+)", said)) is None:
                line = await process.stdout.readline()
                assert line, said.decode()
                said += line
        async with httpx.AsyncClient(base_url=found.group().decode(), trust_env=False, timeout=20) as client:
            yield client
        process.send_signal(signal.SIGINT)
        rest, _ = await process.communicate()
        # An old uvicorn leaves the signal to click, which says this.
        well = {0, -signal.SIGINT} | ({1} if b"Aborted!" in rest else set())
        assert process.returncode in well, (said + rest).decode()
        assert b"Traceback" not in said + rest, (said + rest).decode()
        assert NUMBER.encode() not in said + rest
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def press(number: str) -> dict[str, str]:
    """A request for a code: each press of the button has an id of its own."""
    return {"phone": number, "attempt": uuid.uuid4().hex}


@needs("fastapi", "fastapi")
@needs("uvicorn", "sandbox")
async def test_the_fastapi_service(sandbox: Sandbox) -> None:
    command = ("-m", "uvicorn", "examples.fastapi_service:app", "--port", "0", "--no-access-log")
    async with service(sandbox, *command) as client:
        answer = await client.post("/codes", json=press(NUMBER))
        assert (answer.status_code, answer.json()["outcome"]) == (202, "sent")
        (message,) = sandbox.messages
        assert message.to == NUMBER
        assert re.fullmatch(r"Ваш код \d{4}", message.text)
        status = await client.get(f"/messages/{answer.json()['message_id']}")
        assert set(status.json()) == {"status", "final"}
        assert (await client.get("/messages/1")).status_code == 404
        wrong = await client.post("/codes", json=press("12"))
        assert (wrong.status_code, wrong.json()["detail"]["field"]) == (422, "to")
        # Each of forty at once gets its own answer.
        many = await asyncio.gather(
            *(client.post("/codes", json=press(f"7916222{number:04d}")) for number in range(40))
        )
        assert {one.json()["outcome"] for one in many} == {"sent"}
        assert len({one.json()["message_id"] for one in many}) == 40
        assert len(sandbox.accepted) == 41
        # Nor does it have to have an id: then nothing keeps codes from sharing requests.
        shared = await asyncio.gather(
            *(client.post("/codes", json={"phone": f"7916333{number:04d}"}) for number in range(40))
        )
        assert {one.json()["outcome"] for one in shared} == {"sent"}
        assert len(sandbox.accepted) == 81


@needs("fastapi", "fastapi")
@needs("uvicorn", "sandbox")
async def test_the_fastapi_service_when_the_platform_misbehaves(sandbox: Sandbox) -> None:
    command = ("-m", "uvicorn", "examples.fastapi_service:app", "--port", "0", "--no-access-log")
    async with service(sandbox, *command) as client:
        sandbox.faults.add(FaultRule(effect=Temporary(), operation="send", times=1))
        answer = await client.post("/codes", json=press(NUMBER))
        assert answer.json()["outcome"] == "sent"  # by the other node
        sandbox.faults.add(FaultRule(effect=Drop(when="after"), operation="send", times=1))
        answer = await client.post("/codes", json=press(NUMBER))
        assert answer.json()["outcome"] == "sent"  # accepted, not answered, looked up: and not sent twice
        assert len(sandbox.accepted) == 2
        order = press(NUMBER)
        first, again = [await client.post("/codes", json=order) for _ in range(2)]  # a repeat of the request itself
        assert first.json() == again.json()
        assert len(sandbox.accepted) == 3


@needs("fastapi", "fastapi")
@needs("uvicorn", "sandbox")
async def test_the_fastapi_service_is_told_by_a_push(sandbox: Sandbox) -> None:
    """The answer to who waits is made of the push itself: nobody was asked after it."""
    sandbox.faults.add(FaultRule(effect=Latency(seconds=0), operation="statuses"))
    command = ("-m", "uvicorn", "examples.fastapi_service:app", "--port", "0", "--no-access-log")
    async with service(sandbox, *command) as client:
        sandbox.accounts.get().pushes = PushSettings(url=str(client.base_url.join(f"/sms/statuses/{SECRET}")))
        sent = (await client.post("/codes", json=press(SLOW))).json()["message_id"]
        waiting = asyncio.create_task(client.get(f"/messages/{sent}/end"))
        while not sandbox.faults.log:
            await asyncio.sleep(0.01)  # somebody waits, and asked once
        asked = len(sandbox.faults.log)
        await sandbox.advance("2m")  # returns when the push was answered
        assert sandbox.pushes.stats.waiting == 0
        assert (await waiting).json() == {"status": "Delivered", "final": True, "told_by": "push"}
        assert len(sandbox.faults.log) <= asked + 1  # no more than a question that was on its way
        assert (await client.post(f"/messages/{sent}/checked")).status_code == 204
        assert sandbox.messages[0].status == "Checked"


@needs("fastapi", "fastapi")
@needs("uvicorn", "sandbox")
async def test_the_fastapi_service_asks_where_nobody_tells(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Latency(seconds=0), operation="statuses"))
    command = ("-m", "uvicorn", "examples.fastapi_service:app", "--port", "0", "--no-access-log")
    async with service(sandbox, *command) as client:
        sent = (await client.post("/codes", json=press(NUMBER))).json()["message_id"]
        await sandbox.advance("1m")
        told = await client.get(f"/messages/{sent}/end")
        assert told.json() == {"status": "Delivered", "final": True, "told_by": "poll"}
        assert len(sandbox.faults.log) == 1  # the first question after it had its end told it


@needs("aiohttp", "aiohttp")
async def test_the_aiohttp_service_is_told_by_a_push(sandbox: Sandbox) -> None:
    async with service(sandbox, "-u", "examples/aiohttp_service.py", "--port", str(free_port())) as client:
        sandbox.accounts.get().pushes = PushSettings(url=str(client.base_url.join(f"/sms/statuses/{SECRET}")))
        body = {"phone": SLOW, "text": "Заказ собран", "wait": 30}
        waiting = asyncio.create_task(client.post("/messages", json=body))
        await sandbox.wait_for(f"to:{SLOW}")
        await sandbox.advance("2m")
        assert (await waiting).json()["status"] == "Delivered"
        assert sandbox.pushes.stats.failed == 0


@needs("aiohttp", "aiohttp")
async def test_the_aiohttp_service(sandbox: Sandbox) -> None:
    async with service(sandbox, "-u", "examples/aiohttp_service.py", "--port", str(free_port())) as client:
        body = {"phone": NUMBER, "text": "Заказ собран", "key": "order-1"}
        answer = await client.post("/messages", json=body)
        assert (answer.status_code, answer.json()["outcome"], len(answer.json()["ids"])) == (200, "sent", 1)
        again = await client.post("/messages", json=body)
        assert (again.status_code, again.json()) == (200, answer.json())  # and nothing was sent twice
        wrong = await client.post("/messages", json={"phone": NUMBER, "text": ""})
        assert wrong.status_code == 422
        assert float((await client.get("/balance")).json()["balance"]) > 0
        assert len(sandbox.accepted) == 1


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def lines(said: bytes) -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in said.decode().splitlines()]
    return {one["id"]: one for one in found}


async def test_the_worker_sends_each_job_once(sandbox: Sandbox) -> None:
    jobs = [{"id": f"job-{number}", "phone": f"7916111{number:04d}", "text": "Привет"} for number in range(20)]
    jobs.append({"id": "bad", "phone": "1", "text": "x"})
    given = "\n".join(json.dumps(job) for job in jobs).encode() + b"\n"
    process = await start(sandbox, "examples/asyncio_worker.py")
    said, _ = await process.communicate(given)
    assert process.returncode == 0, said.decode()
    found = lines(said)
    assert found.pop("bad")["outcome"] == "refused"
    assert {one["outcome"] for one in found.values()} == {"sent"}
    # The same jobs again, as after a crash: nothing is sent twice, and the ids are those of the first run.
    process = await start(sandbox, "examples/asyncio_worker.py")
    said, _ = await process.communicate(given)
    again = lines(said)
    del again["bad"]
    assert {one["outcome"] for one in again.values()} == {"sent before"}
    assert {key: one["ids"] for key, one in again.items()} == {key: one["ids"] for key, one in found.items()}
    assert len(sandbox.accepted) == 20


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGTERM handlers")
async def test_the_worker_ends_on_sigterm(sandbox: Sandbox) -> None:
    process = await start(sandbox, "examples/asyncio_worker.py")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"id": "1", "phone": NUMBER, "text": "x"}).encode() + b"\n")
    assert json.loads(await process.stdout.readline())["outcome"] == "sent"
    process.terminate()
    async with asyncio.timeout(20):
        assert await process.wait() == 0
    process.stdin.close()
    assert await process.stdout.read() == b""


async def test_the_bulk_script(sandbox: Sandbox, tmp_path: Path) -> None:
    source, target = tmp_path / "numbers.csv", tmp_path / "results.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["phone", "text"])
        writer.writerows(
            [f"+7 916 111-{number // 100:02d}-{number % 100:02d}", f"Заказ {number}"] for number in range(300)
        )
        writer.writerow(["12", "nobody"])
    process = await start(sandbox, "examples/bulk_script.py", str(source), str(target))
    said, _ = await process.communicate()
    assert process.returncode == 1, said.decode()  # one line was refused
    text = said.decode()
    assert "300 accepted, 0 rejected, 0 not sent, 0 unknown, none untouched" in text
    assert "line 302: to:" in text
    with target.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sorted(int(row["index"]) for row in rows) == list(range(300))
    assert {row["outcome"] for row in rows} == {"sent"}
    assert len(sandbox.accepted) == 300
    assert len({row["ids"] for row in rows}) == 300


def test_every_example_is_in_the_readme() -> None:
    told = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.iterdir():
        if path.suffix == ".py" or (path.is_dir() and not path.name.startswith(("_", "."))):
            assert f"`{path.name}{'/' if path.is_dir() else ''}`" in told
