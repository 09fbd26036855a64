"""One suite, two platforms: the sandbox always, the live one where whoever runs it gives credentials.

``SMS_TRAFFIC_LIVE_API_KEY``, ``…_LOGIN``, ``…_PASSWORD`` and ``…_TO`` (a number of your own: it gets real messages, and
they cost real money); ``…_ORIGINATOR`` where the account has no default. Never in CI.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async import SmppOptions, SmsTraffic
from sms_traffic_async.sandbox import Pace, Sandbox
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings import DEFAULT_NODES

NEEDED = ("API_KEY", "LOGIN", "PASSWORD", "TO")
# Read before the tests' environment is cleaned; Secret, so that no traceback shows one.
LIVE = {
    name: Secret(value) for name in (*NEEDED, "ORIGINATOR") if (value := os.environ.get(f"SMS_TRAFFIC_LIVE_{name}"))
}


@dataclass(frozen=True, kw_only=True)
class Target:
    """A platform to hold to the contract."""

    to: str = field(repr=False)
    options: dict[str, Any] = field(repr=False)
    smpp: SmppOptions = field(repr=False)
    patience: float

    def session(self) -> SmsTraffic:
        return SmsTraffic(**self.options)

    def smpp_session(self) -> SmsTraffic:
        """One that can learn of a status by a receipt only."""
        return SmsTraffic(smpp=self.smpp, originator=self.options["originator"])


@pytest_asyncio.fixture(
    params=["sandbox", pytest.param("live", marks=(pytest.mark.live, pytest.mark.timeout(600)))],
)
async def target(request: pytest.FixtureRequest) -> AsyncIterator[Target]:
    if request.param == "live":
        yield live()
        return
    request.getfixturevalue("asks_soon")
    async with Sandbox(pace=Pace(send=0, buffer=0, final=0.05), smtp_port=None) as sandbox:
        _, login, password = sandbox.credentials
        smpp = sandbox.smpp_options(system_id=login, password=Secret(password))
        options = {**sandbox.client_options(), "originator": None}
        yield Target(to="79161112233", options=options, smpp=smpp, patience=10)


def live() -> Target:
    if "CI" in os.environ:
        pytest.skip("the live platform is never asked in CI")
    missing = [f"SMS_TRAFFIC_LIVE_{name}" for name in NEEDED if name not in LIVE]
    if missing:
        pytest.skip(f"the live platform needs {', '.join(missing)}")
    login, password = LIVE["LOGIN"].reveal(), LIVE["PASSWORD"]
    originator = LIVE["ORIGINATOR"].reveal() if "ORIGINATOR" in LIVE else None
    account = {"api_key": LIVE["API_KEY"].reveal(), "login": login, "password": password.reveal()}
    options = {**account, "nodes": DEFAULT_NODES, "originator": originator}
    smpp = SmppOptions(system_id=login, password=password)
    return Target(to=LIVE["TO"].reveal(), options=options, smpp=smpp, patience=300)
