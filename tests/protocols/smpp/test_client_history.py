"""F3, small: a history of messages under random faults, compared with what the servers accepted."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from sms_traffic_async.errors import NotSent, OutcomeUnknown, Rejected
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from tests.protocols.smpp.kit import TO, client, outcome
from tests.support.smpp_peer import Reply, Smsc, Submitted
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

STATUS = CommandStatus


class Chaos:
    """Two servers that throttle, refuse, lose, cut and answer late."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.kills = 0

    def __call__(self, one: Submitted) -> Reply | int | None:
        dice = self.random.random()
        if dice < 0.010:
            self.kills += 1
            return Reply(cut=True, status=self.random.choice((0, 1)))
        if dice < 0.013:
            self.kills += 1
            return Reply(then_cut=True)
        if dice < 0.015:
            return None
        if dice < 0.020:
            return Reply(delay=self.random.uniform(4, 12))
        if dice < 0.05:
            return int(self.random.choice((STATUS.ESME_RTHROTTLED, STATUS.ESME_RMSGQFUL)))
        if dice < 0.06:
            return int(self.random.choice((STATUS.ESME_RSYSERR, STATUS.ESME_RSUBMITFAIL)))
        if dice < 0.07:
            return int(self.random.choice((STATUS.ESME_RINVDSTADR, 0x400)))
        return Reply(delay=self.random.uniform(0, 0.02))


def texts(smscs: tuple[Smsc, ...]) -> Counter[str]:
    """How often each message was accepted, by its text; a long one by its first part."""
    found: Counter[str] = Counter()
    for smsc in smscs:
        for one in smsc.accepted:
            octets = one.request.short_message
            if one.request.esm_class:
                if octets[5] != 1:
                    continue
                octets = octets[6:]
            found[octets.decode().split()[0]] += 1
    return found


COUNT = 1_200


async def run(seed: int, on_unknown: Any, count: int) -> tuple[dict[str, Any], Counter[str], Chaos, Any]:
    chaos = Chaos(seed)
    async with (
        Smsc(answer=chaos, prefix="a") as first,
        Smsc(answer=chaos, prefix="b") as second,
        client([first, second], window=50, response_timeout=5, late_timeout=10, transmitters=1) as one,
    ):

        async def caller(name: str) -> tuple[str, Any]:
            text = f"{name} " + ("long " * 50 if int(name) % 10 == 0 else "short")
            return name, await outcome(one.smpp.submit(Message(to=TO, text=text), on_unknown=on_unknown, timeout=900))

        async def worker(names: Any) -> list[tuple[str, Any]]:
            return [await caller(name) for name in names]

        shared = iter([str(number) for number in range(count)])
        groups = await asyncio.gather(*(worker(shared) for _ in range(100)))
        stats = one.smpp.stats()
    return dict(pair for group in groups for pair in group), texts((first, second)), chaos, stats


@pytest.mark.parametrize("seed", range(2))
async def test_at_most_once(seed: int) -> None:
    """H1, H2, H4: every accepted one was; no refused or unsent one was; none twice."""
    found, accepted, chaos, stats = await run(seed, "raise", COUNT)
    kinds = Counter(type(one) for one in found.values())
    assert len(found) == COUNT
    assert chaos.kills > 8
    for name, one in found.items():
        if isinstance(one, Submission):
            assert accepted[name] == 1, name
        elif isinstance(one, NotSent | Rejected):
            assert accepted[name] == 0, (name, one)
        else:
            assert isinstance(one, OutcomeUnknown), one
            assert accepted[name] <= 1, name
    assert kinds[OutcomeUnknown] <= 50 * chaos.kills + 50  # a window for each link that was cut, and the mute ones
    assert kinds[Submission] > COUNT / 2
    assert kinds[NotSent] == 0
    assert stats.accepted == kinds[Submission]


@pytest.mark.parametrize("seed", range(2))
async def test_at_least_once(seed: int) -> None:
    """H1, H2, H5: duplicates at most the ambiguous events, and at most three of any."""
    found, accepted, _, stats = await run(seed + 10, "resend", COUNT)
    for name, one in found.items():
        if isinstance(one, Submission):
            assert 1 <= accepted[name] <= 3, name
        elif isinstance(one, NotSent | Rejected):
            assert accepted[name] == 0, (name, one)
        else:
            assert isinstance(one, OutcomeUnknown), one
            assert accepted[name] <= 3, name
    twice = sum(times - 1 for times in accepted.values() if times > 1)
    assert twice <= stats.repeated
    assert stats.repeated > 0
    assert (
        sum(type(one) is OutcomeUnknown for one in found.values()) < COUNT / 20
    )  # three tries, each through the chaos
