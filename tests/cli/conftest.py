"""A served sandbox in a thread of its own, and the command line called in this process."""

import asyncio
import dataclasses
import io
import json
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol, Self, TypeVar

import pytest

from sms_traffic_async.cli import main
from sms_traffic_async.sandbox import Sandbox

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class Command(Protocol):
    def __call__(self, *arguments: str, stdin: bytes | None = None, **environ: str) -> Done: ...


class Platform:
    """A sandbox on its own thread and loop, as a user's tests have it beside them."""

    def __init__(self) -> None:
        self.sandbox = Sandbox()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="platform")

    async def _serve(self) -> None:
        async with self.sandbox:
            self._loop = asyncio.get_running_loop()
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def do(self, function: Callable[[Sandbox], T]) -> T:
        """Call it in the sandbox's own thread."""

        async def call() -> T:
            return function(self.sandbox)

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(10)

    @property
    def environ(self) -> dict[str, str]:
        options = self.sandbox.client_options()
        return {
            "SMS_TRAFFIC_API_KEY": options["api_key"],
            "SMS_TRAFFIC_LOGIN": options["login"],
            "SMS_TRAFFIC_PASSWORD": options["password"],
            "SMS_TRAFFIC_NODES": ",".join(options["nodes"]),
        }


@pytest.fixture(scope="module")  # not longer: it is a thread
def _platform() -> Iterator[Platform]:
    with Platform() as platform:
        yield platform


@pytest.fixture
def platform(_platform: Platform) -> Platform:
    """The sandbox, emptied for this test."""
    _platform.do(Sandbox.reset)
    return _platform


@pytest.fixture
def cli(platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command against it."""

    def call(*arguments: str, stdin: bytes | None = None, **environ: str) -> Done:
        with monkeypatch.context() as patch:
            for name, value in {"COLUMNS": "80", **platform.environ, **environ}.items():
                patch.setenv(name, value)
            if stdin is not None:
                patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            capsys.readouterr()
            code = main(arguments)
        done = Done(code, *capsys.readouterr())
        assert "Traceback" not in done.err
        return done

    return call
