from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_traffic_async.errors import RequestFailed
from sms_traffic_async.protocols.http_v2.reports.pages import Pages, Window
from sms_traffic_async.protocols.http_v2.reports.query import PAGE, REACH
from sms_traffic_async.protocols.http_v2.reports.wire import Page

START = datetime(2025, 1, 1, tzinfo=UTC)
Row = tuple[str, ...]
Table = list[tuple[datetime, Row]]


def table_of(moments: list[float]) -> Table:
    """Rows (id, text) at these seconds after START, in time order as a platform would list them."""
    ordered = sorted(moments)
    return [(START + timedelta(seconds=at), (f"id{number}", f"t{at}")) for number, at in enumerate(ordered)]


def answer(table: Table, window: Window, offset: int) -> Page:
    chosen = [row for at, row in table if (window.since is None or at >= window.since) and at <= window.until]
    return Page(count=len(chosen), rows=tuple(chosen[offset : offset + PAGE]))


def read(
    table: Table,
    since: datetime | None,
    until: datetime,
    *,
    jobs: int = 10_000,
    change: Callable[[int, Table], Table] | None = None,
) -> tuple[list[Row], int]:
    pages, rows, asked = Pages(since, until, id_at=0), list[Row](), 0
    while pages.window is not None:
        asked += 1
        assert asked <= jobs
        now = table if change is None else change(asked, table)
        rows += pages.take(answer(now, pages.window, pages.offset))
    assert pages.total == len(rows)
    return rows, asked


@pytest.mark.parametrize("count, jobs", [(0, 1), (1, 1), (PAGE, 1), (PAGE + 1, 2), (REACH, 2)])
def test_within_reach_there_is_no_cut(count: int, jobs: int) -> None:
    table = table_of([float(number) for number in range(count)])
    rows, asked = read(table, START, START + timedelta(days=1))
    assert rows == [row for _, row in table]
    assert asked == jobs


def test_past_reach_the_window_is_halved_and_shared_moments_come_once() -> None:
    # Rows at every whole second: each cut falls on some of them.
    table = table_of([float(number // 3) for number in range(9000)])
    rows, asked = read(table, START, START + timedelta(seconds=2999))
    assert rows == [row for _, row in table]
    assert asked < 40


def test_without_a_beginning() -> None:
    now = START + timedelta(days=4000)
    chance = random.Random(5)
    table = table_of([chance.random() * 86400 * 4000 for _ in range(3000)])
    table += [(now - timedelta(seconds=number), (f"new{number}", "t")) for number in range(5000, 0, -1)]
    rows, asked = read(table, None, now)
    assert rows == [row for _, row in table]
    assert asked < 60


def test_a_platform_that_ignores_to_is_not_asked_for_ever() -> None:
    pages = Pages(None, START, id_at=0)
    full = Page(count=REACH + 1, rows=tuple((f"{number}",) for number in range(PAGE)))
    asked = 0
    with pytest.raises(RequestFailed, match="format='csv'"):
        while pages.window is not None:
            asked += 1
            pages.take(full)
    assert asked < 20


def test_more_than_reach_in_one_second() -> None:
    table = table_of([10.0] * (REACH + 1))
    with pytest.raises(RequestFailed, match="format='csv'"):
        read(table, START, START + timedelta(minutes=1))


def test_parts_that_share_an_id_are_all_kept() -> None:
    table: Table = [(START, ("one", f"part {number}")) for number in range(3)]
    rows, _ = read(table, START, START + timedelta(days=1))
    assert len(rows) == 3


def test_parts_over_the_edge_of_a_page_are_all_kept() -> None:
    moments = [float(number // 2) for number in range(1501)]
    table: Table = [(START + timedelta(seconds=at), (f"id{int(at) + 1}", f"part {n}")) for n, at in enumerate(moments)]
    # Row 999 and row 1000 would be parts of one message if the first row stood alone.
    table.insert(0, (START, ("id0", "alone")))
    rows, asked = read(table, START, START + timedelta(hours=1))
    assert sorted(rows) == sorted(row for _, row in table)
    assert asked > 2


def test_parts_over_the_edge_of_a_page_in_one_second() -> None:
    table: Table = [(START, (f"id{number // 2}", f"part {number}")) for number in range(-1, 1500)]
    rows, _ = read(table, START, START)
    assert rows == [row for _, row in table]


def test_change_between_two_pages_leads_to_windows_of_one_job() -> None:
    table = table_of([float(number) for number in range(1800)])

    def one_leaves(asked: int, rows: Table) -> Table:
        return rows if asked == 1 else [row for row in rows if row[1][0] != "id3"]

    rows, _ = read(table, START, START + timedelta(hours=1), change=one_leaves)
    assert rows == [row for _, row in one_leaves(2, table)]


def test_exchange_between_two_pages_is_seen_by_its_ids() -> None:
    table = table_of([float(number) for number in range(1800)])

    def one_comes_one_goes(asked: int, rows: Table) -> Table:
        late = [(START, ("early bird", "t")), *rows[:-1]]
        return rows if asked == 1 else late

    rows, _ = read(table, START, START + timedelta(hours=1), change=one_comes_one_goes)
    assert rows == [row for _, row in one_comes_one_goes(2, table)]


@pytest.mark.parametrize("count, given", [(5, 4), (1500, 50), (3000, 50)])
def test_missing_rows_are_an_error(count: int, given: int) -> None:
    pages = Pages(START, START + timedelta(days=1), id_at=0)
    with pytest.raises(RequestFailed, match=f"{given} rows where {count} are counted"):
        pages.take(Page(count=count, rows=tuple((f"{number}",) for number in range(given))))


def test_missing_rows_of_the_second_page_are_an_error() -> None:
    pages = Pages(START, START + timedelta(days=1), id_at=0)
    pages.take(Page(count=1500, rows=tuple((f"{number}",) for number in range(1000))))
    assert pages.offset == PAGE
    with pytest.raises(RequestFailed, match="does not add up"):
        pages.take(Page(count=1500, rows=tuple((f"{number}",) for number in range(1000, 1499))))


def test_rows_without_an_id_are_kept() -> None:
    pages = Pages(START, START + timedelta(days=1), id_at=3)
    assert pages.take(Page(count=2, rows=(("a",), ("b", "", "", "")))) == [("a",), ("b", "", "", "")]


@settings(max_examples=25, deadline=None)
@given(
    centres=st.lists(st.tuples(st.integers(0, 40_000), st.integers(1, 1900)), min_size=1, max_size=5),
    span=st.integers(1, 4000),
    open_ended=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_nothing_is_lost_and_nothing_comes_twice(
    centres: list[tuple[int, int]], span: int, open_ended: bool, seed: int
) -> None:
    chance = random.Random(seed)
    moments = [at + chance.random() * span * 60 for at, count in centres for _ in range(count)]
    table = table_of(moments)
    until = table[-1][0] + timedelta(seconds=chance.randint(0, 3))
    rows, _ = read(table, None if open_ended else START, until)
    assert rows == [row for _, row in table]
