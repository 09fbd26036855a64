"""The fault run of v1: what the client says of each message against what the sandbox took (H1, H2, H4, H5)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from sms_traffic_async.errors import OutcomeUnknown, SendError
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.sandbox import (
    Drop,
    FaultRule,
    Garbage,
    Half,
    ProxyPage,
    Sandbox,
    ServerError,
    Temporary,
    Throttle,
)
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings import Credentials, OnUnknown
from tests.protocols.http_v1.kit import desk
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

COUNT = 300
FAULTS: tuple[tuple[float, Any], ...] = (
    (0.02, Throttle(retry_after=0.5)),
    (0.03, ServerError(status=503, when="before")),
    (0.03, ServerError(status=502, when="after")),
    (0.03, Temporary(when="before")),
    (0.03, Drop(when="before")),
    (0.05, Drop(when="after")),
    (0.03, Drop(when="after", how="rst")),
    (0.03, Half()),
    (0.03, Garbage()),
    (0.02, ProxyPage(status=200, when="before")),
    (0.02, ProxyPage(status=200, when="after")),
)


@pytest.mark.slow
@pytest.mark.parametrize("on_unknown", ["raise", "resend"])
async def test_no_message_is_lost_and_none_comes_twice_unasked(on_unknown: OnUnknown) -> None:
    outcomes: dict[str, Submission | SendError] = {}
    async with Sandbox(login="mylogin", password="mypassword") as sandbox:
        for probability, effect in FAULTS:
            sandbox.faults.add(FaultRule(effect=effect, probability=probability))
        credentials = Credentials(login="mylogin", password=Secret("mypassword"))
        async with desk(b"", urls=list(sandbox.urls), credentials=credentials, clock=VirtualClock()) as one:

            async def send(number: int) -> None:
                text = f"message {number}"
                message = Message(to=f"7916{number:07d}", text=text)
                try:
                    outcomes[text] = await one.v1.submit(message, on_unknown=on_unknown, timeout=60.0)
                except SendError as error:
                    outcomes[text] = error

            for start in range(0, COUNT, 50):
                await asyncio.gather(*(send(number) for number in range(start, start + 50)))
        taken = Counter(message.text for message in sandbox.messages)
        ids = {message.id for message in sandbox.messages}
    unknown = repeated = 0
    for text, outcome in outcomes.items():
        if isinstance(outcome, Submission):
            assert taken[text] >= 1, f"H1: {text} was reported accepted"
            assert set(outcome.message_ids) <= ids
            assert taken[text] <= outcome.attempts, f"H5: {text}"
            repeated += taken[text] > 1
        elif isinstance(outcome, OutcomeUnknown):
            unknown += 1
            assert taken[text] <= outcome.evidence.attempts
        else:
            assert taken[text] == 0, f"H2: {text} was reported {outcome.outcome}"
        assert taken[text] <= (1 if on_unknown == "raise" else 3), f"H4: {text}"
    assert len(outcomes) == COUNT
    assert (unknown > 0) if on_unknown == "raise" else (repeated > 0), "no fault mattered, so nothing was tested"
