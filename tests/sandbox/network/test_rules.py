from __future__ import annotations

from typing import Any

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.network import (
    Blackhole,
    Cut,
    Drip,
    FaultProxy,
    Garbage,
    HalfClose,
    Latency,
    Refuse,
    Replace,
    Reset,
    Unreachable,
)
from sms_traffic_async.sandbox.network.rules import Rules
from tests.support.raw_tcp import ANSWER, RawServer, exchange
from tests.support.virtual_loop import virtual


@virtual
async def test_rules_choose_their_connections() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        await exchange(proxy.port)
        second = proxy.rules.add(Reset(), nth=2)
        every = proxy.rules.add(Cut(after=1), every=3, times=2)
        outcomes = [(await exchange(proxy.port)) for _ in range(10)]
        plain = (ANSWER, None)
        cut = (ANSWER[:1], "eof")
        assert outcomes == [plain, (b"", "reset"), cut, plain, plain, cut, plain, plain, plain, plain]
        assert (second.taken, every.taken) == (1, 2)
        assert [entry.connection for entry in proxy.log] == [3, 4, 7]
        assert len(proxy.rules) == 2
        assert list(proxy.rules) == [second, every]
        assert "took 2 of 10" in repr(every)


@virtual
async def test_a_share_of_connections_follows_the_seed() -> None:
    async def taken(seed: int, *, with_another: bool = False) -> list[int]:
        async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port, seed=seed) as proxy:
            proxy.rules.add(Reset(), probability=0.3)
            if with_another:
                proxy.rules.add(Latency(seconds=0.1), probability=0.5)
            for _ in range(60):
                await exchange(proxy.port)
            return [entry.connection for entry in proxy.log if isinstance(entry.fault, Reset)]

    first = await taken(1)
    assert 8 <= len(first) <= 30
    assert await taken(1) == first
    assert await taken(1, with_another=True) == first, "another rule changed what this one draws"
    assert await taken(2) != first


def make_rules() -> Rules:
    return Rules(seed=0, added=lambda rule, live: None, removed=lambda rule: None)


@pytest.mark.parametrize(
    "choice",
    [{"nth": 0}, {"every": 0}, {"probability": 1.1}, {"probability": -0.1}, {"times": -1}],
)
def test_a_choice_that_takes_nothing_is_refused(choice: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        make_rules().add(Reset(), **choice)


@pytest.mark.parametrize("fault", [Refuse(), Unreachable()])
@pytest.mark.parametrize("choice", [{"nth": 1}, {"every": 2}, {"probability": 0.5}, {"times": 1}, {"live": True}])
def test_a_port_cannot_refuse_single_connections(fault: Refuse, choice: dict[str, Any]) -> None:
    rules = make_rules()
    with pytest.raises(ConfigurationError, match="concerns the port"):
        rules.add(fault, **choice)
    assert len(rules) == 0


@pytest.mark.parametrize(
    "kind, wrong",
    [
        (Cut, {"after": -1}),
        (Cut, {"after": 1, "direction": "both"}),
        (Cut, {"after": 1, "how": "nicely"}),
        (Reset, {"after": -1}),
        (Reset, {"direction": "left"}),
        (HalfClose, {"after": -1}),
        (HalfClose, {"direction": "both"}),
        (Blackhole, {"after": -1}),
        (Blackhole, {"direction": "left"}),
        (Latency, {"seconds": -1}),
        (Latency, {"seconds": float("nan")}),
        (Latency, {"seconds": 1, "jitter": -1}),
        (Latency, {"seconds": 1, "direction": "left"}),
        (Drip, {"bytes_per_second": 0}),
        (Drip, {"bytes_per_second": 1, "direction": "left"}),
        (Replace, {"data": b"x", "at": -1}),
        (Replace, {"data": b"x", "direction": "both"}),
        (Garbage, {"length": 0}),
        (Garbage, {"at": -1}),
        (Garbage, {"direction": "both"}),
    ],
)
def test_impossible_faults_are_refused(kind: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        kind(**wrong)


def test_replaced_bytes_are_not_printed() -> None:
    assert "79161112233" not in repr(Replace(data=b"phones=79161112233"))
