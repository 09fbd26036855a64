"""Which node comes first, and what repeats cost."""

from __future__ import annotations

import math

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sms_traffic_async.clock import SYSTEM_CLOCK
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.policy.attempts import Verdict
from sms_traffic_async.policy.nodes import NodeSet, NodeState
from sms_traffic_async.settings import RetryPolicy
from tests.policy.hand_clock import HandClock
from tests.policy.machines import MACHINE

A, P, R, T, U = Verdict.AMBIGUOUS, Verdict.PERMANENT, Verdict.REFUSED, Verdict.THROTTLED, Verdict.UNSENT
NAMES = ("n1", "n2")
POLICY = RetryPolicy()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def nodes(clock: HandClock) -> NodeSet:
    return NodeSet(NAMES, policy=POLICY, clock=clock)


def ask(nodes: NodeSet, node: str, verdict: Verdict | None, times: int = 1) -> None:
    for _ in range(times):
        nodes.started(node)
        nodes.finished(node, verdict)


@pytest.mark.parametrize("names", [(), ("n1", "n1")])
def test_nodes_have_names_of_their_own(names: tuple[str, ...], clock: HandClock) -> None:
    with pytest.raises(ConfigurationError, match="nodes"):
        NodeSet(names, policy=POLICY, clock=clock)


def test_it_can_be_made_without_a_loop() -> None:
    assert NodeSet(iter(NAMES), policy=POLICY, clock=SYSTEM_CLOCK).afford("n1", U)


def test_the_first_is_preferred(nodes: NodeSet) -> None:
    assert nodes.order() == NAMES


def test_an_open_node_is_left_out_until_it_is_probed(nodes: NodeSet, clock: HandClock) -> None:
    ask(nodes, "n1", U, 5)
    assert nodes.order() == ("n2",)
    clock.now += 1_000.0
    assert nodes.order() == ("n2",)


def test_when_all_are_open_all_are_asked(nodes: NodeSet) -> None:
    ask(nodes, "n1", U, 5)
    ask(nodes, "n2", A, 5)
    assert nodes.order() == NAMES
    ask(nodes, "n2", None)
    assert nodes.order() == ("n2",)


@pytest.mark.parametrize("verdict", [P, R, T])
def test_refusals_never_move_a_node(nodes: NodeSet, verdict: Verdict) -> None:
    ask(nodes, "n1", verdict, 100)
    assert nodes.order() == NAMES


def test_failover_and_the_way_back(nodes: NodeSet, clock: HandClock) -> None:
    ask(nodes, "n1", U, 5)
    assert nodes.probe_due() is None
    assert nodes.snapshot()[0].probe_in == 4.5
    clock.now += 4.5
    assert nodes.probe_due() == "n1"
    assert nodes.probe_due() is None
    nodes.probed("n1", ok=True)
    assert nodes.order() == ("n2", "n1"), "healthy for 30 s before it is preferred again"
    for _ in range(2):
        clock.now += 10.0
        assert nodes.probe_due() == "n1"
        nodes.probed("n1", ok=True)
        assert nodes.order() == ("n2", "n1")
    clock.now += 9.9
    assert nodes.order() == ("n2", "n1")
    clock.now += 0.1
    assert nodes.order() == NAMES
    assert nodes.probe_due() == "n1"
    nodes.probed("n1", ok=True)
    assert {one.probe_in for one in nodes.snapshot()} == {None}


def test_silence_sends_new_messages_to_the_other_node(nodes: NodeSet, clock: HandClock) -> None:
    assert nodes.started("n1") == clock.now
    clock.now += 1.9
    assert nodes.order() == NAMES
    clock.now += 0.1
    assert nodes.order() == ("n2", "n1")
    nodes.heard("n1")
    assert nodes.order() == NAMES
    clock.now += 2.0
    assert nodes.finished("n1", A) == clock.now
    assert nodes.order() == ("n2", "n1"), "given up: still not heard"


def test_a_cancelled_request_is_no_failure_but_its_silence_counts(nodes: NodeSet, clock: HandClock) -> None:
    for _ in range(10):
        nodes.started("n1")
        clock.now += 0.5
        nodes.abandoned("n1")
    assert nodes.order() == NAMES
    nodes.started("n1")
    clock.now += 3.0
    nodes.abandoned("n1")
    assert nodes.order() == ("n2", "n1")


def test_a_long_poll_may_be_silent(nodes: NodeSet, clock: HandClock) -> None:
    nodes.started("n1", expect_silence=True)
    clock.now += 300.0
    assert nodes.order() == NAMES
    nodes.abandoned("n1", expect_silence=True)
    assert nodes.order() == NAMES
    nodes.started("n1", expect_silence=True)
    clock.now += 300.0
    nodes.finished("n1", None, expect_silence=True)
    assert nodes.order() == NAMES
    assert nodes.snapshot()[0].in_flight == 0


def test_how_long_silence_may_last_can_be_said(clock: HandClock) -> None:
    nodes = NodeSet(NAMES, policy=POLICY, clock=clock, suspect_after=5.0)
    nodes.started("n1")
    clock.now += 4.9
    assert nodes.order() == NAMES
    clock.now += 0.1
    assert nodes.order() == ("n2", "n1")


def test_the_worse_the_state_the_later_in_the_order(clock: HandClock) -> None:
    nodes = NodeSet(("suspect", "recovering", "open", "healthy"), policy=POLICY, clock=clock)
    ask(nodes, "open", U, 5)
    ask(nodes, "recovering", U, 5)
    ask(nodes, "recovering", R)
    nodes.started("suspect")
    clock.now += 2.0
    assert nodes.order() == ("healthy", "recovering", "suspect")
    assert [entry.state for entry in nodes.snapshot()] == ["suspect", "recovering", "open", "healthy"]


def test_among_equals_the_order_given_decides(clock: HandClock) -> None:
    nodes = NodeSet(("z", "a", "m"), policy=POLICY, clock=clock)
    assert nodes.order() == ("z", "a", "m")
    ask(nodes, "m", U, 5)
    assert nodes.order() == ("z", "a")
    ask(nodes, "m", P)
    assert nodes.order() == ("z", "a", "m")
    ask(nodes, "z", U, 5)
    ask(nodes, "z", P)
    assert nodes.order() == ("a", "z", "m")


# Budget.


@pytest.mark.parametrize("verdict, times", [(U, 35), (R, 35), (T, 100)])
def test_repeats_are_paid_from_500(nodes: NodeSet, verdict: Verdict, times: int) -> None:
    for _ in range(times):
        assert nodes.afford("n1", verdict)
        nodes.spend("n1", verdict)
    assert not nodes.afford("n1", verdict)
    assert nodes.afford("n2", verdict), "each node has its own"


def test_settling_an_ambiguous_attempt_is_free(nodes: NodeSet) -> None:
    for _ in range(100):
        nodes.spend("n1", A)
        nodes.spend("n1", U)
    assert nodes.snapshot()[0].budget == 0
    assert nodes.afford("n1", A)


def test_asking_spends_nothing(nodes: NodeSet) -> None:
    assert all(nodes.afford("n1", U) for _ in range(100))


@pytest.mark.parametrize("verdict, budget", [(None, 87), (P, 80), (R, 80), (T, 80), (U, 80), (A, 80)])
def test_only_a_result_gives_one_back(clock: HandClock, verdict: Verdict | None, budget: int) -> None:
    nodes = NodeSet(NAMES, policy=RetryPolicy(budget=100, transient_cost=20), clock=clock)
    nodes.spend("n1", U)
    ask(nodes, "n1", verdict, 7)
    assert nodes.snapshot()[0].budget == budget


def test_the_budget_never_grows_past_its_size(nodes: NodeSet) -> None:
    ask(nodes, "n1", None, 10)
    assert nodes.snapshot()[0].budget == POLICY.budget


def test_snapshot(nodes: NodeSet, clock: HandClock) -> None:
    ask(nodes, "n1", U, 5)
    nodes.started("n2")
    clock.now += 1.0
    first, second = nodes.snapshot()
    assert (first.name, first.state, first.in_flight, first.failures, first.budget) == ("n1", "open", 0, 5, 500)
    assert first.probe_in is not None
    assert math.isclose(first.probe_in, 3.5)
    assert (second.name, second.state, second.in_flight, second.probe_in) == ("n2", "healthy", 1, None)
    clock.now += 100.0
    assert nodes.snapshot()[0].probe_in == 0.0


class NodesMachine(RuleBasedStateMachine):
    """Any traffic: the order stays an honest one, and the budget is exactly what was paid and earned."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = HandClock()
        self.nodes = NodeSet(NAMES, policy=POLICY, clock=self.clock)
        self.budget = dict.fromkeys(NAMES, POLICY.budget)
        self.flying: list[str] = []
        self.probes: set[str] = set()

    @rule(seconds=st.floats(min_value=0.0, max_value=40.0))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(node=st.sampled_from(NAMES))
    def start(self, node: str) -> None:
        self.nodes.started(node)
        self.flying.append(node)

    @precondition(lambda self: self.flying)
    @rule(verdict=st.sampled_from([None, *Verdict]), heard=st.booleans())
    def finish(self, verdict: Verdict | None, heard: bool) -> None:
        node = self.flying.pop(0)
        if heard:
            self.nodes.heard(node)
        self.nodes.finished(node, verdict)
        if verdict is None:
            self.budget[node] = min(self.budget[node] + 1, POLICY.budget)

    @precondition(lambda self: self.flying)
    @rule()
    def abandon(self) -> None:
        self.nodes.abandoned(self.flying.pop(0))

    @rule(node=st.sampled_from(NAMES), verdicts=st.lists(st.sampled_from([U, A]), min_size=5, max_size=5))
    def outage(self, node: str, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            ask(self.nodes, node, verdict)

    @rule(node=st.sampled_from(NAMES), verdict=st.sampled_from([U, R, T, A]))
    def repeat(self, node: str, verdict: Verdict) -> None:
        cost = {U: 14, R: 14, T: 5, A: 0}[verdict]
        assert self.nodes.afford(node, verdict) == (self.budget[node] >= cost)
        if self.nodes.afford(node, verdict):
            self.nodes.spend(node, verdict)
            self.budget[node] -= cost

    @rule()
    def probe(self) -> None:
        due = any(one.probe_in == 0 for one in self.nodes.snapshot())
        node = self.nodes.probe_due()
        assert (node is not None) == due
        if node is not None:
            self.probes.add(node)

    @precondition(lambda self: self.probes)
    @rule(ok=st.booleans())
    def report(self, ok: bool) -> None:
        self.nodes.probed(self.probes.pop(), ok)

    @invariant()
    def the_order_is_honest(self) -> None:
        order = self.nodes.order()
        states = {entry.name: NodeState[entry.state.upper()] for entry in self.nodes.snapshot()}
        assert order
        assert len(set(order)) == len(order)
        assert set(order) <= set(NAMES)
        ranks = [states[node] for node in order]
        assert ranks == sorted(ranks)
        usable = [node for node in NAMES if states[node] is not NodeState.OPEN]
        assert set(order) == set(usable or NAMES)
        if len(set(ranks)) == 1:
            assert list(order) == [node for node in NAMES if node in order], "among equals the preferred is first"

    @invariant()
    def the_books_agree(self) -> None:
        for entry in self.nodes.snapshot():
            assert entry.budget == self.budget[entry.name]
            assert entry.in_flight == self.flying.count(entry.name)


TestNodesMachine = NodesMachine.TestCase
TestNodesMachine.settings = MACHINE
