"""What the library warns of, on standard error: a command that runs for long has nobody else to tell."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator
from datetime import UTC, datetime

from rich.markup import escape

from sms_traffic_async.cli.output import Output, printable

__all__ = ("warnings_shown",)


class _Lines(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__(logging.WARNING)
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(" ", "seconds")
        line = escape(printable(f"{at} {record.levelname} {record.getMessage()}"))
        self._output.err.print(line, style="dim", soft_wrap=True)  # one record is one line, however long


@contextlib.contextmanager
def warnings_shown(output: Output) -> Generator[None]:
    """Print warnings and errors of this library, a line each, while the block lasts; no phone number, no text."""
    logger = logging.getLogger("sms_traffic_async")
    lines = _Lines(output)
    logger.addHandler(lines)
    try:
        yield
    finally:
        logger.removeHandler(lines)
