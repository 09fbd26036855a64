"""What a report holds: rows in the order asked for, as CSV, zip or JSON.

CSV: ``;`` between cells, no header, quotes only where needed, no line end after
the last row (the document's sample is 53 bytes). JSON: ``{"count", "messages"}``
with every cell a string.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

import orjson

from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.sandbox.life import FINAL
from sms_traffic_async.sandbox.store import StoredMessage
from sms_traffic_async.sandbox.switches import Switches
from sms_traffic_async.text import segment

__all__ = (
    "DEFAULT_FIELDS",
    "FIELDS",
    "Blob",
    "Content",
    "Synthetic",
    "render_csv",
    "render_json",
    "render_zip",
    "rows_of",
)

CHUNK = 256 * 1024


def _date(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(int(at), MOSCOW).isoformat()


_CELLS: dict[str, Callable[[StoredMessage], str]] = {
    "id": lambda message: message.id,
    "subscriber": lambda message: message.to,
    "message": lambda message: message.text,
    "submission_date": lambda message: _date(message.submitted_at),
    "send_date": lambda message: _date(message.sent_at),
    "delivery_date": lambda message: _date(message.status_at) if message.status in FINAL else "",
    "read_date": lambda message: _date(message.read_at),
    "channel": lambda message: message.channel,
    "status": lambda message: message.status,
    "cost": lambda message: str(message.cost),
    "originator": lambda message: message.originator,
    "ip": lambda message: message.ip,
    "error": lambda message: str(message.error) if message.error else "",
    "parts": lambda message: str(message.parts),
    "operator_name": lambda message: message.operator.name,
    "country_name": lambda message: message.operator.country,
    "batch_name": lambda message: message.batch_name,
    "department_name": lambda message: message.department,
}
FIELDS = frozenset(_CELLS)
DEFAULT_FIELDS = (
    "id",
    "subscriber",
    "message",
    "submission_date",
    "send_date",
    "delivery_date",
    "status",
    "originator",
)


def rows_of(messages: Iterable[StoredMessage], fields: Sequence[str], switches: Switches) -> list[list[str]]:
    """The cells of each message, or of each of its parts (switch ``report_rows``)."""
    cells = [_CELLS[field] for field in fields]
    if switches.report_rows == "message":
        return [[cell(message) for cell in cells] for message in messages]
    rows: list[list[str]] = []
    for message in messages:
        rows += _part_rows(message, fields, [cell(message) for cell in cells])
    return rows


def _part_rows(message: StoredMessage, fields: Sequence[str], row: list[str]) -> list[list[str]]:
    if message.parts == 1:
        return [row]
    texts = segment(message.text).texts
    rows: list[list[str]] = []
    for number in range(message.parts):
        # A v2 message has one id; its further parts get longer ones, which no look-up knows.
        own = {
            "id": message.part_ids[number] if message.part_ids else message.id + (f"{number:02d}" if number else ""),
            "message": texts[number] if number < len(texts) else "",
            "cost": str(message.cost / message.parts),
        }
        rows.append([own.get(field, cell) for field, cell in zip(fields, row, strict=True)])
    return rows


def render_csv(rows: Iterable[Sequence[str]], charset: str) -> bytes:
    """A CSV file without a header."""
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\n").writerows(rows)
    return text.getvalue().removesuffix("\n").encode(charset, "replace")


def render_zip(body: bytes, name: str) -> bytes:
    """A CSV file in a zip archive of one member."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, body)
    return packed.getvalue()


def render_json(rows: Sequence[Sequence[str]], count: int, *, document_cells: bool) -> bytes:
    """A page of rows. ``document_cells`` prints each as ``{"x"}``, as the document does; that is not JSON."""
    if not document_cells:
        return orjson.dumps({"count": count, "messages": rows})
    cells = b",".join(b"[" + b",".join(b"{" + orjson.dumps(cell) + b"}" for cell in row) + b"]" for row in rows)
    return b'{"count":%d,"messages":[%b]}' % (count, cells)


class Content(Protocol):
    """A finished report that can be read from any byte on."""

    @property
    def length(self) -> int:
        """In bytes."""
        ...

    def chunks(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop``, piece by piece."""
        ...


class Blob:
    """A report held in memory."""

    __slots__ = ("_body",)

    def __init__(self, body: bytes) -> None:
        self._body = body

    @property
    def length(self) -> int:
        """In bytes."""
        return len(self._body)

    def chunks(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop``, piece by piece."""
        view = memoryview(self._body)
        for at in range(start, stop, CHUNK):
            yield bytes(view[at : min(at + CHUNK, stop)])


_BLOCK_ROWS = 1_000
_MARK = b"#########"


class Synthetic:
    """A CSV of any length that is made as it is read: rows of one size, each with an id of its own.

    Columns are the document's default fields.
    """

    __slots__ = ("_block", "_rows")

    ROW = (
        b"1046000%b%03d;7916%07d;Your code 123456; do not tell it;"
        b"2025-12-18T12:00:00+03:00;2025-12-18T12:00:01+03:00;2025-12-18T12:00:03+03:00;Delivered;SMSTraffic\n"
    ).replace(b"Your code 123456; do not tell it", b'"Your code 123456; do not tell it"')

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._block = b"".join(self.ROW % (_MARK, number, number * 9973) for number in range(_BLOCK_ROWS))

    @property
    def row_length(self) -> int:
        """Bytes of a row, its line end included."""
        return len(self._block) // _BLOCK_ROWS

    @property
    def length(self) -> int:
        """In bytes; the last row has no line end."""
        return max(0, self._rows * self.row_length - 1)

    def chunks(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop``, a thousand rows at a time."""
        size = len(self._block)
        at = start
        while at < stop:
            number, skip = divmod(at, size)
            block = self._block.replace(_MARK, b"%09d" % number)[skip : skip + stop - at]
            at += len(block)
            yield block
