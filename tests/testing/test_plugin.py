"""The pytest plugin, as a user's project meets it: each project is run by a pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Plugins of our own suite that a user's project has no reason to load.
FOREIGN = ("-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")
SETTINGS = "[pytest]\nasyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"


def run(project: Path, *options: str, **files: str) -> subprocess.CompletedProcess[str]:
    """Write the project's modules and run its tests."""
    (project / "pytest.ini").write_text(SETTINGS, encoding="utf-8")
    for name, source in files.items():
        (project / f"{name}.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", *FOREIGN, *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=50, check=False
    )


def passed(done: subprocess.CompletedProcess[str], count: int) -> bool:
    return done.returncode == 0 and f"{count} passed" in done.stdout


EVERY_KIND = """
import asyncio

import anyio
import pytest

from sms_traffic_async import SmsTraffic
from sms_traffic_async.testing import MessageNotCaught


@pytest.fixture
def anyio_backend():
    return "asyncio"


def test_plain(sms_sandbox, sms_inbox):
    async def main():
        async with SmsTraffic(**sms_sandbox.client_options()) as sms:
            await sms.send("79161112233", "plain 1234")

    asyncio.run(main())
    assert sms_inbox.wait(text="plain").code == "1234"


@pytest.mark.asyncio
async def test_pytest_asyncio(sms_client, sms_inbox):
    await sms_client.send("79161112233", "asyncio")
    assert (await sms_inbox.wait_for(to="+7 (916) 111-22-33")).text == "asyncio"


@pytest.mark.anyio
async def test_anyio(sms_client, sms_inbox):
    async with anyio.create_task_group() as group:
        group.start_soon(sms_client.send, "79161112233", "anyio")
        assert (await sms_inbox.wait_for(text="anyio")).via == "v2"


@pytest.mark.asyncio
class TestInAClass:
    async def test_method(self, sms_client, sms_inbox):
        await sms_client.send("79161112233", "method")
        assert len(sms_inbox) == 1


@pytest.mark.asyncio
async def test_a_wait_may_begin_before_the_message(sms_client, sms_inbox):
    waiting = asyncio.ensure_future(sms_inbox.wait_for(text="later"))
    await asyncio.sleep(0)
    await sms_client.send("79161112233", "later")
    assert (await waiting).text == "later"


@pytest.mark.asyncio
async def test_near_misses(sms_client, sms_inbox):
    await sms_client.send("79161112233", "Ваш код 1234")
    await sms_client.send("79031112233", "Заказ собран")
    with pytest.raises(MessageNotCaught) as error:
        await sms_inbox.wait_for(to="79161112233", text="пароль", timeout=0)
    first, nearest, other = str(error.value).splitlines()
    assert first == "no message with to='79161112233', text='пароль' within 0 s; 2 came"
    assert "to=79161112233" in nearest and "Ваш код 1234" in nearest
    assert "to=79031112233" in other and "Заказ собран" in other
"""


def test_every_kind_of_test(tmp_path: Path) -> None:
    done = run(tmp_path, test_it=EVERY_KIND)
    assert passed(done, 6), done.stdout + done.stderr


ISOLATION = """
from decimal import Decimal

import pytest

from sms_traffic_async.sandbox import Drop, FaultRule, NumberOutcome, Pace, PushSettings, Switches, Temporary


@pytest.mark.asyncio
@pytest.mark.parametrize("turn", [1, 2])  # whichever comes first, the other finds it as it began
async def test_nothing_is_left(sms_client, sms_sandbox, sms_inbox, sms_faults, turn):
    box = sms_sandbox.call(lambda sandbox: sandbox)
    account = box.accounts.get()
    assert len(sms_inbox) == 0 and not sms_faults.log and not list(box.faults)
    assert len(box.accepted) == 0 and len(box.findings) == 0 and len(box.pushes.log) == 0
    assert box.switches == Switches() and box.pace.final == 0
    assert account.balance == Decimal("1000000.00") and not account.departments and account.pushes.url == ""
    assert box.outcomes.of("79161112233").course == "delivered"
    assert sorted(one.login for one in box.accounts) == ["sandbox"]

    sms_faults.add(FaultRule(effect=Temporary(), times=1))
    sms_faults.add(FaultRule(effect=Drop(), operation="report"))
    await sms_client.send("79161112233", "x", via="v2")
    assert len(sms_inbox) == 1 and len(sms_faults.log) == 1

    def change(sandbox):
        sandbox.switches = Switches(restrictive_shared=False)
        sandbox.pace = Pace(final=7)
        sandbox.outcomes.add(NumberOutcome(suffix="2233", course="expired"))
        account.balance = Decimal(0)
        account.add_department("shop", "password")
        account.pushes = PushSettings(url="http://127.0.0.1:9/statuses")

    sms_sandbox.call(change)


def test_one_sandbox_for_all(sms_sandbox, request):
    assert sms_sandbox.page_url.startswith("http://127.0.0.1:")
"""


def test_isolation_between_tests(tmp_path: Path) -> None:
    done = run(tmp_path, test_it=ISOLATION)
    assert passed(done, 3), done.stdout + done.stderr


FAILING = """
import pytest

from sms_traffic_async.sandbox import Drop, FaultRule, PushSettings


@pytest.mark.asyncio
async def test_fails(sms_client, sms_sandbox, sms_inbox, sms_faults):
    sms_faults.add(FaultRule(effect=Drop(when="after"), operation="send", nth=1, name="lost answer"))

    def prepare(sandbox):
        sandbox.accounts.get().pushes = PushSettings(url="http://127.0.0.1:9/statuses")
        request = {"protocol": "v2", "operation": "send", "node": 1, "request_id": "r1"}
        sandbox.findings.add("trackingdata", "there is no such field", **request)

    sms_sandbox.call(prepare)
    sent = await sms_client.send("79161112233", "Ваш код 1234")
    await sms_client.wait_for(sent, timeout=5)
    await sms_sandbox_settled(sms_sandbox)
    assert sms_inbox.last.code == "9999"


async def sms_sandbox_settled(sms_sandbox):
    import asyncio
    await asyncio.wrap_future(sms_sandbox.begin(lambda sandbox: sandbox.pushes.settled()))


def test_passes(sms_sandbox):
    pass
"""


def test_what_a_failed_test_shows(tmp_path: Path) -> None:
    done = run(tmp_path, test_it=FAILING)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("SMS sandbox") == 1  # of the test that failed only
    shown = done.stdout.partition("SMS sandbox")[2]
    assert "1 message(s)" in shown
    assert "v2 to=79161112233 'Delivered' 'Ваш код 1234'" in shown
    assert "1 injected fault(s)" in shown
    assert re.search(r"lost answer on v2 send, node [12]", shown)
    assert "1 finding(s)" in shown
    assert "v2 send: trackingdata: there is no such field" in shown
    assert re.search(r"push\(es\) to your server\n +statuses waiting, 1 attempt\(s\), \w+", shown)


MISSING = {
    # What Python does where a package is not there; nothing of ours is replaced.
    "conftest": 'import sys\n\nsys.modules["uvicorn"] = None\n',
    "test_it": """
import pytest


@pytest.mark.parametrize("name", ["sms_sandbox", "sms_inbox", "sms_faults", "sms_client"])
def test_it(request, name):
    request.getfixturevalue(name)


def test_other():
    pass
""",
}


def test_without_the_extra_the_fixtures_say_so(tmp_path: Path) -> None:
    done = run(tmp_path, **MISSING)
    assert "4 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("the sandbox needs its extra: pip install 'sms-traffic-async[sandbox]'") == 8
    assert "Traceback" not in done.stdout
    assert "No module named" not in done.stdout


OPTIONS = """
import pytest

from sms_traffic_async.sandbox import Pace


@pytest.fixture(scope="session")
def sms_sandbox_options():
    return {"pace": Pace(send=0, buffer=0, final=3600), "login": "mine", "password": "secret"}


@pytest.mark.asyncio
async def test_it(sms_client, sms_sandbox):
    sent = await sms_client.send("79161112233", "x", via="v1")
    assert sms_sandbox.inbox.last.login == "mine"
    assert sms_sandbox.inbox.last.status != "Delivered"
    sms_sandbox.advance("2h")
    assert sms_sandbox.inbox.last.status == "Delivered"
"""


def test_options_of_the_users_own(tmp_path: Path) -> None:
    done = run(tmp_path, test_it=OPTIONS)
    assert passed(done, 1), done.stdout + done.stderr


LIGHT = """
import sys


def test_nothing_of_weight_is_loaded_for_tests_that_do_not_ask():
    heavy = ("uvicorn", "starlette", "aiosmtpd", "httpx", "trustme", "defusedxml")
    assert not [name for name in heavy if name in sys.modules]
    assert "sms_traffic_async.sandbox" not in sys.modules
"""


def test_the_plugin_is_light(tmp_path: Path) -> None:
    done = run(tmp_path, test_it=LIGHT)
    assert passed(done, 1), done.stdout + done.stderr


CLOSED = """
import pytest

clients = []


@pytest.mark.asyncio
async def test_fails(sms_client):
    clients.append(sms_client)
    await sms_client.send("79161112233", "x")
    raise ZeroDivisionError


@pytest.mark.asyncio
async def test_after(sms_sandbox):
    from sms_traffic_async import ConfigurationError
    with pytest.raises(ConfigurationError):
        await clients[0].send("79161112233", "x")
"""


def test_a_client_is_closed_when_its_test_fails(tmp_path: Path) -> None:
    done = run(tmp_path, test_it=CLOSED)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "ZeroDivisionError" in done.stdout
    assert "ResourceWarning" not in done.stdout
