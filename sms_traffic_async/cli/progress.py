"""How far a long command is: a bar at a terminal, a line now and then elsewhere. On standard error."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Self

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from sms_traffic_async.cli.output import Output, printable

__all__ = ("Meter", "waiting")

LINE_SECONDS = 10.0
BAR_SECONDS = 0.1
_HOUR = 3600


@contextlib.contextmanager
def waiting(output: Output, what: str) -> Generator[None]:
    """Say at a terminal what is waited for, while it lasts; elsewhere nothing."""
    with output.err.status(escape(printable(what))) if _lively(output) else contextlib.nullcontext():
        yield


def _lively(output: Output) -> bool:
    """Whether something may move: a terminal, of somebody who did not ask for plain text."""
    return output.err.is_terminal and not os.environ.get("NO_COLOR")


class Meter:
    """Use it as ``with``.

    Args:
        output: where it is shown.
        unit: what is counted.
        total: how many there will be; ``None`` where nobody knows.
        now: the time in seconds.
    """

    def __init__(
        self, output: Output, *, unit: str, total: int | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._output = output
        self._unit = unit
        self._total = total
        self._began = self._told = self._now()
        self._bar: Progress | None = None
        self._task: Any = None
        if _lively(output):
            columns: tuple[ProgressColumn, ...] = (_Speed(unit), TextColumn("{task.fields[note]}"))
            if total is not None:
                left = TimeRemainingColumn(compact=True, elapsed_when_finished=True)
                columns = (BarColumn(bar_width=None), MofNCompleteColumn(), _Speed(unit), left, columns[1])
            self._bar = Progress(*columns, console=output.err, transient=True, expand=total is not None)

    def __enter__(self) -> Self:
        self._began = self._now()
        # Not at once: what is over within a moment needs no line.
        self._told = self._began
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("", total=self._total, note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def at(self, done: int, note: str = "") -> None:
        """So many are done; cheap, so call it as often as you like."""
        now = self._now()
        if now < self._told + (LINE_SECONDS if self._bar is None else BAR_SECONDS):
            return
        self._told = now
        if self._bar is not None:
            self._bar.update(self._task, completed=done, note=note)
            return
        speed = done / (now - self._began) if now > self._began else 0.0
        said = f"{done:,} {self._unit}" if self._total is None else f"{done:,} of {self._total:,} {self._unit}"
        said += f", {speed:,.0f}/s"
        if self._total is not None and speed:
            said += f", {_span((self._total - done) / speed)} left"
        self._output.note(f"{said}; {note}" if note else said)


class _Speed(ProgressColumn):
    """So many a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Any) -> Text:
        """The column."""
        if task.total is None:
            return Text(f"{int(task.completed):,} {self._unit}, {task.speed or 0:,.0f}/s")
        return Text(f"{task.speed or 0:,.0f}/s")


def _span(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // _HOUR}:{whole // 60 % 60:02}:{whole % 60:02}"
