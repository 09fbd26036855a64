from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_traffic_async.errors import RequestFailed
from sms_traffic_async.protocols.http_v2.reports.csv import PROOF, ROW_LIMIT, CsvRows

FIELDS = ("id", "submission_date", "message", "status")
# Document, "Пример ответа (с отчётом в формате CSV)": 53 bytes, no line end.
EXAMPLE = b"12345;2021-01-01T00:00:00+03:00;hello world;Delivered"


def read(data: bytes, fields: Sequence[str] = FIELDS, size: int = 1 << 20) -> list[tuple[str, ...]]:
    rows = CsvRows(fields)
    found: list[tuple[str, ...]] = []
    for at in range(0, len(data), size):
        found += rows.feed(data[at : at + size])
    return found + rows.close()


def written(rows: Iterable[Sequence[str]], quoting: int = csv.QUOTE_MINIMAL, end: str = "\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=";", quoting=quoting, lineterminator=end).writerows(rows)  # type: ignore[arg-type] # an int constant of the module
    return out.getvalue()


def test_the_documents_example() -> None:
    assert len(EXAMPLE) == 53
    expected = [("12345", "2021-01-01T00:00:00+03:00", "hello world", "Delivered")]
    assert read(EXAMPLE) == expected
    assert read(EXAMPLE + b"\n") == expected
    assert read(EXAMPLE + b"\r\n") == expected
    assert read(EXAMPLE + b"\r") == expected


def test_nothing() -> None:
    assert read(b"") == []
    assert read(b"\n\n\r\n") == []


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "windows-1251"])
def test_every_cut_gives_the_same_rows(charset: str, end: str) -> None:
    rows = [
        ("1", "d", "Ваш код 1234", "Delivered"),
        ("2", "d", 'он сказал: "да; нет"', "Read"),
        ("3", "d", "первая\nвторая;третья", "Expired"),
        ("4", "d", "", ""),
        ("5", "d", "ёЁ№«»", "Non Delivered"),
    ]
    data = written(rows, end=end).encode(charset)
    for size in range(1, len(data) + 1):
        assert read(data, size=size) == rows


def test_decision_for_utf8_waits_for_proof() -> None:
    # "Яё" in windows-1251 is one valid UTF-8 character: that alone decides nothing.
    start = "1;d;Яё;x\n".encode("windows-1251")
    assert start.decode() != ""
    rest = "2;d;Привет;x\n".encode("windows-1251")
    rows = CsvRows(FIELDS)
    rows.feed(start)
    assert rows.feed(rest) == [("2", "d", "Привет", "x")]
    proven = CsvRows(FIELDS)
    proven.feed(f"1;d;{'я' * PROOF};x\n".encode())
    assert proven.feed(b"2;d;\xd0\xbf\xff\xd1\x80;x\n") == [("2", "d", "п\ufffdр", "x")]


def test_ascii_decides_nothing() -> None:
    rows = CsvRows(FIELDS)
    for number in range(1000):
        rows.feed(b"%d;d;only ascii here;Delivered\n" % number)
    assert rows.feed("1;d;Привет;x\n".encode("windows-1251")) == [("1", "d", "Привет", "x")]


def test_text_cut_by_bytes_does_not_make_a_utf8_file_windows_1251() -> None:
    data = "1;d;Ваш код;x\n2;d;".encode() + "Привет".encode()[:-1] + b";x\n" + "3;d;Пока;x\n".encode()
    assert read(data) == [("1", "d", "Ваш код", "x"), ("2", "d", "Приве\ufffd", "x"), ("3", "d", "Пока", "x")]


def test_byte_order_mark_is_dropped_and_decides() -> None:
    data = b"\xef\xbb\xbf1;d;\xcf\xf0;x\n"
    assert read(data) == [("1", "d", "\ufffd\ufffd", "x")]


def test_undefined_byte_of_windows_1251_does_not_raise() -> None:
    assert read("1;d;Привет".encode("windows-1251") + b"\x98;x") == [("1", "d", "Привет\ufffd", "x")]


@pytest.mark.parametrize(
    "line, expected",
    [
        # No quoting at all on the platform's side: a quote is a letter, a separator too many is the text's.
        ('1;d;"Вася" купил;x', ("1", "d", '"Вася" купил', "x")),
        ('1;d;сказал "да";x', ("1", "d", 'сказал "да"', "x")),
        ('1;d;"не закрыто;x', ("1", "d", '"не закрыто', "x")),
        ("1;d;a;b;c;x", ("1", "d", "a;b;c", "x")),
        ('1;d;"a;b;c;x', ("1", "d", '"a;b;c', "x")),
        ('1;d;"a"b;c";x', ("1", "d", '"a"b;c"', "x")),
        ("1;d;a\rb;x", ("1", "d", "a\rb", "x")),
        ('1;d;"q"\rb;x', ("1", "d", '"q"\rb', "x")),
        ("1;d", ("1", "d")),
        ('1;"d"', ("1", "d")),
    ],
)
def test_text_that_was_never_quoted(line: str, expected: tuple[str, ...]) -> None:
    before, after = ("0", "d", "t", "x"), ("9", "d", 'q"', "x")
    data = f'0;d;t;x\n{line}\n9;d;"q""";x\n'.encode()
    for size in (1, 7, 1000):
        assert read(data, size=size) == [before, expected, after]


def test_extra_separators_stay_where_there_is_no_message() -> None:
    assert read(b"1;2;3\n", ("id", "status")) == [("1", "2", "3")]


def test_one_cell_wide() -> None:
    assert read(b'a\n\n"b"\n', ("batch_name",)) == [("a",), ("",), ("b",)]
    assert read(b"a\n\nb\n", ("batch_name",)) == [("a",), ("",), ("b",)]


def test_quote_that_never_closes_is_a_letter_and_costs_no_more_than_the_limit() -> None:
    filler = b"2;d;" + b"t" * 1000 + b";x\n"
    rows = CsvRows(FIELDS)
    found = rows.feed(b'1;d;"open;x\n')
    assert found == []
    fed = 0
    while not found:
        found = rows.feed(filler)
        fed += len(filler)
        assert fed <= 2 * ROW_LIMIT
    assert found[0] == ("1", "d", '"open', "x")
    assert len(found) == 1 + fed // len(filler)
    assert all(row[0] == "2" and len(row) == 4 for row in found[1:])


def test_many_stray_quotes() -> None:
    line = '%d;d;"stray;Delivered\n'
    data = "".join(line % number for number in range(3000)).encode()
    assert read(data, size=10_000) == [(str(number), "d", '"stray', "Delivered") for number in range(3000)]


def test_line_without_an_end_is_refused() -> None:
    rows = CsvRows(FIELDS)
    with pytest.raises(RequestFailed, match="not a CSV report"):
        for _ in range(ROW_LIMIT // 1000 + 2):
            rows.feed(b"x" * 1000)


def test_field_past_the_parsers_own_limit_is_still_a_row() -> None:
    text = "y" * (csv.field_size_limit() + 10)
    assert read(f'1;d;"{text}";x\n'.encode()) == [("1", "d", f'"{text}"', "x")]


CELL = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters="\r\x00", exclude_categories=["Cs"]), max_size=12
)


@settings(max_examples=150, deadline=None)
@given(
    table=st.lists(st.tuples(CELL, CELL, CELL), max_size=8),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    size=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_what_a_csv_writer_wrote_is_read_back(
    table: list[tuple[str, str, str]], quoting: int, size: int, seed: int
) -> None:
    data = b"\xef\xbb\xbf" + written(table, quoting).encode()
    assert read(data, ("id", "message", "status"), size) == table
    chance = random.Random(seed)
    rows, found, at = CsvRows(("id", "message", "status")), [], 0
    while at < len(data):
        step = chance.randint(1, 60)
        found += rows.feed(data[at : at + step])
        at += step
    assert found + rows.close() == table


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200), size=st.integers(1, 50))
def test_garbage_never_raises(data: bytes, size: int) -> None:
    for row in read(data, size=size):
        assert all(isinstance(cell, str) for cell in row)
