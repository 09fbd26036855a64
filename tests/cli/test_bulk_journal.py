"""The journal of ``bulk`` by itself: every way in which its writing can be cut off."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sms_traffic_async.cli.bulk_journal import TO_DO, Fate, Identity, Journal
from sms_traffic_async.cli.output import UsageError

ROWS = 9
IDENTITY = Identity(file="f", recipe="r", rows=ROWS, via="v2", labelled=True)
FACTS = {"message_ids": ["188"], "code": None, "parts": 1, "reason": None}


def fresh() -> bytearray:
    fates = bytearray(ROWS + 1)
    fates[4] = Fate.BAD
    return fates


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    journal = Journal.create(tmp_path / "journal", IDENTITY, fresh())
    journal.begin([1, 2, 3, 5])
    journal.end(2, Fate.ACCEPTED, FACTS)
    journal.end(1, Fate.REFUSED_FOR_NOW, FACTS | {"code": 415})
    journal.release([5])
    journal.begin([6])
    journal.end(6, Fate.NOT_SENT, FACTS)
    journal.begin([1, 7])
    journal.end(1, Fate.REJECTED, FACTS)
    journal.close()
    return journal.path


def test_it_is_read_as_it_was_written(whole: Path) -> None:
    journal = Journal.resume(whole, IDENTITY, fresh())
    assert list(map(Fate, journal.fates[1:])) == [
        Fate.REJECTED, Fate.ACCEPTED, Fate.UNKNOWN, Fate.BAD, Fate.UNTOUCHED, Fate.NOT_SENT, Fate.UNKNOWN,
        Fate.UNTOUCHED, Fate.UNTOUCHED,
    ]  # fmt: skip
    assert journal.facts(2)["message_ids"] == ["188"]
    assert journal.facts(3) == {}
    assert journal.counts()[Fate.UNTOUCHED] == 3
    assert journal.label(7) == f"{journal.id}-7"
    journal.begin([8])
    journal.close()
    again = Journal.resume(whole, IDENTITY, fresh())
    assert again.fates[8] == Fate.UNKNOWN
    again.close()


def test_cut_off_at_every_byte_no_row_that_may_have_gone_out_is_to_do(whole: Path, tmp_path: Path) -> None:
    content = whole.read_bytes()
    begun_by = {
        row: content.index(line) + len(line)
        for row, line in (
            (1, b'{"begin":[[1,3],[5,5]]}\n'),
            (3, b'{"begin":[[1,3],[5,5]]}\n'),
            (7, b"[[1,1],[7,7]]}\n"),
        )
    }
    accepted_by = content.index(b'{"row":2')
    for length in range(len(content) + 1):
        path = tmp_path / "cut"
        path.write_bytes(content[:length])
        journal = Journal.resume(path, IDENTITY, fresh())
        if length >= begun_by[3]:
            assert journal.fates[3] == Fate.UNKNOWN
        if length >= begun_by[7]:
            assert journal.fates[7] == Fate.UNKNOWN
        if length >= accepted_by:
            assert journal.fates[2] in {Fate.UNKNOWN, Fate.ACCEPTED}
        if content[length - 1 : length + 1] not in {b"\n{", b"}\n"} and length % 53:
            journal.close()
            path.unlink()
            continue
        journal.begin([9])  # and it can be gone on with
        journal.close()
        again = Journal.resume(path, IDENTITY, fresh())
        assert again.fates[9] == Fate.UNKNOWN
        assert again.id == journal.id
        again.close()
        path.unlink()


def test_a_row_is_on_the_disk_as_begun_before_begin_returns(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "journal", IDENTITY, fresh())
    journal.begin([1, 2])
    assert b'{"begin":[[1,2]]}\n' in journal.path.read_bytes()
    assert journal.fates[1] not in TO_DO
    journal.close()


@pytest.mark.parametrize(
    "spoil,said",
    [
        (lambda content: content.replace(b'"begin"', b'"begun"', 1), "line 2: is no line of a journal"),
        (lambda content: content.replace(b"[1,3]", b"[1,30]", 1), "line 2: is no line"),
        (lambda content: content.replace(b'"accepted"', b'"excepted"', 1), "line 3: is no line"),
        (lambda content: content.replace(b'"bulk":1', b'"bulk":2', 1), "another version"),
        (lambda content: content.replace(b'"file":"f"', b'"file":"g"', 1), "is not the one"),
        (lambda _: b"my diary\n", "line 1: is no line"),
        (lambda _: b"my diary", "line 1: is no line"),
    ],
)
def test_what_is_no_journal_of_this_sending_is_left_as_it_is(
    whole: Path, spoil: Callable[[bytes], bytes], said: str
) -> None:
    content = spoil(whole.read_bytes())
    whole.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        Journal.resume(whole, IDENTITY, fresh())
    assert whole.read_bytes() == content


def test_there_is_one_at_a_time(whole: Path, tmp_path: Path) -> None:
    journal = Journal.resume(whole, IDENTITY, fresh())
    with pytest.raises(UsageError, match="another process"):
        Journal.resume(whole, IDENTITY, fresh())
    journal.close()
    Journal.resume(whole, IDENTITY, fresh()).close()
    with pytest.raises(UsageError, match="--resume goes on"):
        Journal.create(whole, IDENTITY, fresh())
    with pytest.raises(UsageError, match="is not there"):
        Journal.resume(tmp_path / "none", IDENTITY, fresh())
