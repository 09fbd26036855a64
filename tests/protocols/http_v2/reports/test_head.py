from __future__ import annotations

from typing import Any

import pytest

from sms_traffic_async.protocols.http_v2.reports.head import DownloadHead, read_head


def head(status: int = 200, *, compressed: bool = False, form: Any = "csv", **headers: str) -> DownloadHead:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_head(status, named, compressed=compressed, form=form)


def test_the_documents_example() -> None:
    said = head(
        content_disposition='attachment; filename="16e15fec1d27803e18511793b5bf699e.csv"',
        accept_ranges="bytes",
        content_type="text/csv",
        content_length="53",
    )
    assert said == DownloadHead(status=200, is_report=True, start=0, total=53, tag=None, ranges=True)


@pytest.mark.parametrize(
    "status, media, form, report",
    [
        (200, "text/csv", "csv", True),
        (200, "", "csv", True),
        (200, "application/octet-stream", "zip", True),
        (206, "text/csv", "csv", True),
        (200, "text/html", "csv", False),
        (200, "Text/HTML; charset=utf-8", "json", False),
        (200, "application/json", "csv", False),
        (200, "application/json; charset=utf-8", "zip", False),
        (200, "application/json", "json", True),
        (201, "text/csv", "csv", False),
        (204, "", "csv", False),
        (404, "text/csv", "csv", False),
    ],
)
def test_what_is_a_report(status: int, media: str, form: str, report: bool) -> None:
    assert head(status, form=form, content_type=media).is_report is report


@pytest.mark.parametrize(
    "said, start, total",
    [
        ("bytes 50-99/100", 50, 100),
        ("bytes 50-99/*", 50, None),
        ("bytes */100", None, 100),
        (" bytes 0-0/1 ", 0, 1),
        ("", None, None),
        ("items 1-2/3", None, None),
        ("bytes 1-2", None, None),
        ("bytes -5/10", None, None),
        ("bytes ٣-٤/٥", None, None),
        (f"bytes {'9' * 5000}-1/{'9' * 5000}", None, None),
    ],
)
def test_content_range(said: str, start: int | None, total: int | None) -> None:
    found = head(206, content_range=said, content_length="7")
    assert (found.start, found.total) == (start, total)


def test_bytes_of_a_compressed_answer_are_not_the_reports() -> None:
    whole = head(compressed=True, content_length="10", accept_ranges="bytes")
    assert (whole.start, whole.total, whole.ranges) == (0, None, False)
    part = head(206, compressed=True, content_range="bytes 5-9/10")
    assert (part.start, part.total) == (None, None)


@pytest.mark.parametrize("length", ["", "x", "-1", "1.5", "9" * 5000])
def test_length_that_is_none(length: str) -> None:
    assert head(content_length=length).total is None


def test_ranges() -> None:
    assert head().ranges
    assert head(accept_ranges="bytes").ranges
    assert not head(accept_ranges=" None ").ranges


def test_differs_only_where_both_speak() -> None:
    assert not head().differs(head(content_length="5", etag='"a"'))
    assert not head(content_length="5").differs(head(content_length="5", etag='"a"'))
    assert head(content_length="5").differs(head(content_length="6"))
    assert head(content_length="5", etag='"a"').differs(head(content_length="5", etag='"b"'))
    assert not head(etag='W/"a"').differs(head(etag='"b"'))
