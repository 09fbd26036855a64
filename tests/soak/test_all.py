"""The soak of all protocols, short, on a virtual loop: that it counts what there is, and that its verdicts can fail."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sms_traffic_async import Outbox
from sms_traffic_async.errors import Outcome
from sms_traffic_async.outbox.store import State
from tests.soak.run_all import RATES, Sample, WholeSoak, session, telemetry
from tests.soak.whole_platform import WholePlatform, whole_platform
from tests.soak.whole_verdict import Journal, OutboxRow, number_of, steady, verdict
from tests.support.virtual_loop import VirtualClock, virtual

FALSE = (
    "lost", "duplicates", "false_refusals", "missing", "ends_missing", "ends_twice", "inbound_missing", "inbound_twice",
)  # fmt: skip


@contextlib.asynccontextmanager
async def soaking(folder: Path, minutes: float, share: float) -> AsyncIterator[tuple[WholeSoak, WholePlatform]]:
    hooks, _, reader = telemetry()
    clock = VirtualClock(seed=1)
    start = datetime.fromtimestamp(clock.wall(), UTC)
    async with whole_platform(tls=False, smpp_tls_ports=None, start=start) as platform:
        journal = Journal(folder / "journal.txt")
        async with (
            Outbox(folder / "outbox.db", hooks=hooks, clock=clock) as outbox,
            session(platform.told, folder, hooks, clock=clock) as sms,
        ):
            rates = {via: rate * share for via, rate in RATES.items()}
            yield WholeSoak(sms, outbox, platform, journal, minutes, rates=rates, every=1.0), platform
    assert reader.get_metrics_data() is not None


@virtual
@pytest.mark.usefixtures("no_tasks_left")
async def test_every_protocol_is_held_against_the_platform(tmp_path: Path) -> None:
    async with soaking(tmp_path, 0.15, 0.2) as (run, platform):
        await run.run()
        row = verdict(run.journal, await run.rows(), platform.reckoning())
    assert row["true"], {name: row[name] for name in (*FALSE, "false")}
    handed_in = {via: sum(counts.values()) for via, counts in row["by_protocol"].items()}
    assert handed_in == pytest.approx({via: rate * 0.2 * 9 for via, rate in RATES.items()}, abs=1)
    assert row["messages"] == sum(handed_in.values()) == len(run.journal.outcome)
    assert row["outbox"] == {"final": handed_in["outbox"]}
    assert row["inbound"] == 4
    assert row["faults"] > 10
    followed = (counts["accepted"] for via, counts in row["by_protocol"].items() if via != "smtp")  # a letter has no id
    assert row["ends"] == sum(followed)
    assert len(run.samples) >= 9
    assert {"tasks", "descriptors", "threads"} < run.growth().keys()


def reckoned(**changes: Any) -> dict[str, Any]:
    """What a platform says that took messages 0 to 4, each once, and had one from a subscriber."""
    accepted = Counter({number_of(index): 1 for index in range(5)})
    told = {"accepted": accepted, "by_protocol": {}, "faults": 0, "latest_faults": {}, "pushes": {}, "inbound": 1}
    return told | changes


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Of messages 0 to 4, all accepted and ended, and one that came."""
    kept = Journal(tmp_path / "journal.txt")
    for _ in range(5):
        index = kept.begin("v2")
        kept.accepted(index, [f"id-{index}"])
        kept.ended(f"id-{index}", "Delivered")
    kept.came("Ответ 0")
    return kept


def false_in(row: dict[str, Any]) -> dict[str, int]:
    assert row["true"] is not any(row[name] for name in FALSE)
    return {name: row[name] for name in FALSE if row[name]}


def test_what_is_true_is_called_so(journal: Journal) -> None:
    assert false_in(verdict(journal, [], reckoned())) == {}


def test_messages_that_the_platform_does_not_have_are_lost(journal: Journal) -> None:
    row = verdict(journal, [], reckoned(accepted={number_of(index): 1 for index in (0, 1, 2, 4)}))
    assert false_in(row) == {"lost": 1}
    assert row["false"] == ["v2 3"]


def test_messages_that_were_taken_twice_are_duplicates(journal: Journal) -> None:
    assert false_in(verdict(journal, [], reckoned(accepted=dict(reckoned()["accepted"], **{number_of(2): 2})))) == {
        "duplicates": 1
    }


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.NOT_SENT])
def test_what_was_refused_must_not_have_been_taken(outcome: Outcome, journal: Journal) -> None:
    journal.failed(4, outcome)
    assert false_in(verdict(journal, [], reckoned())) == {"false_refusals": 1}


def test_an_unknown_outcome_is_never_false_but_none_at_all_is(journal: Journal) -> None:
    journal.failed(4, Outcome.UNKNOWN)
    journal.begin("smtp")
    assert false_in(verdict(journal, [], reckoned())) == {"missing": 1}


def test_ends_are_told_once(journal: Journal) -> None:
    journal.ended("id-2", "Delivered")
    journal.accepted(journal.begin("v2"), ["id-5"])
    told = reckoned(accepted=Counter({number_of(index): 1 for index in range(6)}))
    assert false_in(verdict(journal, [], told)) == {"ends_missing": 1, "ends_twice": 1}


def test_subscribers_are_heard_once(journal: Journal) -> None:
    journal.came("Ответ 0")
    assert false_in(verdict(journal, [], reckoned(inbound=2))) == {"inbound_missing": 1, "inbound_twice": 1}


def test_both_parts_of_a_long_message_are_wanted(tmp_path: Path) -> None:
    kept = Journal(tmp_path / "journal.txt")
    kept.accepted(kept.begin("smpp"), ["id-0"])
    kept.ended("id-0", "Delivered")
    assert false_in(verdict(kept, [], reckoned(inbound=0))) == {"lost": 1}


def test_an_outbox_is_judged_by_its_rows(tmp_path: Path) -> None:
    kept = Journal(tmp_path / "journal.txt")
    for _ in range(5):
        kept.begin("outbox")
    states = (State.FINAL, State.ACCEPTED, State.REJECTED, State.PENDING)
    rows = [OutboxRow(index=index, state=state, message_ids=()) for index, state in enumerate(states)]
    row = verdict(kept, rows, reckoned(inbound=0))
    assert false_in(row) == {"false_refusals": 1, "missing": 2}  # one waits, and one is not there
    assert row["false"] == ["outbox 2", "outbox 3", "outbox 4"]


def sample(minute: float, *, tasks: int = 20, descriptors: int = 25, megabytes: float = 90.0) -> Sample:
    return Sample(
        seconds=minute * 60, sent=0, most_open=0, ends=0, inbound=0, megabytes=megabytes, resident=0.0, tasks=tasks,
        descriptors=descriptors, threads=4, worst_ms=0.0,
    )  # fmt: skip


@pytest.mark.parametrize("leaked,flat", [(0.0, True), (0.05, True), (0.3, False)])
def test_a_leak_shows_under_what_the_collector_has_not_come_to(leaked: float, flat: bool) -> None:
    """0.3 MB a minute are 64 bytes a message; between two collections the process grows by 13 MB."""
    nothing: Any = None  # only samples are judged
    run = WholeSoak(nothing, nothing, nothing, nothing, minutes=60)
    for half_minute in range(1, 122):
        minute = half_minute / 2
        run.samples.append(sample(minute, megabytes=80 + minute % 4 * 3.3 + leaked * minute))
    assert run.growth()["flat"] is flat


def test_more_tasks_for_a_moment_are_no_leak_and_ever_more_are() -> None:
    row = steady([sample(minute, tasks=60 if minute == 5 else 20) for minute in range(30)])
    assert row["tasks"] == {"least": 20, "most": 60, "drift": 0, "holds": True}
    row = steady([sample(minute, descriptors=20 + minute // 3) for minute in range(30)])
    assert row["descriptors"] == {"least": 20, "most": 29, "drift": 7, "holds": False}
