"""``listen``, ``sandbox mo``, ``sandbox push``: a receiver as a process of its own, and a real sandbox that pushes."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.sandbox.pushes_settings import InboundSettings, PushSettings, ShortNumber
from tests.cli.conftest import Command, Platform

ROOT = Path(__file__).parents[2]
PHONE = "79161112233"
STATUS = {
    "login": "login:subacc",
    "sms_id": "8049537157380826112",
    "phone_number": "78000000001",
    "status": "Delivered",
    "delivery_date": "2025-12-06 12:31:00",
    "channel": "sms",
    "parts_count": 2,
    "err_code": 0,
    "tracking_data": "2de9efa4-3ee7-4691-bec0-81d93c5a54cf",
}
"""The document's own example."""


class Listener:
    """``sms-traffic listen`` in a process of its own."""

    def __init__(self, *arguments: str, **environ: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sms_traffic_async", "listen", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def line(self) -> str:
        return self._lines.get(timeout=20)

    def record(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.line())
        return value

    def wait(self) -> tuple[int, str]:
        code = self.process.wait(20)
        self._reading.join(10)
        assert self.process.stderr is not None
        return code, self.process.stderr.read()

    def end(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._reading.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _settings_as_before(platform: Platform) -> Iterator[None]:
    yield

    def restore(sandbox: Sandbox) -> None:
        account = sandbox.accounts.get()
        account.pushes, account.inbound = PushSettings(), InboundSettings()

    platform.do(restore)


def test_it_prints_what_comes() -> None:
    with Listener("--json", "--reply", "принято") as listener:
        urls = listener.record()["urls"]
        assert sorted(urls) == ["inbound", "short-number", "statuses"]
        assert httpx.post(urls["statuses"], json=[STATUS], trust_env=False).status_code == 200
        status = listener.record()
        assert (status["event"], status["message_id"], status["status"]) == ("status", STATUS["sms_id"], "Delivered")
        assert (status["to"], status["parts"], status["login"]) == ("78000000001", 2, "login:subacc")
        form = urllib.parse.urlencode({"phone": PHONE, "message": "Привет", "sms_id": "7"}, encoding="cp1251")
        answer = httpx.get(f"{urls['inbound']}?{form}", trust_env=False)
        assert answer.status_code == 200
        inbound = listener.record()
        assert (inbound["event"], inbound["sender"], inbound["text"]) == ("inbound", PHONE, "Привет")
        answer = httpx.get(f"{urls['short-number']}?{form}&shortcode=3299", trust_env=False)
        assert (answer.status_code, answer.content.decode("cp1251")) == (200, "принято")
        assert listener.record()["short_number"] == "3299"
        code, err = listener.end()
        assert (code, err) == (0, "")


def test_it_ends_after_so_many_and_is_for_people_too() -> None:
    with Listener("--count", "1", SMS_TRAFFIC_WEBHOOK_SECRET="s3cr3t-s3cr3t-s3cr3t-s3cr3t") as listener:
        lines = [listener.line() for _ in range(3)]
        assert [line.split()[0] for line in lines] == ["statuses", "inbound", "short-number"]
        assert all(line.endswith("/…") for line in lines), "a secret is not shown"
        url = lines[0].split()[1].removesuffix("/…")
        assert httpx.post(url, json=[STATUS], trust_env=False).status_code == 404
        assert httpx.post(f"{url}/s3cr3t-s3cr3t-s3cr3t-s3cr3t", json=[STATUS], trust_env=False).status_code == 200
        assert listener.line().split() == ["status", "8049537157380826112", "Delivered", "78000000001"]
        code, err = listener.wait()
        assert code == 0
        assert "s3cr3t" not in err


class Behind(ThreadingHTTPServer):
    """The application that pushes are handed on to."""

    status = 200
    body = b"ok"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, str, bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Behind

    def do_POST(self) -> None:
        self.server.got.append((self.command, self.path, self.rfile.read(int(self.headers.get("Content-Length") or 0))))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.send_header("Content-Type", "text/plain; charset=windows-1251")
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_POST  # noqa: N815 - the base class's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        return


@contextlib.contextmanager
def application() -> Iterator[Behind]:
    with Behind() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_forwarding_answers_what_the_application_answers() -> None:
    with application() as behind:
        url = f"http://127.0.0.1:{behind.server_port}/hook?mine=1"
        with Listener("--json", "--forward-to", url) as listener:
            urls = listener.record()["urls"]
            body = json.dumps([STATUS]).encode()
            answer = httpx.post(urls["statuses"], content=body, trust_env=False)
            assert (answer.status_code, answer.content) == (200, b"ok")
            assert listener.record()["event"] == "status"
            assert listener.record() == {"event": "forwarded", "kind": "statuses", "status": 200, "error": None}
            behind.status, behind.body = 500, b"no database"
            answer = httpx.post(urls["statuses"], content=body, trust_env=False)
            assert (answer.status_code, answer.content) == (500, b"no database"), "the platform is to try again"
            assert listener.record()["status"] == 500
            behind.status, behind.body = 200, "да".encode("cp1251")
            answer = httpx.get(f"{urls['short-number']}?message=%EF&phone=7916&sms_id=9&shortcode=1", trust_env=False)
            assert answer.content.decode("cp1251") == "да"
            assert listener.record()["event"] == "short_number"
            assert listener.record()["event"] == "forwarded"
            assert behind.got == [
                ("POST", "/hook?mine=1", body),
                ("POST", "/hook?mine=1", body),
                ("GET", "/hook?mine=1&message=%EF&phone=7916&sms_id=9&shortcode=1", b""),
            ]
            too_long = httpx.post(urls["statuses"], content=b"[" + b" " * 300_000 + b"]", trust_env=False)
            assert too_long.status_code == 413
            assert len(behind.got) == 3, "what is refused goes nowhere"
            assert listener.end()[0] == 0


def test_the_secret_is_not_printed_when_a_push_is_forwarded() -> None:
    secret = "s3cr3t-s3cr3t-s3cr3t-s3cr3t"
    with application() as behind:
        url = f"http://127.0.0.1:{behind.server_port}/"
        with Listener("--json", "--forward-to", url, SMS_TRAFFIC_WEBHOOK_SECRET=secret) as listener:
            urls = listener.record()["urls"]
            assert httpx.post(f"{urls['statuses']}/{secret}", json=[STATUS], trust_env=False).status_code == 200
            base = urls["statuses"].removesuffix("statuses")
            assert httpx.post(f"{base}{secret}", json=[STATUS], trust_env=False).status_code == 200
            records = [listener.record() for _ in range(3)]
            assert [(one["event"], one.get("kind")) for one in records] == [
                ("status", None), ("forwarded", "statuses"), ("forwarded", ""),
            ]  # fmt: skip
            assert listener.end() == (0, "")


def test_forwarding_to_nobody_is_a_bad_gateway() -> None:
    with Listener("--json", "--forward-to", "http://127.0.0.1:1/") as listener:
        urls = listener.record()["urls"]
        assert httpx.post(urls["statuses"], json=[STATUS], trust_env=False).status_code == 502
        assert listener.record()["event"] == "status"
        assert listener.record()["error"] == "ConnectError"


def test_a_sandbox_pushes_to_a_listener_and_as_before_after_it(cli: Command, platform: Platform) -> None:
    node = platform.sandbox.urls[0]
    with Listener("--json", "--register", node) as listener:
        urls = listener.record()["urls"]
        assert platform.sandbox.accounts.get().pushes.url == urls["statuses"]
        sent = cli("send", PHONE, "Код 4827", "--json").records[0]
        statuses = [listener.record() for _ in range(2)]
        assert [one["status"] for one in statuses] == ["Buffered SMSC", "Delivered"]
        assert {one["message_id"] for one in statuses} == set(sent["message_ids"])
        written = cli("sandbox", "mo", PHONE, "СТОП", "--to", "79857707575", "--node", node, "--json")
        assert written.code == 0, written.err
        (record,) = written.records
        assert (record["from"], record["to"], record["text"]) == (PHONE, "79857707575", "СТОП")
        came = listener.record()
        assert (came["event"], came["text"], came["message_id"]) == ("inbound", "СТОП", record["id"])
        pushed = cli("sandbox", "push", sent["message_ids"][0], "--status", "Read", "--node", node)
        assert pushed.code == 0, pushed.err
        assert sent["message_ids"][0] in pushed.out
        assert listener.record()["status"] == "Read"
        assert listener.end()[0] == 0
    assert platform.sandbox.accounts.get().pushes.url == ""
    assert platform.sandbox.accounts.get().inbound.url == ""


def test_push_and_mo_to_scripts_of_your_own(cli: Command, platform: Platform) -> None:
    node = platform.sandbox.urls[0]
    with application() as behind:
        url = f"http://127.0.0.1:{behind.server_port}/hook"
        done = cli("sandbox", "push", "--node", node, "--url", url)
        assert (done.code, "no such message" in done.err) == (1, True)
        assert cli("send", PHONE, "text").code == 0
        behind.status = 500
        done = cli("sandbox", "push", "--node", node, "--json")
        assert done.code == 3
        assert done.records[0]["attempts"][0]["status"] == 500
        behind.status = 200

        def short(sandbox: Sandbox) -> None:
            account = sandbox.accounts.get()
            account.inbound = replace(account.inbound, short_numbers=(ShortNumber(number="3299", url=url),))

        platform.do(short)
        assert cli("sandbox", "mo", PHONE, "- да", "--node", node).code == 0
        assert cli("sandbox", "mo", PHONE, "x", "--to", "79857707575", "--url", url, "--node", node).code == 0
        platform.sandbox.accounts.get()
        assert behind.got[-1][1].startswith("/hook")


@pytest.mark.parametrize(
    "arguments,code,said",
    [
        (["listen", "--host", "0.0.0.0"], 4, "anybody could push"),
        (["listen", "--port", "0", "--forward-to", "ftp://x"], 4, "--forward-to is"),
        (["listen", "--port", "0", "--register", "http://127.0.0.1:1"], 4, "no sandbox answers"),
        (["sandbox", "mo", PHONE, "x", "--node", "https://api.smstraffic.ru"], 4, "something else"),
        (["sandbox", "push", "--node", "http://127.0.0.1:1"], 4, "no sandbox answers"),
    ],
)
def test_what_cannot_be(cli: Command, arguments: list[str], code: int, said: str) -> None:
    done = cli(*arguments)
    assert done.code == code, done.err
    assert said in " ".join(done.err.split())


def test_push_without_a_script(cli: Command, platform: Platform) -> None:
    assert cli("send", PHONE, "text").code == 0
    done = cli("sandbox", "push", "--node", platform.sandbox.urls[0])
    assert done.code == 1
    assert "has no URL for statuses" in done.err


def test_what_answers_is_no_sandbox(cli: Command) -> None:
    with application() as behind:
        done = cli("sandbox", "push", "--node", f"http://127.0.0.1:{behind.server_port}")
    assert done.code == 4
    assert "is no sandbox" in " ".join(done.err.split())
