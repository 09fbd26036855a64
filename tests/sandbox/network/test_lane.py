from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_traffic_async.sandbox.network import (
    ConnectionFault,
    Cut,
    Direction,
    Drip,
    HalfClose,
    Injection,
    Latency,
    Replace,
    Reset,
)
from sms_traffic_async.sandbox.network.lane import Lane
from sms_traffic_async.sandbox.network.rules import Rule, Rules

FAULTS = st.one_of(
    st.builds(Cut, after=st.integers(0, 60), direction=st.just("up")),
    st.builds(HalfClose, after=st.integers(0, 60), direction=st.just("up")),
    st.builds(Replace, data=st.binary(min_size=1, max_size=12), at=st.integers(0, 60), direction=st.just("up")),
    st.builds(Latency, seconds=st.sampled_from([0.0, 0.5]), jitter=st.sampled_from([0.0, 2.0])),
    st.builds(Drip, bytes_per_second=st.sampled_from([1.0, 30.0, 1000.0]), direction=st.just("up")),
    st.builds(Cut, after=st.integers(0, 60), direction=st.just("down")),
)


def overlaid(data: bytes, faults: list[ConnectionFault]) -> bytes:
    out = bytearray(data)
    for fault in faults:
        if isinstance(fault, Replace):
            for index, byte in enumerate(fault.data, fault.at):
                if index < len(out):
                    out[index] = byte
    return bytes(out)


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(st.binary(min_size=1, max_size=20), max_size=8), faults=st.lists(FAULTS, max_size=5))
def test_a_lane_forwards_exactly_what_its_faults_leave(pieces: list[bytes], faults: list[ConnectionFault]) -> None:
    rules = Rules(seed=0, added=lambda rule, live: None, removed=lambda rule: None)
    log: list[tuple[ConnectionFault, Direction, int]] = []
    lane = Lane("up", "seed", lambda fault, direction, offset: log.append((fault, direction, offset)))
    for fault in faults:
        lane.attach(rules.add(fault), fault, fault.data if isinstance(fault, Replace) else b"")
    for piece in (*pieces, b""):
        lane.put(piece, 0.0)
    out, clock, cut = bytearray(), 0.0, None
    while cut is None:
        cut = lane.due(arrived=False)
        pause = lane.wait(clock)
        assert pause is not None
        clock += pause
        cut = cut or lane.due(arrived=True)
        if isinstance(cut, HalfClose):
            lane.swallows, cut = True, None
        if cut is not None or not (piece := lane.piece()):
            break
        if not lane.swallows:
            out += piece
        lane.took(len(piece), clock)
    data = b"".join(pieces)
    ends = [fault.after for fault in faults if isinstance(fault, Cut | HalfClose) and fault.direction == "up"]
    limit = min(ends, default=len(data))
    assert bytes(out) == overlaid(data, faults)[:limit]
    assert lane.forwarded == len(out)
    assert all(direction == "up" for _, direction, _ in log)
    assert (cut is not None) <= (lane.forwarded in ends)


def test_a_rule_counts_what_it_sees() -> None:
    rule = Rule(Reset(), index=1, nth=None, every=2, probability=1.0, times=3, seed=0)
    assert [rule.takes() for _ in range(8)] == [False, True, False, True, False, True, False, False]


def test_an_injection_is_a_value() -> None:
    entry = Injection(connection=1, fault=Cut(after=3), direction="down", offset=3, at=1.0)
    assert entry == Injection(connection=1, fault=Cut(after=3), direction="down", offset=3, at=1.0)
    with pytest.raises(AttributeError):
        entry.offset = 4  # type: ignore[misc]  # that is the point
