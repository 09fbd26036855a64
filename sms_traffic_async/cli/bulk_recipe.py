"""What a row becomes: a message, or a sentence on why not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import orjson

from sms_traffic_async.addresses import Region
from sms_traffic_async.capabilities import uncarried
from sms_traffic_async.cli.bulk_rows import Row
from sms_traffic_async.cli.output import UsageError
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.messages import Message, Via
from sms_traffic_async.text import Estimate, estimate_soap, estimate_v1, estimate_v2

__all__ = ("Recipe", "RowProblem", "estimate", "names_in")

TO_COLUMNS = ("phone", "to")
_NAME = re.compile(r"\[\[([^\[\]]+)\]\]")


class RowProblem(Exception):
    """Why a row is no message; holds neither number nor text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How rows become messages.

    Attributes:
        text: for all of them, with ``[[name]]`` for columns; ``None`` takes the column ``text``.
        to_column: where the number stands; ``None`` takes ``phone`` or ``to``.
        originator: for rows without one.
        via: the protocol, for what it can carry and what it makes of a text.
        max_parts: a longer text is a bad row; ``None`` takes the session's.
        start_at: not before.
    """

    text: str | None = None
    to_column: str | None = None
    originator: str | None = None
    via: Via = "v2"
    max_parts: int | None = None
    transliterate: bool = False
    validity: int | None = None
    start_at: datetime | None = None
    region: Region | None = None

    def check_columns(self, columns: Iterable[str], name: str) -> None:
        """Refuse a file whose columns cannot do.

        Raises:
            UsageError: something is needed that no column has.
        """
        known = set(columns)
        wanted = (self.to_column,) if self.to_column else TO_COLUMNS
        there = f"it has {', '.join(sorted(map(repr, known)))}"
        if not known & set(wanted):
            raise UsageError(
                f"{name}: the number is looked for in {' or '.join(map(repr, wanted))}, and {there}: name the column "
                "by --to-column"
            )
        if self.text is None:
            if "text" not in known:
                raise UsageError(f"{name}: there is no column 'text', and {there}: give one, or --text")
        elif missing := sorted(set(names_in(self.text)) - known):
            raise UsageError(f"{name}: --text needs {', '.join(f'[[{one}]]' for one in missing)}, and {there}")

    def number(self, row: Row) -> str:
        """The number as it stands in the row; empty where there is none."""
        for column in (self.to_column,) if self.to_column else TO_COLUMNS:
            if found := row.values.get(column, "").strip():
                return found
        return ""

    def message(self, row: Row, label: str | None = None) -> Message:
        """The message of a row.

        Args:
            row: the row.
            label: for look-ups, where the row has no ``tracking_data``.

        Raises:
            RowProblem: there is none in it.
        """
        if row.problem:
            raise RowProblem(row.problem)
        made: Message | None = None
        wrong: InvalidMessage | None
        try:
            made = Message(
                to=self.number(row),
                text=self._filled(row),
                originator=row.values.get("originator") or self.originator,
                key=row.values.get("key") or None,
                tracking_data=row.values.get("tracking_data") or label,
                max_parts=self.max_parts,
                transliterate=self.transliterate,
                validity=self.validity,
                start_at=self.start_at,
                region=self.region,
            )
            wrong = uncarried(made, self.via)
        except InvalidMessage as error:
            wrong = error
        if made is None or wrong is not None:
            why = "cannot be sent" if wrong is None else f"{wrong.field}: {wrong.rule}"
            raise RowProblem(why)  # here, and without the error: its frames hold the message
        return made

    def _filled(self, row: Row) -> str:
        template = self.text if self.text is not None else row.values.get("text", "")

        def value(found: re.Match[str]) -> str:
            name = found[1]
            if name not in row.values:
                raise RowProblem(f"the text needs [[{name}]], and the row has none")
            if not row.values[name]:
                raise RowProblem(f"the text needs [[{name}]], and it is empty")
            return row.values[name]

        return _NAME.sub(value, template) if "[[" in template else template

    def digest(self) -> str:
        """A fingerprint: with another recipe a row is another message."""
        parts = (self.text, self.to_column, self.originator, self.max_parts, self.transliterate, self.validity)
        more = (self.start_at, self.region)
        return hashlib.sha256(orjson.dumps((*parts, *more))).hexdigest()


def names_in(text: str) -> list[str]:
    """The columns that a template needs, in order, each once."""
    return list(dict.fromkeys(_NAME.findall(text)))


def estimate(message: Message, via: Via) -> Estimate:
    """What a protocol will make of a message's text."""
    match via:
        case "v1" | "smtp":
            return estimate_v1(message.text, rus=0 if message.transliterate else None)
        case "soap":
            return estimate_soap(message.text, latin_encoding=message.transliterate)
        case _:
            return estimate_v2(message.text, transliterate=message.transliterate)
