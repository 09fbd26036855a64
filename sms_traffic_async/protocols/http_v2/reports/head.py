"""What the head of a download says. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sms_traffic_async.protocols.http_v2.reports.query import ReportFormat

__all__ = ("OK", "PARTIAL", "DownloadHead", "read_head")

OK, PARTIAL = 200, 206

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)", re.ASCII)
_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadHead:
    """The head of an answer to ``GET /v2/report/{id}``.

    Attributes:
        status: the HTTP status.
        is_report: whether a report follows: not a proxy's page with status 200,
            and not an error where CSV was asked for.
        start: the first byte of what follows; None where it is not said.
        total: bytes of the whole report; None where it is not said.
        tag: its strong entity tag; a weak one does not speak of bytes (RFC 9110, 8.8.1).
        ranges: whether a part of it can be asked for.
    """

    status: int
    is_report: bool
    start: int | None
    total: int | None
    tag: str | None
    ranges: bool

    def differs(self, known: DownloadHead) -> bool:
        """Whether this is the head of another report, for all that both say."""
        said = ((self.total, known.total), (self.tag, known.tag))
        return any(new != old for new, old in said if new is not None and old is not None)


def read_head(status: int, headers: Mapping[str, str], *, compressed: bool, form: ReportFormat) -> DownloadHead:
    """Read a head.

    Args:
        status: the HTTP status.
        headers: looked up in lower case.
        compressed: the body is inflated on the way, so no number of bytes is the report's.
        form: the format that was asked for.
    """
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    foreign = media == "text/html" or (media == "application/json" and form != "json")
    start: int | None = 0
    total = _number(headers.get("content-length"))
    if status == PARTIAL:
        found = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
        start, total = (None, None) if found is None else (_number(found[1]), _number(found[2]))
    tag = headers.get("etag", "").strip()
    return DownloadHead(
        status=status,
        is_report=status in {OK, PARTIAL} and not foreign,
        start=None if compressed and status == PARTIAL else start,
        total=None if compressed else total,
        tag=tag if tag.startswith('"') else None,
        ranges=not compressed and headers.get("accept-ranges", "").strip().lower() != "none",
    )


def _number(digits: str | None) -> int | None:
    fits = digits is not None and digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX
    return int(digits) if digits is not None and fits else None
