"""Options of ``sms-traffic bulk``: what becomes of a row, and where things are written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from sms_traffic_async.cli.bulk_recipe import Recipe
from sms_traffic_async.cli.bulk_rows import Form
from sms_traffic_async.cli.times import MomentOrNone
from sms_traffic_async.messages import Via

__all__ = ("Files", "Making")


@Parameter(name="*")
@dataclass(kw_only=True)
class Making:
    """What becomes of a row."""

    text: Annotated[
        str | None,
        Parameter(allow_leading_hyphen=True, help="The text, with [[name]] for columns. [default: the column text]"),
    ] = None
    to_column: Annotated[str | None, Parameter(help="The column of the numbers. [default: phone or to]")] = None
    originator: Annotated[
        str | None, Parameter(help="The sender's name or number, where the column originator has none.")
    ] = None
    max_parts: Annotated[int | None, Parameter(help="A text of more parts is a bad row.")] = None
    transliterate: Annotated[
        bool, Parameter(negative="", show_default=False, help="Cyrillic to Latin, by the platform.")
    ] = False
    start_at: Annotated[MomentOrNone, Parameter(help="Not before this time, such as 2026-01-31T09:00+03:00.")] = None
    validity: Annotated[
        int | None, Parameter(help="Seconds the platform tries to deliver; operators may refuse less than 600.")
    ] = None
    region: Annotated[Literal["RU"] | None, Parameter(help="Read 8916… and 916… as numbers of this country.")] = None

    def recipe(self, via: Via) -> Recipe:
        """As a value."""
        return Recipe(
            text=self.text,
            to_column=self.to_column,
            originator=self.originator,
            via=via,
            max_parts=self.max_parts,
            transliterate=self.transliterate,
            validity=self.validity,
            start_at=self.start_at,
            region=self.region,
        )


@Parameter(name="*")
@dataclass(kw_only=True)
class Files:
    """Where things are written."""

    format: Annotated[
        Literal["csv", "jsonl"] | None, Parameter(show_default=False, help="What FILE is. [default: by its name]")
    ] = None
    journal: Annotated[Path | None, Parameter(help="What was sent already, for --resume. [default: FILE.journal]")] = (
        None
    )
    results: Annotated[
        Path | None, Parameter(help="What became of each row; JSON by the name .jsonl. [default: FILE.results.csv]")
    ] = None

    def places(self, file: str, *, apart: bool, form: Form) -> tuple[Path, Path]:
        """Of the journal and of the results.

        Args:
            file: the input.
            apart: it has no place of its own; what is beside it stands beside the journal.
            form: of the input, and of the results where nothing else is said.
        """
        base = self.journal if apart and self.journal is not None else Path(file)
        journal = self.journal or base.with_name(f"{base.name}.journal")
        return journal, self.results or base.with_name(f"{base.name}.results.{form}")
