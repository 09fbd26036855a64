"""The stop after "too many": growing, one probe, and only news counts."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.protocols.smpp.brake import Brake


def test_open_until_refused() -> None:
    brake = Brake(10)
    assert brake.ready_at(5.0) == 5.0
    assert brake.refused("a", 5.0, base=1, chance=0)
    assert brake.ready_at(5.5) == 6.0
    assert brake.ready_at(7.0) == 7.0


def test_what_was_under_way_says_nothing_new() -> None:
    brake = Brake(10)
    brake.refused("a", 5.0, base=1, chance=0)
    assert not brake.refused("b", 5.1, base=1, chance=0)
    assert brake.ready_at(5.2) == 6.0
    assert not brake.answered("c")
    assert brake.closed_since == 5.0


def test_the_probe_decides() -> None:
    brake = Brake(10)
    brake.refused("a", 0.0, base=1, chance=0)
    brake.goes("p")
    assert brake.ready_at(50.0) == math.inf
    assert brake.refused("p", 2.0, base=1, chance=0)
    assert brake.ready_at(2.0) == 4.0
    brake.goes("q")
    assert brake.answered("q")
    assert brake.closed_since is None
    assert brake.ready_at(4.0) == 4.0
    brake.refused("r", 9.0, base=1, chance=0)
    assert brake.ready_at(9.0) == 10.0


def test_a_probe_that_is_lost_lets_another_go() -> None:
    brake = Brake(10)
    brake.refused("a", 0.0, base=1, chance=0)
    brake.goes("p")
    brake.forgotten("other")
    assert brake.ready_at(3.0) == math.inf
    brake.forgotten("p")
    assert brake.ready_at(3.0) == 3.0


@given(st.lists(st.floats(0, 0.999), min_size=1, max_size=40), st.floats(0.05, 2))
def test_it_grows_to_its_bound_and_no_further(chances: list[float], base: float) -> None:
    brake = Brake(10)
    now, last = 0.0, 0.0
    for number, chance in enumerate(chances):
        brake.goes(number)
        brake.refused(number, now, base=base, chance=chance)
        stop = brake.ready_at(now) - now
        plain = min(10, base * 2**number)
        assert plain * 0.999 <= stop <= plain * 1.5 + 1e-9
        assert plain >= last
        last = plain
        now += stop
