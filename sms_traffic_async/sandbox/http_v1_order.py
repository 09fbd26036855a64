"""Reads a send request of v1 by the document's table of ``multi.php``; e-mail's second variant has the same fields.

Names are case-sensitive. A name that is not in the table is a finding; a value
that it cannot have refuses the request with 404, "Incompatible parameters".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.sandbox.accounts import Account
from sms_traffic_async.sandbox.classic import Item, Note, Order
from sms_traffic_async.sandbox.drafts import MOST_PARTS
from sms_traffic_async.sandbox.findings import nearest
from sms_traffic_async.sandbox.refusals import Refusal, refuse
from sms_traffic_async.sandbox.rules import AirEncoding
from sms_traffic_async.sandbox.switches import Switches

__all__ = ("CREDENTIALS", "SEND_FIELDS", "Refused", "note_unknown", "read_date", "read_flag", "read_order")

CREDENTIALS = frozenset({"login", "password"})
SEND_FIELDS = CREDENTIALS | {
    "phones",
    "message",
    "rus",
    "originator",
    "flash",
    "start_date",
    "max_parts",
    "group",
    "timeout",
    "individual_messages",
    "delimiter",
    "want_sms_ids",
    "with_push_id",
    "ignore_phone_format",
    "two_byte_concat",
}
LONGEST_TIMEOUT = 86_400

_DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Refused(Exception):
    """The request cannot be taken; carries the platform's "no"."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class _Flags(NamedTuple):
    individual: bool
    want_ids: bool
    push_ids: bool


def note_unknown(names: Mapping[str, object], known: frozenset[str], note: Note) -> None:
    """Write down every name that the document's table does not have."""
    for name in names:
        if name not in known:
            meant = nearest(name, known)
            hint = f"; {meant} is meant?" if meant else ""
            # A text with a raw "&" in it would be a name here: no more of it than a name has.
            note(name[:40], f"is not a parameter of this operation{hint}")


def read_order(fields: Mapping[str, str], account: Account, switches: Switches, note: Note) -> Order:
    """A send request.

    Args:
        fields: the parameters, decoded.
        account: whose lists ``group`` means.
        switches: for what the document leaves open.
        note: for findings.

    Raises:
        Refused: 403 to 407, 413, 414, 416, 421 to 423, 440.
    """
    encoding = _encoding(fields, switches, note)
    flags = _Flags(
        read_flag(fields, "individual_messages", note),
        read_flag(fields, "want_sms_ids", note),
        read_flag(fields, "with_push_id", note),
    )
    if flags.push_ids and not (flags.want_ids and flags.individual):
        raise _bad("with_push_id", "needs want_sms_ids=1 and individual_messages=1", note)
    if "delimiter" in fields and not flags.individual:
        note("delimiter", "says nothing without individual_messages=1")
    items = _items(fields, flags, account, note)
    return Order(
        items=items,
        individual=flags.individual,
        encoding=encoding,
        originator=fields.get("originator") or None,
        want_ids=flags.want_ids,
        any_number=read_flag(fields, "ignore_phone_format", note),
        validity=_timeout(fields, note),
        flash=read_flag(fields, "flash", note),
        start=_start(fields),
        max_parts=_number(fields, "max_parts", MOST_PARTS, note) or MOST_PARTS,
        reference_bytes=2 if read_flag(fields, "two_byte_concat", note) else 1,
    )


def read_flag(fields: Mapping[str, str], name: str, note: Note) -> bool:
    """0 or 1."""
    value = fields.get(name, "0")
    if value not in {"0", "1"}:
        raise _bad(name, "is not 0 or 1", note)
    return value == "1"


def read_date(text: str, *, day: bool = False) -> datetime:
    """A date of v1, UTC+3; ``day`` allows one without a time.

    Raises:
        Refused: 416.
    """
    if _DATE.fullmatch(text) or (day and _DAY.fullmatch(text)):
        try:
            return datetime.fromisoformat(text).replace(tzinfo=MOSCOW)
        except ValueError:
            pass
    raise Refused(refuse(416, text[:40]))


def _encoding(fields: Mapping[str, str], switches: Switches, note: Note) -> AirEncoding:
    rus = fields.get("rus", "0")
    if rus not in {"0", "1", "5"}:
        raise _bad("rus", "is not 0, 1 or 5", note)
    if rus == "0":
        return "gsm7"
    return "auto" if switches.latin_in_unicode else "ucs2"


def _start(fields: Mapping[str, str]) -> datetime | None:
    text = fields.get("start_date", "")
    return read_date(text) if text else None


def _timeout(fields: Mapping[str, str], note: Note) -> float | None:
    if "timeout" not in fields:
        return None
    value = fields["timeout"]
    if not (value.isascii() and value.isdigit()) or int(value[:12]) < 1:
        raise _bad("timeout", "is not a positive whole number", note)
    if int(value[:12]) > LONGEST_TIMEOUT:
        note("timeout", f"is more than {LONGEST_TIMEOUT}, which is taken instead")
    return float(min(int(value[:12]), LONGEST_TIMEOUT))


def _number(fields: Mapping[str, str], name: str, most: int, note: Note) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:12]) <= most):
        raise _bad(name, f"is not a whole number from 1 to {most}", note)
    return int(value)


def _items(fields: Mapping[str, str], flags: _Flags, account: Account, note: Note) -> tuple[Item, ...]:
    phones, group, message = fields.get("phones"), fields.get("group"), fields.get("message")
    if group is not None and (phones is not None or flags.individual):
        raise _bad("group", "stands in place of phones, not beside it", note)
    if group is None and phones is None:
        raise Refused(refuse(403))
    if flags.individual:
        if message:
            note("message", "is left empty with individual_messages=1")
        return _individual(phones or "", fields.get("delimiter") or None, flags, note)
    if group is not None:
        numbers = _members(account, group)
    else:
        numbers = _numbers(phones or "", note)
    if not message:
        raise Refused(refuse(405))
    return tuple(Item(to=number, text=message) for number in numbers)


def _members(account: Account, group: str) -> list[str]:
    found = account.lists.by_name(group)
    if found is None:
        raise Refused(refuse(413, group))
    if not found.members:
        raise Refused(refuse(414))
    return list(found.members)


def _numbers(phones: str, note: Note) -> list[str]:
    if not phones.strip():
        raise Refused(refuse(407))
    numbers = phones.split(",")
    if any(number != number.strip() for number in numbers):
        note("phones", "has white space around a number")
    numbers = [number.strip() for number in numbers]
    if not all(numbers):
        note("phones", "has an empty place between two commas", refused=True)
        raise Refused(refuse(440))
    return numbers


def _individual(phones: str, delimiter: str | None, flags: _Flags, note: Note) -> tuple[Item, ...]:
    if not phones.strip():
        raise Refused(refuse(407))
    # The document's own example has a line break after the delimiter: what leads up to a number is not text.
    records = [one.lstrip() for one in phones.split(delimiter)] if delimiter else re.split(r"[\r\n]", phones)
    if not records[-1]:
        records.pop()
    items: list[Item] = []
    for line, record in enumerate(records, 1):
        head, _, text = record.partition(" ")
        push_id: str | None = None
        if flags.push_ids:
            push_id, colon, head = head.partition(":")
            if not (colon and push_id):
                note("phones", "has a line without a push id before its number", refused=True)
                raise Refused(refuse(440))
        if not head:
            # As CRLF between two lines does: the line between CR and LF is empty.
            raise Refused(refuse(422, line, record[:40]))
        if not text:
            raise Refused(refuse(423, head))
        items.append(Item(to=head, text=text, push_id=push_id))
    return tuple(items)


def _bad(name: str, problem: str, note: Note) -> Refused:
    note(name, problem, refused=True)
    return Refused(refuse(404))
