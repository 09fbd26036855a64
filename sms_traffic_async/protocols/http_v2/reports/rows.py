"""One row of a report: the cells as they came, and each of the 18 fields read on demand.

Document, "Описание полей fields". A report holds millions of rows, so a row is
nothing but the tuple of its cells; what a cell means is worked out when it is
asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, ClassVar

from sms_traffic_async.protocols.http_v2.fields import read_moment
from sms_traffic_async.statuses import DeliveryErrorCode, MessageStatus

__all__ = ("DEFAULT_FIELDS", "FIELDS", "ReportRow", "row_type")

FIELDS = (
    "id",
    "subscriber",
    "message",
    "submission_date",
    "send_date",
    "delivery_date",
    "read_date",
    "channel",
    "status",
    "cost",
    "originator",
    "ip",
    "error",
    "parts",
    "operator_name",
    "country_name",
    "batch_name",
    "department_name",
)
"""Every field that can be asked for."""

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
"""The document's list where none is given."""

_PARTS_DIGITS = 9


class ReportRow:
    """One message of a report.

    A field that the report was not asked for raises ``AttributeError``; a cell
    that is empty or cannot be read is ``None`` (``""`` for text), and what came
    stays in ``raw``. Neither ``repr`` nor ``str`` shows the number or the text.
    Rows of one report are equal when their cells are.

    Attributes:
        fields: the names of the cells, in the order of ``raw``.
    """

    __slots__ = ("_raw",)

    fields: ClassVar[tuple[str, ...]] = DEFAULT_FIELDS
    _at: ClassVar[Mapping[str, int]] = {name: at for at, name in enumerate(DEFAULT_FIELDS)}

    def __init__(self, raw: tuple[str, ...]) -> None:
        self._raw = raw

    @property
    def raw(self) -> tuple[str, ...]:
        """The cells as they came, in the order of ``fields``."""
        return self._raw

    @property
    def complete(self) -> bool:
        """Whether there are as many cells as fields; a cell that is missing reads as empty."""
        return len(self._raw) == len(self.fields)

    @property
    def id(self) -> str:
        """The platform's id, up to 40 digits."""
        return self.text("id")

    @property
    def subscriber(self) -> str:
        """The number, or the identifier of a push."""
        return self.text("subscriber")

    @property
    def message(self) -> str:
        """The text."""
        return self.text("message")

    @property
    def submission_date(self) -> datetime | None:
        """When the platform took it."""
        return read_moment(self.text("submission_date"))

    @property
    def send_date(self) -> datetime | None:
        """When it went to the channel; None while it has not."""
        return read_moment(self.text("send_date"))

    @property
    def delivery_date(self) -> datetime | None:
        """When it was delivered or its status last changed; None until a final status."""
        return read_moment(self.text("delivery_date"))

    @property
    def read_date(self) -> datetime | None:
        """When the subscriber read it, where the channel tells."""
        return read_moment(self.text("read_date"))

    @property
    def channel(self) -> str:
        """``sms``, ``push``, ``viber`` and so on; open-ended."""
        return self.text("channel")

    @property
    def status(self) -> MessageStatus:
        """The status, open-ended."""
        return MessageStatus.read(self.text("status"))

    @property
    def cost(self) -> Decimal | None:
        """The price; the document names no unit."""
        return _read_cost(self.text("cost"))

    @property
    def originator(self) -> str:
        """The sender's name it went to the channel with."""
        return self.text("originator")

    @property
    def ip(self) -> str:
        """The address it was submitted from."""
        return self.text("ip")

    @property
    def error(self) -> DeliveryErrorCode | None:
        """The operator's reason where it was not delivered."""
        return DeliveryErrorCode.read(self.text("error"))

    @property
    def parts(self) -> int | None:
        """Segments of an SMS; None on other channels."""
        value = self.text("parts").strip()
        return int(value) if value.isascii() and value.isdigit() and len(value) <= _PARTS_DIGITS else None

    @property
    def operator_name(self) -> str:
        """The operator the number belongs to."""
        return self.text("operator_name")

    @property
    def country_name(self) -> str:
        """The country the number belongs to."""
        return self.text("country_name")

    @property
    def batch_name(self) -> str:
        """The mailing it belongs to."""
        return self.text("batch_name")

    @property
    def department_name(self) -> str:
        """The department that sent it; empty for the main account."""
        return self.text("department_name")

    def text(self, field: str) -> str:
        """The cell of a field as it came; empty where the row is too short for it.

        Raises:
            AttributeError: the report was not asked for the field.
        """
        try:
            return self._raw[self._at[field]]
        except KeyError:
            raise AttributeError(f"the report was not asked for {field!r}: name it in fields=") from None
        except IndexError:
            return ""

    def as_dict(self) -> dict[str, Any]:
        """Every field by name, read. Holds the number and the text where they were asked for."""
        return {name: getattr(self, name) for name in self.fields}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ReportRow):
            return NotImplemented
        return self._raw == other._raw and self.fields == other.fields

    def __hash__(self) -> int:
        return hash((self.fields, self._raw))

    def __repr__(self) -> str:
        shown = [f"{name}={self.text(name)!r}" for name in ("id", "status") if name in self._at]
        return f"ReportRow({', '.join([*shown, f'{len(self._raw)} cells'])})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.fields, self._raw)


@lru_cache(maxsize=64)
def row_type(fields: tuple[str, ...]) -> type[ReportRow]:
    """The class of the rows of a report with these fields, in this order."""
    places: dict[str, Any] = {
        "__slots__": (),
        "__doc__": ReportRow.__doc__,
        "__module__": ReportRow.__module__,
        "fields": fields,
        "_at": {name: at for at, name in enumerate(fields)},
    }
    return type("ReportRow", (ReportRow,), places)


def _restore(fields: Sequence[str], raw: tuple[str, ...]) -> ReportRow:
    return row_type(tuple(fields))(raw)


def _read_cost(value: str) -> Decimal | None:
    """A comma and thin spaces are tolerated; the document does not describe this field (field notes, C)."""
    try:
        cost = Decimal("".join(value.split()).replace(",", "."))
    except InvalidOperation:
        return None
    return cost if cost.is_finite() else None
