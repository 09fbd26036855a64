"""What an installed wheel does with one extra and nothing else.

Run by the Python of a bare environment, from outside of the project:

    python bare.py none|sandbox|cli|fastapi|aiohttp|mx|postgres|crypto|otel|all

Nothing but the standard library and the wheel is there, so the platform is a server of the standard library's.
"""

from __future__ import annotations

import asyncio
import http.server
import importlib
import importlib.util
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import sms_traffic_async
from sms_traffic_async import ConfigurationError, SmsTraffic

EXTRAS: dict[str, tuple[str, ...]] = {
    "sandbox": ("starlette", "uvicorn", "aiosmtpd", "trustme"),
    "cli": ("cyclopts", "rich"),
    "fastapi": ("fastapi",),
    "aiohttp": ("aiohttp",),
    "mx": ("dns",),
    "postgres": ("asyncpg", "pgqueuer"),
    "crypto": ("cryptography",),
    "otel": ("opentelemetry",),
}
ANSWER = b"""{"success": true, "destinations": [{"to": 79161112233, "id": 27371658818, "parts": 1}]}"""


class Platform(http.server.BaseHTTPRequestHandler):
    """Takes one kind of message."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""


def there(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


async def send() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    async with SmsTraffic(
        api_key="1/secret", originator="MyCompany", nodes=[f"http://127.0.0.1:{server.server_port}"]
    ) as sms:
        sent = await sms.send("79161112233", "hello")
        assert sent.message_id == "27371658818", sent
    server.shutdown()


def refused(do: Callable[[], object], extra: str) -> None:
    """Without its extra a feature says which to install."""
    said = ""
    try:
        do()
    except ConfigurationError as error:
        said = str(error)
    assert f"sms-traffic-async[{extra}]" in said, f"nothing said that [{extra}] is missing: {said}"


async def open_outbox() -> None:
    from sms_traffic_async.outbox import Outbox

    async with Outbox("postgresql://localhost/none"):
        raise AssertionError("there is no such server")


async def make_sandbox() -> None:
    from sms_traffic_async.sandbox import Sandbox

    async with Sandbox() as sandbox, SmsTraffic(**sandbox.client_options()) as sms:
        await sms.send("79161112233", "hello")


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    name = str(Path(sys.executable).with_name("sms-traffic"))
    return subprocess.run([name, *arguments], capture_output=True, text=True, check=False, timeout=120)


def check(extra: str) -> None:
    wanted = [] if extra == "none" else list(EXTRAS) if extra == "all" else [extra]
    for name in wanted:
        assert all(there(module) for module in EXTRAS[name]), f"[{name}] does not install what it needs"
    asyncio.run(send())
    if "sandbox" in wanted:
        asyncio.run(make_sandbox())
    else:
        refused(lambda: asyncio.run(make_sandbox()), "sandbox")
    if "cli" in wanted:
        assert command("segments", "привет").returncode == 0
    else:
        done = command("segments", "x")
        assert (done.returncode, "sms-traffic-async[cli]" in done.stderr) == (4, True), done
    if {"cli", "sandbox"} <= set(wanted):
        assert command("demo").returncode == 0
    if "fastapi" in wanted:
        importlib.import_module("sms_traffic_async.webhooks.fastapi")
    if "aiohttp" in wanted:
        importlib.import_module("sms_traffic_async.webhooks.aiohttp")
    if "postgres" not in wanted:
        refused(lambda: asyncio.run(open_outbox()), "postgres")
    if "otel" in wanted:
        importlib.import_module("sms_traffic_async.otel")


if __name__ == "__main__":
    assert "site-packages" in sms_traffic_async.__file__, "the wheel is what is tried"
    check(sys.argv[1])
    print(sys.argv[1], "holds")
