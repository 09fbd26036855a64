"""The search line of the page, the control API and tests."""

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import SandboxClock
from sms_traffic_async.sandbox.accounts import Accounts
from sms_traffic_async.sandbox.drafts import Arrival, Draft, Prepared
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.refusals import Refusal
from sms_traffic_async.sandbox.search import matcher


@pytest.fixture
async def platform() -> Platform:
    platform = Platform(
        SandboxClock(1_766_048_400.0, running=False), Accounts.default(api_key="1/a", login="main", password="pw")
    )
    platform.clock.start()
    principal = platform.accounts.by_key("1/a")
    assert principal is not None
    drafts = [
        Draft(to="79161112233", text="Your code 1234", tracking_data="order_7"),
        Draft(to="79161119003", text="Ваш код 5678", originator="MyCompany"),
        Draft(to="375292134567", text="Later " * 40, start_at=1_766_138_400.0),
    ]
    for protocol, draft in zip(("v2", "v1", "v2"), drafts, strict=True):
        arrival = Arrival(protocol=protocol, node=1, principal=principal, request_id="r")
        prepared = platform.prepare(draft, arrival)
        assert isinstance(prepared, Prepared), prepared
        assert not isinstance(platform.take([prepared], arrival), Refusal)
        await platform.clock.advance(60)
    platform.receive(sender="79161112233", recipient="3299", text="STOP it")
    return platform


@pytest.mark.parametrize(
    "line,found",
    [
        ("", [0, 1, 2, 3]),
        ("to:7916", [0, 1, 3]),
        ("to:79161112233 is:sent", [0]),
        ("from:mycompany", [1]),
        ("from:3299", [3]),
        ("text:CODE", [0]),
        ("text:код", [1]),
        ('text:"your code"', [0]),
        ("text:your text:1234", [0]),
        ("stop", [3]),
        ("order_7", [0]),
        ("tracking:order_7", [0]),
        ("status:delivered", [0]),
        ('status:"non delivered"', [1]),
        ("status:non_delivered", [1]),
        ("status:none", [2, 3]),
        ("-status:none", [0, 1]),
        ("via:v1", [1]),
        ("-via:v1 -is:inbound", [0, 2]),
        ("login:main", [0, 1, 2, 3]),
        ("is:inbound", [3]),
        ("is:delivered", [0]),
        ("is:failed", [1]),
        ("is:final", [0, 1]),
        ("is:scheduled", [2]),
        ("is:long", [2]),
        ("is:pending is:sent", [2]),
        ("is:flash", []),
        ("before:2025-12-18T12:00:30", [0]),
        ("after:2025-12-18T12:00:30+03:00 -is:inbound", [1, 2]),
        ("after:2025-12-19", []),
        ("-text:code -text:код", [2, 3]),
        ("-stop", [0, 1, 2]),
    ],
)
async def test_lines(platform: Platform, line: str, found: list[int]) -> None:
    test = matcher(line)
    assert [number for number, message in enumerate(platform.store) if test(message)] == found


async def test_ids_are_found(platform: Platform) -> None:
    messages = list(platform.store)
    assert [message for message in messages if matcher(f"id:{messages[1].id}")(message)] == [messages[1]]


@pytest.mark.parametrize("line", ["colour:red", "is:blue", "before:noon", "x " * 33])
def test_what_cannot_be_read(line: str) -> None:
    with pytest.raises(ConfigurationError):
        matcher(line)
