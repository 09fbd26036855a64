"""Which request suffers what: counts, chances, seeds, profiles."""

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import Drop, FaultRule, Garbage, SandboxClock, Temporary, Throttle
from sms_traffic_async.sandbox.faults import PROFILES, Faults


@pytest.fixture
def faults() -> Faults:
    return Faults(SandboxClock(0.0, running=False))


def hits(faults: Faults, count: int, *, protocol: str = "v2", node: int = 1, operation: str = "send") -> list[int]:
    return [
        number
        for number in range(1, count + 1)
        if faults.draw(protocol, node, operation, f"r{faults.injected}-{number}")
    ]


@pytest.mark.parametrize(
    "options,expected",
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 3}, [3]),
        ({"every": 2}, [2, 4, 6]),
        ({"times": 2}, [1, 2]),
        ({"every": 2, "times": 2}, [2, 4]),
        ({"probability": 0.0}, []),
        ({"protocol": "v1"}, []),
        ({"node": 2}, []),
        ({"operation": "statuses"}, []),
        ({"protocol": "v2", "node": 1, "operation": "send"}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_which_requests(faults: Faults, options: dict[str, int], expected: list[int]) -> None:
    faults.add(FaultRule(effect=Drop(), **options))  # type: ignore[arg-type] # a table of options
    assert hits(faults, 6) == expected


def test_a_rule_counts_what_it_matches_only(faults: Faults) -> None:
    faults.add(FaultRule(effect=Drop(), operation="send", nth=2))
    assert hits(faults, 5, operation="statuses") == []
    assert hits(faults, 1) == []
    assert hits(faults, 5, operation="statuses") == []
    assert hits(faults, 1) == [1]


def test_rules_count_by_themselves(faults: Faults) -> None:
    faults.add(FaultRule(effect=Drop(), nth=2))
    faults.add(FaultRule(effect=Garbage(), every=2))
    drawn = [[one.effect for one in faults.draw("v2", 1, "send", "r")] for _ in range(4)]
    assert drawn == [[], [Drop(), Garbage()], [], [Garbage()]]


def test_the_same_seed_gives_the_same_faults(faults: Faults) -> None:
    def run(seed: int) -> list[int]:
        faults.profile("flaky", seed)
        return hits(faults, 2000)

    first = run(7)
    assert run(7) == first
    assert run(8) != first
    # 8 rules of 1.25 % each: about one request in ten.
    assert 140 < len(first) < 260


def test_chances_do_not_depend_on_other_rules_before_them(faults: Faults) -> None:
    faults.add(FaultRule(effect=Drop(), operation="account"))
    faults.add(FaultRule(effect=Garbage(), probability=0.5), seed=3)
    alone = Faults(SandboxClock(0.0, running=False))
    alone.add(FaultRule(effect=Drop(), operation="report"))
    alone.add(FaultRule(effect=Garbage(), probability=0.5), seed=3)
    assert hits(faults, 100) == hits(alone, 100)


def test_rules_can_be_taken_away(faults: Faults) -> None:
    kept = faults.add(FaultRule(effect=Drop(), name="kept"))
    faults.add(FaultRule(effect=Garbage(), name="gone"))
    named = faults.add(FaultRule(effect=Temporary()))
    assert named.name
    assert faults.remove("gone") == 1
    assert faults.remove(named) == 1
    assert faults.remove("gone") == 0
    assert list(faults) == [kept]
    faults.clear()
    assert len(faults) == 0
    assert hits(faults, 3) == []


def test_the_log_says_what_was_injected_where(faults: Faults) -> None:
    faults.add(FaultRule(effect=Throttle(), name="slow down", nth=2))
    hits(faults, 3, node=2)
    assert len(faults.log) == faults.injected == 1
    record = faults.log[0]
    assert (record.rule, record.effect, record.node, record.operation) == ("slow down", Throttle(), 2, "send")
    assert record.request_id.endswith("-2")


def test_the_log_is_bounded(faults: Faults) -> None:
    faults.add(FaultRule(effect=Drop()))
    hits(faults, 10_500)
    assert len(faults.log) == 10_000
    assert faults.injected == 10_500


def test_profiles(faults: Faults) -> None:
    assert set(PROFILES) == {"healthy", "flaky", "throttled", "slow", "dead-node", "malformed"}
    faults.profile("dead-node")
    assert hits(faults, 3) == [1, 2, 3]
    assert hits(faults, 3, node=2) == []
    faults.profile("healthy")
    assert hits(faults, 3) == []
    with pytest.raises(ConfigurationError):
        faults.profile("sunny")
