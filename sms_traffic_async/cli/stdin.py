"""What is read from standard input where an argument is ``-``.

Read before the event loop runs: a Ctrl-C must end it, and nothing may wait behind it.
"""

from __future__ import annotations

import re
import sys

from sms_traffic_async.addresses import normalise_phone
from sms_traffic_async.cli.output import Output, UsageError
from sms_traffic_async.errors import InvalidMessage

__all__ = ("read_numbers", "read_text")

TEXT_BYTES = 1_000_000
"""Above any text of 255 parts."""
NUMBERS_BYTES = 50_000_000
"""Some four million numbers."""
SHOWN = 5

_BETWEEN = re.compile(r"[,;]")


def read_text(output: Output) -> str:
    """A text, without the line break that ends it.

    Raises:
        UsageError: too long, or not UTF-8.
    """
    return _read(output, "the text", TEXT_BYTES).removesuffix("\n").removesuffix("\r")


def read_numbers(output: Output, *, check: bool) -> list[str]:
    """Numbers, one a line or set apart by commas or semicolons.

    Args:
        output: where the reader at a terminal is told what is waited for.
        check: refuse what is no phone number.

    Raises:
        UsageError: nothing there, or something that is no number; the lines are named, and no number.
    """
    numbers: list[str] = []
    wrong: list[str] = []
    for line, content in enumerate(_read(output, "numbers", NUMBERS_BYTES).splitlines(), start=1):
        for number in filter(None, map(str.strip, _BETWEEN.split(content))):
            try:
                numbers.append(normalise_phone(number) if check else number)
            except InvalidMessage as error:
                wrong.append(f"line {line}: {error.rule}")
    if wrong:
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise UsageError(f"nothing was changed. {'; '.join(wrong[:SHOWN])}{more}")
    if not numbers:
        raise UsageError("no numbers on standard input: give one a line")
    return numbers


def _read(output: Output, what: str, most: int) -> str:
    if sys.stdin is None:
        raise UsageError(f"{what} cannot be read: standard input is closed")
    if sys.stdin.isatty():
        output.note(f"type {what}; Ctrl-D on a line of its own ends it")
    content = sys.stdin.buffer.read(most + 1)
    if len(content) > most:
        raise UsageError(f"{what} on standard input is more than {most:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Without the codec's error: it holds the text.
        raise UsageError(f"{what} on standard input is not UTF-8: convert it with iconv -t UTF-8") from None
