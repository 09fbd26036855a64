"""Writes codes.md from the tables of the library: ``python docs/_generate_codes.py``.

A test fails while the page and the tables differ.
"""  # noqa: INP001 - a script beside the pages it writes

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sms_traffic_async.api_codes import API_CODES
from sms_traffic_async.statuses import DeliveryErrorCode, MessageStatus, receipt_state

PAGE = Path(__file__).with_name("codes.md")

HEAD = """\
# Codes and statuses

Generated from the tables in `sms_traffic_async`; edit those and run `python docs/_generate_codes.py`.
The Russian follows the platform's document (edition 2.3). What is not listed here is kept as it came: an unknown
status, reason or code is a value like any other and never raises.
"""
STATUSES = """
## Statuses

`MessageStatus` compares equal to these strings. *Final*: no further change is expected. A record never goes backwards:
nothing < Acceptd < Buffered SMSC < a word that is not listed < a final status, and of the finals only Delivered is
followed, by Read, Clicked or Checked. A final that contradicts an earlier final changes nothing.
"""
REASONS = """
### Possible reasons
"""
ERRORS = """
## Reasons of non-delivery

`DeliveryErrorCode`: field `err` of an SMPP receipt, `error_code` or `err_code` of a status push, `statusExtended.code`
of a v2 status. Read from `3`, `"3"` and `"003"` alike.
"""
API = """
## API error codes

`describe(code)` in `sms_traffic_async.api_codes`. Only 1000 may be tried again. *Whose*: `recipient` where one message
of several can be the cause, `request` where all of them fail alike. These stand in the body of an answer: 403 and 429
here are not the HTTP statuses 403 (permission) and 429 (rate limit). Two of them mean two things: 105 is a duplicate
only on a send with a restrictiveId, and a malformed request elsewhere; 403 in a v2 answer is a missing permission
(`PermissionDenied`) on every call but a send, and on a send when the platform says "Access denied".
"""
UNLISTED = """
### Not in the document

Met by clients in production.
"""


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A Markdown table, line by line."""
    yield ""
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def status_rows() -> Iterator[tuple[str, ...]]:
    """One row a status."""
    for status in MessageStatus:
        name = f"`{status}`" if status else "(empty)"
        state, word = receipt_state(status)
        final = "yes" if status.is_final else "no"
        if status.may_be_upgraded:
            final = "yes, or Read, Clicked, Checked"
        yield (
            name,
            f"`{status.name}`",
            final,
            f"{word} ({state})",
            status.meaning,
            status.text.label_ru,
            status.meaning_ru,
        )


def reasons() -> Iterator[str]:
    """The lists of possible reasons."""
    for status in MessageStatus:
        if status.reasons:
            yield ""
            yield f"**{status}**"
            yield ""
            yield from (
                f"* {text} — {russian}" for text, russian in zip(status.reasons, status.reasons_ru, strict=True)
            )


def code_rows(*, documented: bool) -> Iterator[tuple[str, ...]]:
    """One row an API code."""
    for entry in API_CODES.values():
        if entry.documented is documented:
            error = f"`{entry.error.__name__}`"
            yield str(entry.code), error, entry.scope, entry.meaning, entry.meaning_ru, entry.advice


def render() -> str:
    """The whole page."""
    codes = ("Code", "Error", "Whose", "Meaning", "По-русски", "Advice")
    lines = [HEAD, STATUSES]
    lines += table(("Status", "Member", "Final", "Receipt", "Meaning", "В кабинете", "По-русски"), status_rows())
    lines += ["", REASONS.strip(), *reasons(), ERRORS]
    lines += table(
        ("Code", "Member", "Meaning", "По-русски"),
        ((str(int(code)), f"`{code.name}`", code.meaning, code.meaning_ru) for code in DeliveryErrorCode),
    )
    lines += [API, *table(codes, code_rows(documented=True))]
    lines += [UNLISTED, *table(codes, code_rows(documented=False))]
    text = "\n".join(line.strip("\n") for line in lines) + "\n"
    return re.sub(r"\n+(#+ .*)\n+", r"\n\n\1\n\n", text)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
