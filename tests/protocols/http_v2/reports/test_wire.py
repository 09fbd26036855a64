from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_traffic_async.protocols.http_v2.fields import Damaged
from sms_traffic_async.protocols.http_v2.models import Fault
from sms_traffic_async.protocols.http_v2.reports.wire import (
    Page,
    decode_created,
    decode_fault,
    decode_page,
)

ID = "16e15fec1d27803e18511793b5bf699e"


@pytest.mark.parametrize(
    "body, expected",
    [
        # Document, "Пример ответа" of POST /v2/report.
        (
            b'{\n  "code": 0,\n  "description": "",\n  "reportId": "16e15fec1d27803e18511793b5bf699e"\n}',
            ID,
        ),
        (b'{"code":0,"description":"","report_id":"16e15fec1d27803e18511793b5bf699e"}', ID),
        (b'{"success":true,"reportId":"16e15fec1d27803e18511793b5bf699e","new":[1]}', ID),
        (
            b'{"code":"0","reportId":123456789012345678901234567890}',
            "123456789012345678901234567890",
        ),
        (b'{"code":1000,"description":"Temporary error"}', Fault(code=1000, message="Temporary error")),
        (b'{"code":"403","description":"no"}', Fault(code=403, message="no")),
        (
            b'{"success":false,"error":{"code":403,"message":"Access denied"}}',
            Fault(code=403, message="Access denied"),
        ),
        (
            b'{"success":false,"error":{"code":403,"description":"Access denied"}}',
            Fault(code=403, message="Access denied"),
        ),
        (b'{"success":false}', None),
        (b'{"code":1,"description":null}', Fault(code=1)),
        (b'{"code":0}', None),
        (b'{"code":0,"reportId":""}', None),
        (b'{"code":0,"reportId":"../account"}', None),
        (b'{"code":0,"reportId":"a b"}', None),
        (b'{"code":0,"reportId":["x"]}', None),
        (b'{"code":0,"reportId":"' + b"a" * 129 + b'"}', None),
        (b"[]", None),
        (b"", None),
        (b"<html>", None),
        (b'{"code":NaN}', None),
        (b"[" * 100_000, None),
        (b'{"a":' * 100_000, None),
    ],
)
def test_created(body: bytes, expected: str | Fault | None) -> None:
    if expected is None:
        with pytest.raises(Damaged):
            decode_created(body)
        assert decode_fault(body) is None
    else:
        assert decode_created(body) == expected
        assert decode_fault(body) == (expected if isinstance(expected, Fault) else None)


def test_gone() -> None:
    # Document, "Пример ответа (если отчет более недоступен)"; compact on the wire (field notes, R4).
    body = b'{"code":1,"description":"Report 16e15fec1d27803e18511793b5bf699e not found"}'
    assert len(body) == 76
    assert decode_fault(body) == Fault(code=1, message=f"Report {ID} not found")
    assert decode_fault(b'{"code":0}') is None
    assert decode_fault(b"1;2;3") is None


CELLS = ("12345", "2021-01-01T00:00:00+03:00", "hello world", "Delivered")


@pytest.mark.parametrize(
    "body",
    [
        b'{"count":1,"messages":[["12345","2021-01-01T00:00:00+03:00","hello world","Delivered"]]}',
        # Document, "Пример ответа (с отчётом в формате JSON)": not JSON (field notes, R3).
        b'{"count":1,"messages":[[{"12345"}, {"2021-01-01T00:00:00+03:00"}, {"hello world"}, {"Delivered"}]]}',
        b'{"count":1,"messages":[[{"12345"},{"2021-01-01T00:00:00+03:00"},{"hello world"},{"Delivered"}]]}',
        b'\xef\xbb\xbf{"messages":[[12345,"2021-01-01T00:00:00+03:00","hello world","Delivered"]],"count":"1","n":{}}',
    ],
)
def test_page_forms(body: bytes) -> None:
    assert decode_page(body, 4) == Page(count=1, rows=(CELLS,))


def test_prose_form() -> None:
    assert decode_page(b'{"count":1,"messages":[["1","2"]]}', 2) == Page(count=1, rows=(("1", "2"),))


def test_cells_keep_digits_and_may_be_null() -> None:
    body = b'{"count":2,"messages":[[1046379029789147161000001046379029789147,2.50,null,true],["a","b","c","d","e"]]}'
    assert decode_page(body, 4) == Page(
        count=2,
        rows=(("1046379029789147161000001046379029789147", "2.50", "", "true"), ("a", "b", "c", "d", "e")),
    )


def test_salvage_leaves_texts_alone() -> None:
    texts = ['{"x"}', '","', '{ "', '\\"{"y"}', "{'z'}", 'a{","}b']
    good = json.dumps(texts, ensure_ascii=False)
    body = f'{{"count":1,"messages":[{good[:-1]}, {{"last"}}]]}}'.encode()
    page = decode_page(body, len(texts) + 1)
    assert isinstance(page, Page)
    assert page.rows == ((*texts, "last"),)


@pytest.mark.parametrize("piece", ['"', '\\"', "{", '{"', '{ "', '{"a"', '{"a" ', "[", '[{"a"}', "\\", '""{'])
def test_no_body_takes_longer_than_its_length(piece: str) -> None:
    """At the limit of what is repaired; a second look at every quote would take hours."""
    for length in (500_000, 8_000_000):
        with pytest.raises(Damaged):
            decode_page((piece * length)[:length].encode(), 4)


def test_windows_1251_is_read() -> None:
    body = '{"count":1,"messages":[["Привет"]]}'.encode("windows-1251")
    assert decode_page(body, 1) == Page(count=1, rows=(("Привет",),))


@pytest.mark.parametrize(
    "body, expected",
    [
        (b'{"code":1,"description":"failed"}', Fault(code=1, message="failed")),
        (b'{"count":1}', None),
        (b'{"messages":[]}', None),
        (b'{"count":-1,"messages":[]}', None),
        (b'{"count":1.5,"messages":[]}', None),
        (b'{"count":1,"messages":{}}', None),
        (b'{"count":1,"messages":["a"]}', None),
        (b'{"count":1,"messages":[[["a"]]]}', None),
        (b'{"count":1,"messages":[[{"a":"b"}]]}', None),
        (b"12345;2021", None),
        (b'{"count":1,"messages":[["a"]', None),
    ],
)
def test_not_a_page(body: bytes, expected: Fault | None) -> None:
    if expected is None:
        with pytest.raises(Damaged) as caught:
            decode_page(body, 4)
        assert caught.value.__context__ is None
    else:
        assert decode_page(body, 4) == expected


def test_a_row_of_a_million_cells_is_cut() -> None:
    page = decode_page(b'{"count":1,"messages":[[' + b'"x",' * 100_000 + b'"x"]]}', 4)
    assert isinstance(page, Page)
    assert len(page.rows[0]) < 100


def test_values_show_no_cells() -> None:
    assert "secret" not in repr(Page(count=1, rows=(("secret",),)))


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["count", "messages", "code", "error", "success", "reportId", "description"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(answer=JSON, cut=st.integers(0, 3))
def test_any_json_is_read_or_none(answer: Any, cut: int) -> None:
    body = json.dumps(answer).encode()
    for data in (body, body[: len(body) - cut]):
        with suppress(Damaged):
            decode_created(data)
        decode_fault(data)
        with suppress(Damaged):
            page = decode_page(data, 3)
            assert isinstance(page, Fault) or all(isinstance(cell, str) for row in page.rows for cell in row)
