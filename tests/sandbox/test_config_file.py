"""A sandbox that begins as a file says."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from sms_traffic_async import ConfigurationError, InsufficientFunds, Rejected, SmsTraffic
from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.sandbox.config_file import Beginning, read_config
from sms_traffic_async.sandbox.serve import ServeOptions

WHOLE = """
[switches]
restrictive_shared = false
smpp_rate = 50

[pace]
final = 0

[[outcomes]]
suffix = "77"
course = "refused"
code = 430
note = "no such operator"

[[accounts]]
login = "sandbox"            # the account that works out of the box: changed, not replaced
balance = "12.50"
originators = ["Shop", "SMSTraffic"]
blocked = ["79160000000"]

[[accounts]]
login = "agency"
password = "hidden-password"
price = 1.25
credit = 100
any_originator = true
smpp_rate = 5
allowed_ips = ["127.0.0.1", "192.0.2.0/24"]
pushes = { url = "http://127.0.0.1:8000/statuses", form = "form", retries = { pauses = [1, 2] } }
inbound = { url = "http://127.0.0.1:8000/inbound", charset = "utf-8" }

[[accounts.departments]]
name = "sales"
password = "sales-password"
system_id = "sales1"
roles = []

[[accounts.tokens]]
key = "3001/agency-key"

[[accounts.tokens]]
key = "3002/sales-key"
department = "sales"
permissions = ["send"]
rate = { count = 20, seconds = 2 }
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "sandbox.toml"
    path.write_text(WHOLE, encoding="utf-8")
    return path


def box(path: Path) -> Sandbox:
    return Sandbox(config=path, smtp_port=None, smpp_ports=None, smpp_tls_ports=None)


def check(sandbox: Sandbox) -> None:
    assert not sandbox.switches.restrictive_shared
    assert sandbox.switches.smpp_rate == 50
    assert (sandbox.pace.final, sandbox.pace.slow) == (0, 60)
    assert sandbox.outcomes.of("79161112277").code == 430
    assert sandbox.outcomes.of("79161119020").course == "expired"
    own, agency = sandbox.accounts
    assert (own.balance, own.price, own.blocked) == (Decimal("12.50"), Decimal("0.50"), {"79160000000"})
    assert own.originators == {"Shop", "SMSTraffic"}
    assert (agency.price, agency.credit, agency.smpp_rate) == (Decimal("1.25"), Decimal(100), 5)
    assert agency.allowed_ips == {"127.0.0.1", "192.0.2.0/24"}
    assert (agency.pushes.url, agency.pushes.form) == ("http://127.0.0.1:8000/statuses", "form")
    assert tuple(agency.pushes.retries.pauses) == (1, 2)
    assert agency.inbound.charset == "utf-8"
    (department,) = agency.departments.values()
    assert (department.login, department.system_id, department.roles) == ("agency:sales", "sales1", frozenset())
    assert sandbox.accounts.by_system_id("sales1", "sales-password") is not None
    principal = sandbox.accounts.by_key("3002/sales-key")
    assert principal is not None
    assert principal.token is not None
    assert principal.token.rate is not None
    assert (principal.login, set(principal.token.permissions)) == ("agency:sales", {"send"})
    assert (principal.token.rate.count, principal.token.rate.seconds) == (20, 2)


async def test_everything_that_a_file_can_say(path: Path) -> None:
    async with box(path) as sandbox:
        check(sandbox)
        async with SmsTraffic(api_key="3001/agency-key", nodes=sandbox.urls) as sms:
            await sms.send("79161112233", "hello", originator="Anything")
            with pytest.raises(Rejected) as refused:
                await sms.send("79161112277", "hello")
            assert refused.value.code == 430
        assert sandbox.accounts.get("agency").balance == Decimal("999998.75")
        async with SmsTraffic(**sandbox.client_options()) as sms:
            sandbox.accounts.get().balance = Decimal(0)
            with pytest.raises(InsufficientFunds):
                await sms.send("79161112233", "hello")
        sandbox.outcomes.clear()
        sandbox.accounts.get("agency").departments.clear()
        sandbox.restore()
        check(sandbox)  # and this is what it comes back to


WRONG = [
    ("[switches]\nzzz = true", "switches: there is no switch 'zzz'"),
    ("[switches]\nantispam = 'secret'", "switches: switch antispam is true or false"),
    ("[pace]\nfinal = -1", "pace: Pace.final is a number of seconds"),
    ("[pace]\nfinal = 'secret'", "pace: a pace is numbers of seconds"),
    ("[pace]\nzzz = 1", "pace: there is no 'zzz' here"),
    ("zzz = 1", "there is no 'zzz' here"),
    ("accounts = 1", "a list of tables"),
    ("accounts = [1]", "a table stands here"),
    ("[[outcomes]]\nsuffix = '1'", r"outcomes\[0\]: course is missing"),
    ("[[outcomes]]\nsuffix = 'x'\ncourse = 'read'", r"outcomes\[0\]: an outcome's suffix is digits"),
    ("[[outcomes]]\nsuffix = '1'\ncourse = 'secret'", r"outcomes\[0\]: an outcome's course is one of"),
    ("[[outcomes]]\nsuffix = '1'\ncourse = 'read'\ncode = 'secret'", "code is a whole number"),
    ("[[accounts]]\npassword = 'secret'", r"accounts\[0\]: login is missing"),
    ("[[accounts]]\nlogin = 'a'", r"accounts\[0\]: password is a string"),
    ("[[accounts]]\nlogin = 'a:b'\npassword = 'secret'", "has no ':'"),
    ("[[accounts]]\nlogin = 'a'\npassword = 'secret'\nbalance = 'secret'", "balance is an amount of money"),
    ("[[accounts]]\nlogin = 'a'\npassword = 'secret'\nbalance = nan", "balance is an amount of money"),
    ("[[accounts]]\nlogin = 'a'\npassword = 'secret'\nblocked = 'secret'", "blocked is a list of strings"),
    ("[[accounts]]\nlogin = 'a'\npassword = 'secret'\nsmpp_rate = 0", "smpp_rate is messages a second"),
    ("[[accounts]]\nlogin = 'a'\npassword = 'secret'\npushes = { zzz = 1 }", "pushes: there is no 'zzz'"),
    (
        "[[accounts]]\nlogin = 'a'\npassword = 'secret'\n[[accounts.departments]]\nname = 'x'",
        r"accounts\[0\]: departments\[0\]: password is missing",
    ),
    (
        "[[accounts]]\nlogin = 'a'\npassword = 'secret'\n[[accounts.tokens]]\nkey = 'secret'",
        r"accounts\[0\]: tokens\[0\]: an api key has two parts",
    ),
    (
        "[[accounts]]\nlogin = 'a'\npassword = 'secret'\n[[accounts.tokens]]\nkey = '1/secret'\npermissions = ['x']",
        r"tokens\[0\]: there is no operation 'x'",
    ),
    (
        "[[accounts]]\nlogin = 'a'\npassword = 'secret'\n[[accounts.tokens]]\nkey = '1/secret'\nrate = 0.5",
        "a table stands here",
    ),
    (
        "[[accounts]]\nlogin = 'a'\npassword = 'secret'\n[[accounts.tokens]]\nkey = '1/secret'\ndepartment = 'x'",
        "there is no login 'a:x'",
    ),
    ("secret = ", "sandbox.toml is not TOML"),
]


@pytest.mark.parametrize("content, problem", WRONG)
def test_a_mistake_is_named_with_its_place(path: Path, content: str, problem: str) -> None:
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=problem) as error:
        box(path)
    assert str(error.value).startswith("sandbox.toml")
    assert "secret" not in str(error.value).replace("public/secret", "")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read"):
        read_config(tmp_path / "none.toml")
    (tmp_path / "large.toml").write_text("#" * (1 << 21), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="at most"):
        read_config(tmp_path / "large.toml")


def test_nothing_secret_is_shown(path: Path) -> None:
    beginning = read_config(path)
    assert repr(beginning) == "Beginning(1 outcomes, 2 accounts)"
    assert repr(Beginning()) == "Beginning(0 outcomes, 0 accounts)"


def test_the_option(path: Path) -> None:
    assert ServeOptions.from_env({"SMS_TRAFFIC_SANDBOX_CONFIG": str(path)}).config == path
