"""The pytest plugin: ``sms_sandbox``, ``sms_inbox``, ``sms_client``, ``sms_faults``.

Loaded by pytest wherever this package is installed, so nothing of weight is
imported before a fixture is used. Works with sync tests, pytest-asyncio and
anyio, and under xdist: each worker process has a sandbox of its own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from sms_traffic_async.sandbox import Sandbox
    from sms_traffic_async.session import SmsTraffic
    from sms_traffic_async.testing import Inbox, SandboxFaults, SandboxThread

__all__ = ()

SHOWN = 20


@pytest.fixture(scope="session")
def sms_sandbox_options() -> dict[str, Any]:
    """Override it to give the sandbox options of yours: ``Sandbox(**options)``."""
    return {}


@pytest.fixture(scope="session")
def _sms_sandbox_thread(sms_sandbox_options: dict[str, Any]) -> Generator[SandboxThread]:
    from sms_traffic_async.errors import ConfigurationError
    from sms_traffic_async.testing import SandboxThread

    thread: SandboxThread | None = None
    problem = ""
    try:
        thread = SandboxThread(**sms_sandbox_options)
        thread.start()
    except ConfigurationError as error:
        problem = str(error)
    if thread is None or problem:
        # Outside of the clause above: the sentence alone, without the exceptions that led to it.
        pytest.fail(problem, pytrace=False)
    yield thread
    thread.stop()


@pytest.fixture
def sms_sandbox(_sms_sandbox_thread: SandboxThread) -> SandboxThread:
    """The local platform, as if it had just been started."""
    _sms_sandbox_thread.reset()
    return _sms_sandbox_thread


@pytest.fixture
def sms_inbox(sms_sandbox: SandboxThread) -> Inbox:
    """The messages that your code sent."""
    return sms_sandbox.inbox


@pytest.fixture
def sms_faults(sms_sandbox: SandboxThread) -> SandboxFaults:
    """What goes wrong on the platform."""
    return sms_sandbox.faults


@pytest.fixture
def sms_client(sms_sandbox: SandboxThread) -> SmsTraffic:
    """A client of the sandbox, for async tests; it is closed when the test function ends."""
    from sms_traffic_async.session import SmsTraffic

    return SmsTraffic(**sms_sandbox.client_options())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See to it that ``sms_client`` is closed in the loop that used it, whoever's loop that is."""
    for item in items:
        if isinstance(item, pytest.Function) and "sms_client" in item.fixturenames:
            function = item.obj
            if inspect.iscoroutinefunction(function):
                item.obj = _closing(item, function)


def _closing(item: pytest.Function, function: Any) -> Any:
    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return await function(*args, **kwargs)
        finally:
            client = cast("SmsTraffic", item.funcargs["sms_client"])
            await client.aclose(grace=0)

    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the sandbox saw where a test failed."""
    report = yield
    if call.when == "call" and report.failed and isinstance(item, pytest.Function):
        sandbox = cast("SandboxThread | None", item.funcargs.get("sms_sandbox"))
        if sandbox is not None:
            report.sections.append(("SMS sandbox", _seen(sandbox)))
    return report


def _seen(sandbox: SandboxThread) -> str:
    """What came in, what went out, what was injected and what requests had wrong, the newest of each."""
    messages = sandbox.inbox.messages
    sections = [
        ("message(s)", [f"{one.via} to={one.to} {one.status or 'waiting'!r} {one.text!r}" for one in messages]),
        ("push(es) to your server", sandbox.call(_pushes)),
        (
            "injected fault(s)",
            [
                f"{one.rule or one.effect.kind} on {one.protocol} {one.operation}, node {one.node}"
                for one in sandbox.faults.log
            ],
        ),
        ("finding(s): what requests had wrong", sandbox.call(_findings)),
    ]
    lines: list[str] = []
    for title, entries in sections:
        if entries or entries is sections[0][1]:
            lines.append(f"{len(entries)} {title}")
            lines += [f"  {entry}" for entry in entries[-SHOWN:]]
    return "\n".join(lines)


def _pushes(sandbox: Sandbox) -> list[str]:
    found: list[str] = []
    for call in sandbox.pushes.log:
        last = call.attempts[-1] if call.attempts else None
        answer = "no answer yet" if last is None else last.error or f"HTTP {last.status}"
        found.append(f"{call.kind} {call.state}, {len(call.attempts)} attempt(s), {answer}")
    return found


def _findings(sandbox: Sandbox) -> list[str]:
    return [f"{one.protocol} {one.operation}: {one.field}: {one.problem}" for one in sandbox.findings]
