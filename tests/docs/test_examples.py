"""Every code block of the README and of the user guides runs."""

import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from sms_traffic_async import Message, SmsTraffic
from sms_traffic_async.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "README.ru.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> list[Any]:
    return [
        pytest.param(match.group(1), id=f"{page.name}-{number}")
        for page in PAGES
        for number, match in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), 1)
    ]


@pytest.mark.parametrize("source", blocks())
async def test_block(source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Plain code is run; each coroutine function it defines is awaited with what its parameters ask for."""
    async with Sandbox() as sandbox:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SMS_TRAFFIC_API_KEY", sandbox.api_key)
        monkeypatch.setenv("SMS_TRAFFIC_NODES", ",".join(sandbox.urls))
        names: dict[str, Any] = {"__name__": "example"}
        exec(compile(source, "example", "exec"), names)
        async with asyncio.timeout(20):
            for name, value in list(names.items()):
                if inspect.iscoroutinefunction(value) and value.__module__ == "example":
                    await call(value, name, sandbox)


async def call(function: Any, name: str, sandbox: Sandbox) -> None:
    async with SmsTraffic(**sandbox.client_options()) as sms:
        known: dict[str, Any] = {
            "sms": sms,
            "sandbox": sandbox,
            "number": "79161112233",
            "numbers": ["79161112233", "79261112233"],
            "text": "Привет",
            "message": Message(to="79161112233", text="Привет"),
            "path": Path("report.csv"),
        }
        wanted = inspect.signature(function).parameters
        missing = [parameter for parameter in wanted if parameter not in known]
        assert not missing, f"{name} asks for {missing}; the test does not know them"
        await function(**{parameter: known[parameter] for parameter in wanted})
