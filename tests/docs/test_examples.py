"""Every code block of the README and of the user guides runs."""

import asyncio
import inspect
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sms_traffic_async import Message, SmsTraffic, Timeouts
from sms_traffic_async.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "README.ru.md", *sorted((ROOT / "docs").glob("*.md")))
TESTING = ROOT / "docs" / "testing.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def sources() -> list[tuple[str, str]]:
    return [
        (f"{page.name}-{number}", match.group(1))
        for page in PAGES
        for number, match in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), 1)
    ]


def is_a_test(name: str, source: str) -> bool:
    """A piece of a user's test suite: pytest is to run it."""
    return name.startswith(TESTING.name) or "def test_" in source


def blocks() -> list[Any]:
    return [pytest.param(source, id=name) for name, source in sources() if not is_a_test(name, source)]


@pytest.fixture
def _levels() -> Iterator[None]:
    """A page may set the level of a logger; the next test must not see it."""
    loggers = [logging.getLogger(name) for name in ("sms_traffic_async", "sms_traffic_async.smpp")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.mark.usefixtures("_levels", "asks_soon")
@pytest.mark.parametrize("source", blocks())
async def test_block(source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Plain code is run; each coroutine function it defines is awaited with what its parameters ask for."""
    async with Sandbox() as sandbox:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SMS_TRAFFIC_API_KEY", sandbox.api_key)
        monkeypatch.setenv("SMS_TRAFFIC_NODES", ",".join(sandbox.urls))
        monkeypatch.setenv("SMS_TRAFFIC_WEBHOOK_SECRET", "kN0t-a-secret_of-anybody")
        names: dict[str, Any] = {"__name__": "example"}
        await asyncio.to_thread(exec, compile(source, "example", "exec"), names)  # a thread: some of it is synchronous
        async with asyncio.timeout(20):
            for name, value in list(names.items()):
                if inspect.iscoroutinefunction(value) and value.__module__ == "example":
                    await call(value, name, sandbox)


def test_pieces_of_test_suites(tmp_path: Path) -> None:
    """Pytest runs them, and what is no test yet is made one."""
    pieces = [source for name, source in sources() if is_a_test(name, source)]
    expected = 0
    for number, block in enumerate(pieces, 1):
        source = block
        names = re.findall(r"^(?:async )?def (\w+)\(", source, re.MULTILINE)
        tests = [name for name in names if name.startswith("test_")]
        if not tests:
            calls = "".join(f"    {name}()\n" for name in names if "fixture" not in source)
            source = f"{block}\n\ndef test_block(sms_sandbox):\n    assert len(sms_sandbox.inbox) == 0\n{calls}"
        expected += len(tests) or 1
        folder = tmp_path / f"block{number}"
        folder.mkdir()
        (folder / f"test_block{number}.py").write_text(source, encoding="utf-8")
    settings = "[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    (tmp_path / "pytest.ini").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis", "-p", "no:hypothesispytest"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{expected} passed" in done.stdout
    assert expected >= len(pieces)


async def call(function: Any, name: str, sandbox: Sandbox) -> None:
    # Nothing is pushed here: without this, updates() would first ask after a quarter of a minute.
    async with SmsTraffic(**sandbox.client_options(), timeouts=Timeouts(poll_after=0.2)) as sms:
        known: dict[str, Any] = {
            "sms": sms,
            "sandbox": sandbox,
            "number": "79161112233",
            "numbers": ["79161112233", "79261112233"],
            "text": "Привет",
            "message": Message(to="79161112233", text="Привет"),
            "path": Path("report.csv"),
            "code": "1234",
            "attempt_id": "otp-8412",
        }
        wanted = inspect.signature(function).parameters
        missing = [parameter for parameter in wanted if parameter not in known]
        assert not missing, f"{name} asks for {missing}; the test does not know them"
        await function(**{parameter: known[parameter] for parameter in wanted})
