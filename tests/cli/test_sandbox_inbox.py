"""``sandbox inbox``, ``wait``, ``code``, ``reset``, ``faults``, ``advance`` against a real sandbox."""

import threading

import pytest

from sms_traffic_async.cli import control
from tests.cli.conftest import Command, Platform

PHONE = "79161112233"


def node(platform: Platform) -> tuple[str, str]:
    return "--node", platform.sandbox.urls[0]


def test_the_inbox_lists_and_searches(cli: Command, platform: Platform) -> None:
    assert cli("send", PHONE, "Ваш код 1234").code == 0
    assert cli("send", "79261112233", "Заказ готов", "--via", "v1").code == 0
    done = cli("sandbox", "inbox", "--json", *node(platform))
    assert [(one["via"], one["text"]) for one in done.records] == [("v2", "Ваш код 1234"), ("v1", "Заказ готов")]
    found = cli("sandbox", "inbox", "via:v1", *node(platform))
    assert "Заказ готов" in found.out
    assert "1234" not in found.out
    assert cli("sandbox", "inbox", "nonsense:1", *node(platform)).code == 1


def test_a_table_has_the_time_to_the_second_and_json_all_of_it(cli: Command, platform: Platform) -> None:
    cli("send", PHONE, "Ваш код 1234")
    moment = platform.do(lambda sandbox: sandbox.clock.datetime(sandbox.messages[0].submitted_at))
    (told,) = cli("sandbox", "inbox", "--json", *node(platform)).records
    assert told["submitted_at"] == moment.isoformat(timespec="milliseconds")
    row = cli("sandbox", "inbox", *node(platform)).out.splitlines()[-1]
    assert row.startswith(f"{moment:%m-%d %H:%M:%S}  v2")


def test_the_sandbox_is_found_by_the_variables_that_it_prints(
    cli: Command, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "DEFAULT_SANDBOX", "http://127.0.0.1:9")
    platform.do(lambda sandbox: sandbox.inbound(sender=PHONE, recipient="3299", text="да"))
    assert [one["text"] for one in cli("sandbox", "inbox", "--json").records] == ["да"]
    for others in ("https://api.smstraffic.ru", ""):
        done = cli("sandbox", "inbox", SMS_TRAFFIC_NODES=others)
        assert done.code == 4
        assert "no sandbox answers at http://127.0.0.1:9:" in " ".join(done.err.split())


def test_the_newest_code_for_a_script(cli: Command, platform: Platform) -> None:
    cli("send", PHONE, "Ваш код 1234")
    cli("send", PHONE, "Ваш код 5678")
    assert cli("sandbox", "code", PHONE, *node(platform)).out == "5678\n"
    assert cli("sandbox", "code", "79990000000", *node(platform)).code == 1


def test_waiting_for_a_message_that_comes(cli: Command, platform: Platform) -> None:
    def later() -> None:
        platform.do(lambda sandbox: sandbox.inbound(sender=PHONE, recipient="3299", text="да"))

    thread = threading.Timer(0.2, later)
    thread.start()
    done = cli("sandbox", "wait", "is:inbound", "--timeout", "30", "--json", *node(platform))
    thread.join()
    assert done.code == 0
    assert done.records[0]["text"] == "да"


def test_waiting_in_vain_shows_what_came(cli: Command, platform: Platform) -> None:
    cli("send", PHONE, "something")
    done = cli("sandbox", "wait", "text:code", "--timeout", "0.05", *node(platform))
    assert done.code == 1
    assert "something" in done.out


def test_faults_clock_and_reset(cli: Command, platform: Platform) -> None:
    done = cli("sandbox", "faults", "throttled", "--json", *node(platform))
    assert [one["effect"] for one in done.records] == ["throttle"]
    done = cli("sandbox", "faults", "--add", "drop", "--when", "after", "--nth", "2", "--json", *node(platform))
    assert [(one["effect"], one["nth"]) for one in done.records] == [("throttle", None), ("drop", 2)]
    before = platform.do(lambda sandbox: sandbox.clock.now())
    assert cli("sandbox", "advance", "2h", *node(platform)).code == 0
    assert platform.do(lambda sandbox: sandbox.clock.now()) - before >= 7200
    assert cli("sandbox", "advance", "yesterday", *node(platform)).code == 1
    assert cli("sandbox", "reset", *node(platform)).code == 0
    assert platform.do(lambda sandbox: list(sandbox.faults)) == []
