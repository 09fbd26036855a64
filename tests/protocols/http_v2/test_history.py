"""A small fault run against the sandbox: what was told to the caller, checked against the accept log.

H1: every acceptance told happened. H2: whatever was called rejected or not sent
was not accepted. H3: nobody got two. Every variant of what the document leaves
open about restrictiveIds and look-ups (U1, U2, U6).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Literal

import pytest

from sms_traffic_async import SmsTraffic
from sms_traffic_async.errors import OutcomeUnknown, SendError
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.sandbox.effects import Drop, Effect, Garbage, Half, ProxyPage, ServerError, Temporary, Throttle
from sms_traffic_async.sandbox.faults import FaultRule
from sms_traffic_async.sandbox.switches import Switches
from sms_traffic_async.settings import HttpOptions, RetryPolicy, Timeouts
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual

MESSAGES = 250
EACH = 0.015
EFFECTS: tuple[Effect, ...] = (
    Drop(when="before"),
    Drop(when="after"),
    Drop(when="after", how="rst"),
    ServerError(status=502, when="before"),
    ServerError(status=502, when="after"),
    ServerError(status=503, when="after", retry_after=2.0),
    Garbage(),
    Half(),
    ProxyPage(),
    Temporary(when="before"),
    Throttle(retry_after=1.0),
)
VARIANTS = {
    "shared": Switches(antispam=False),
    "not shared": Switches(antispam=False, restrictive_shared=False, statuses_cross_node=False),
    "used up by failures": Switches(antispam=False, restrictive_consumed_by_failure=True),
    "slow to know": Switches(
        antispam=False, restrictive_consumed_by_failure=True, statuses_delay=20.0, statuses_cross_node_delay=40.0
    ),
}


# Where a failed request uses its id up, an unanswered one that was not taken looks like one that was: whether to send
# it again is then the caller's decision.
UNTELLABLE = {"used up by failures": 0.06, "slow to know": 0.06}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("on_unknown", ["raise", "resend"])
async def test_nothing_is_lost_and_nothing_is_sent_twice(variant: str, on_unknown: Literal["raise", "resend"]) -> None:
    seed = 1 if on_unknown == "raise" else 2
    clock = VirtualClock(seed=seed)
    told: dict[str, Submission | SendError] = {}
    async with Sandbox(switches=VARIANTS[variant], seed=seed) as sandbox:
        for effect in EFFECTS:
            sandbox.faults.add(FaultRule(effect=effect, probability=EACH, operation="send"))
        options = sandbox.client_options() | {
            "clock": clock,
            "timeouts": Timeouts(deadline=400.0),
            "retry": RetryPolicy(budget=100_000),
            "on_unknown": on_unknown,
            "http": HttpOptions(batching=False),  # as many requests as messages: each has its chance of a fault
        }
        async with SmsTraffic(**options) as sms:
            work = iter(range(MESSAGES))

            async def worker() -> None:
                for number in work:
                    message = Message(to=f"7916{number:07}", text=f"message {number}")
                    try:
                        told[message.to] = await sms.v2.submit(message)
                    except SendError as error:
                        told[message.to] = error

            await asyncio.gather(*(worker() for _ in range(16)))
        accepted = Counter(entry.to for entry in sandbox.accepted)
        by_id = {entry.message_id: entry.to for entry in sandbox.accepted}
        injected = len(sandbox.faults.log)
    assert injected > MESSAGES * EACH * len(EFFECTS) * 0.5
    assert len(told) == MESSAGES
    assert {to: count for to, count in accepted.items() if count > 1} == {}, "sent twice"
    for to, outcome in told.items():
        if isinstance(outcome, Submission):
            assert [by_id.get(message_id) for message_id in outcome.message_ids] == [to], "an acceptance that was none"
        elif not isinstance(outcome, OutcomeUnknown):
            assert accepted[to] == 0, f"called {type(outcome).__name__}, and accepted"
    unknown = sum(isinstance(outcome, OutcomeUnknown) for outcome in told.values())
    most = UNTELLABLE.get(variant, 0.0) if on_unknown == "raise" else 0.0
    assert unknown <= MESSAGES * most, f"{unknown} unknown"
    assert sum(isinstance(outcome, Submission) for outcome in told.values()) == MESSAGES - unknown
