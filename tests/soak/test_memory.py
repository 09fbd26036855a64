"""The memory's verdict: a real run passes, the same run with a leak does not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.soak.memory import MOST_IN_USE_GROWTH, in_use
from tests.soak.run_soak import Sample, memory_of

EVERY, RATE = 5.0, 200.0
"""Seconds between the samples, and messages a second, of the run below."""
IN_USE = (
    28.23, 28.29, 28.16, 28.59, 28.55, 29.41, 29.49, 29.59, 29.69, 29.46, 29.59, 29.52, 29.60, 29.93, 30.01, 30.57,
    30.22, 30.39, 29.44, 29.86, 30.44, 30.68, 30.00, 30.51, 30.66, 30.41, 30.51, 29.64, 29.80, 29.95, 30.04, 30.19,
    30.68, 30.45, 30.58, 30.83, 30.48, 29.96, 30.08, 30.19, 30.36, 30.59, 30.64, 30.45, 30.53, 30.32, 30.45, 30.18,
    30.42, 30.52, 30.65, 30.85, 30.87, 30.98, 30.88, 29.94, 30.05, 30.43, 30.02, 30.28, 30.42, 30.76, 30.63, 29.69,
    30.10, 29.98, 30.50, 30.79, 31.80, 30.51, 30.66, 31.29, 30.54, 29.89, 29.67, 29.84, 30.05, 30.45, 30.26, 30.39,
    30.51, 31.06, 30.24, 30.28, 30.39, 30.48, 30.69, 30.78, 32.01, 30.79, 31.60, 31.99, 30.47, 30.37, 30.19, 30.33,
    31.96, 31.97, 31.74, 31.54, 30.64, 30.76, 30.91, 30.29, 31.43, 30.95, 30.99, 31.06, 31.26, 30.04, 31.19, 30.74,
    33.02, 34.19, 32.55, 31.78, 31.85, 31.62, 30.73, 30.87,
)  # fmt: skip
"""Ten minutes of ``nox -s soak``, on a machine that was busy with other things: MB without the receipts seen."""
RESIDENT = (
    (0, 43.8), (1, 44.2), (3, 44.5), (4, 44.9), (5, 45.7), (6, 46.1), (7, 46.3), (8, 46.4), (9, 47.3), (11, 47.4),
    (13, 47.7), (15, 47.9), (16, 48.0), (17, 48.5), (18, 49.0), (22, 49.5), (23, 49.8), (27, 50.3), (32, 50.4), (36,
    50.7), (45, 51.2), (54, 52.3), (55, 51.5), (72, 52.6), (73, 52.7), (82, 52.8), (91, 54.4), (92, 55.2), (109,
    53.3), (113, 53.9), (114, 54.3), (115, 54.4), (118, 54.8),
)  # fmt: skip
"""The resident size of the same run: from which sample on, MB."""


def run(*, leak: float = 0.0, mapped: float = 0.0) -> list[Sample]:
    """The run.

    Args:
        leak: bytes that every message leaves behind.
        mapped: MB a minute of what neither allocator knows.
    """
    resident = [next(size for first, size in reversed(RESIDENT) if first <= place) for place in range(len(IN_USE))]
    found = []
    for place, (used, size) in enumerate(zip(IN_USE, resident, strict=True), 1):
        leaked = leak * RATE * EVERY * place / 1e6
        found.append(
            Sample(
                seconds=EVERY * place,
                sent=int(RATE * EVERY * place),
                open=0,
                receipts=0,
                reconnects=0,
                megabytes=used + leaked,
                resident=size + leaked + mapped * EVERY * place / 60,
                tasks=2,
                descriptors=11,
                worst_ms=0.0,
            )
        )
    return found


def test_a_high_water_mark_is_no_leak() -> None:
    found = memory_of(run())
    assert found["flat"]
    assert found["resident_mb_per_minute"] > 0.5, "which was what failed"


@pytest.mark.parametrize("minutes", [10, 8])
def test_a_leak_of_a_kilobyte_in_a_hundred_messages_is_seen(minutes: int) -> None:
    samples = run(leak=10.0)[: round(minutes * 60 / EVERY)]
    found = memory_of(samples)
    assert not found["flat"]
    assert found["growth_mb_per_minute"] > 1.2 * MOST_IN_USE_GROWTH


def test_a_leak_that_no_allocator_knows_is_seen_in_the_resident_size() -> None:
    assert not memory_of(run(mapped=1.0))["flat"]


def test_a_run_shorter_than_the_warm_up_is_judged_by_all_of_it() -> None:
    assert not memory_of(run()[:24])["flat"]


def grown(kept: Sequence[object], before: float) -> float:
    assert kept
    return in_use() - before


def test_in_use_is_what_lives() -> None:
    """Small objects are Python's own business, larger ones come from malloc, very large ones are mapped."""
    for made, megabytes in (
        (lambda: [object() for _ in range(200_000)], 200_000 * (16 + 8) / 1e6),
        (lambda: [bytes(1_000) for _ in range(5_000)], 5_000 * 1_033 / 1e6),
        (lambda: [bytes(50_000_000)], 50.0),
    ):
        before = in_use()
        assert grown(made(), before) == pytest.approx(megabytes, rel=0.2)
        assert in_use() - before < 0.3
