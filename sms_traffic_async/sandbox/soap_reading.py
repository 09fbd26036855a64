"""Reads the methods of SOAP by the document's tables, by code of its own.

Elements are found by namespace and name, in any order. What the document does
not have is a finding; a value that an element cannot have refuses with 404.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from xml.etree.ElementTree import Element

from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.sandbox.classic import Item, Note, Order
from sms_traffic_async.sandbox.drafts import MOST_PARTS
from sms_traffic_async.sandbox.findings import nearest
from sms_traffic_async.sandbox.http_v1_order import LONGEST_TIMEOUT, Refused, read_date
from sms_traffic_async.sandbox.refusals import refuse
from sms_traffic_async.sandbox.soap_envelope import local
from sms_traffic_async.sandbox.soap_wsdl import NAMESPACE
from sms_traffic_async.sandbox.switches import Switches

__all__ = ("Credentials", "Fields", "read_bulk", "read_credentials", "read_ids", "read_individual")

WANT = frozenset({"WantSmsIds", "WantsSmsIds"})
OPTIONS = WANT | {
    "Login",
    "Password",
    "Originator",
    "IgnorePhoneFormat",
    "LatinEncoding",
    "Timeout",
    "Flash",
    "StartDate",
    "MaxParts",
    "TwoByteConcat",
}
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})


class Credentials(NamedTuple):
    """As they came, ``None`` where they did not."""

    login: str | None
    password: str | None

    def __repr__(self) -> str:
        return "Credentials(********)"


class Fields:
    """The children of one element."""

    def __init__(self, element: Element | None, known: frozenset[str], note: Note, path: str) -> None:
        self._note = note
        self._path = path
        self._found: dict[str, list[Element]] = {}
        for child in element if element is not None else ():
            namespace, name = local(child)
            if namespace != NAMESPACE:
                note(path + name, f"is not in the namespace {NAMESPACE}")
            if name not in known:
                self._unknown(name, known)
            else:
                self._found.setdefault(name, []).append(child)

    def all(self, name: str) -> list[Element]:
        """Every element of a name."""
        return self._found.get(name, [])

    def one(self, name: str) -> Element | None:
        """The only element of a name; of several the last, and a finding."""
        found = self.all(name)
        if len(found) > 1:
            self._note(self._path + name, "is there more than once; the last one counts")
        return found[-1] if found else None

    def text(self, name: str) -> str | None:
        """Its text."""
        element = self.one(name)
        return None if element is None else element.text or ""

    def flag(self, name: str) -> bool:
        """xsd:boolean; empty is false."""
        value = (self.text(name) or "false").strip()
        if value not in _TRUE | _FALSE:
            raise self.bad(name, "is not true, false, 1 or 0")
        return value in _TRUE

    def number(self, name: str, most: int) -> int | None:
        """A whole number from 1."""
        value = (self.text(name) or "").strip()
        if not value:
            return None
        if not (value.isascii() and value.isdigit() and 1 <= int(value[:12]) <= most):
            raise self.bad(name, f"is not a whole number from 1 to {most}")
        return int(value)

    def bad(self, name: str, problem: str) -> Refused:
        """The refusal of a value."""
        self._note(self._path + name, problem, refused=True)
        return Refused(refuse(404))

    def _unknown(self, name: str, known: Iterable[str]) -> None:
        meant = nearest(name, known)
        hint = f"; {meant} is meant?" if meant else ""
        self._note(self._path + name, f"is not an element of this request{hint}")


def read_credentials(body: Element) -> Credentials:
    """Login and password, in Options or (as status and balance have them) beside them."""
    found: dict[str, str] = {}
    for child in body:
        for element in child if local(child)[1] == "Options" else (child,):
            found.setdefault(local(element)[1], element.text or "")
    return Credentials(found.get("Login"), found.get("Password"))


def read_bulk(body: Element, switches: Switches, note: Note) -> Order:
    """BulkSms.

    Raises:
        Refused: 403 to 405, 407, 416.
    """
    fields = Fields(body, frozenset({"Options", "Message", "Phone"}), note, "BulkSms/")
    phones = [(element.text or "").strip() for element in fields.all("Phone")]
    if not phones:
        raise Refused(refuse(403))
    if not all(phones):
        raise Refused(refuse(407))
    message = fields.text("Message")
    if not message:
        raise Refused(refuse(405))
    return _order(fields, tuple(Item(to=phone, text=message) for phone in phones), switches, note)


def read_individual(body: Element, switches: Switches, note: Note) -> Order:
    """IndividualSms.

    Raises:
        Refused: 403, 404, 416, 422, 423.
    """
    fields = Fields(body, frozenset({"Options", "Pairs"}), note, "IndividualSms/")
    items: list[Item] = []
    for line, element in enumerate(fields.all("Pairs"), 1):
        pair = Fields(element, frozenset({"Phone", "Message"}), note, "IndividualSms/Pairs/")
        phone, message = (pair.text("Phone") or "").strip(), pair.text("Message")
        if not phone:
            raise Refused(refuse(422, line, (message or "")[:40]))
        if not message:
            raise Refused(refuse(423, phone))
        items.append(Item(to=phone, text=message))
    if not items:
        raise Refused(refuse(403))
    return _order(fields, tuple(items), switches, note, individual=True)


def read_ids(body: Element, note: Note) -> list[str]:
    """The ids of StatusRequest.

    Raises:
        Refused: 433.
    """
    fields = Fields(body, frozenset({"Options", "Login", "Password", "SmsId"}), note, "StatusRequest/")
    ids = [one for element in fields.all("SmsId") if (one := (element.text or "").strip())]
    if not ids:
        raise Refused(refuse(433))
    return ids


def _order(
    fields: Fields, items: tuple[Item, ...], switches: Switches, note: Note, *, individual: bool = False
) -> Order:
    want = WANT if switches.soap_want == "both" else {switches.soap_want}
    options = Fields(fields.one("Options"), (OPTIONS - WANT) | want, note, "Options/")
    validity = options.number("Timeout", 10**9)
    if validity is not None and validity > LONGEST_TIMEOUT:
        note("Options/Timeout", f"is more than {LONGEST_TIMEOUT}, which is taken instead")
    return Order(
        items=items,
        individual=individual,
        encoding="gsm7" if options.flag("LatinEncoding") else "ucs2",
        originator=options.text("Originator") or None,
        want_ids=_wanted(options, want),
        any_number=options.flag("IgnorePhoneFormat"),
        validity=None if validity is None else float(min(validity, LONGEST_TIMEOUT)),
        flash=options.flag("Flash"),
        start=_start(options.text("StartDate"), switches),
        max_parts=options.number("MaxParts", MOST_PARTS) or MOST_PARTS,
        reference_bytes=2 if options.flag("TwoByteConcat") else 1,
    )


def _wanted(options: Fields, names: Iterable[str]) -> bool:
    given = [options.flag(name) for name in sorted(names)]
    return True in given


def _start(text: str | None, switches: Switches) -> datetime | None:
    """xsd:dateTime, UTC+3 where it has no zone, or the form of v1: the document says neither."""
    text = (text or "").strip()
    if not text:
        return None
    if "T" not in text and switches.soap_start != "dateTime":
        return read_date(text)
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(refuse(416, text[:40])) from None
    if "T" not in text or switches.soap_start == "v1":
        raise Refused(refuse(416, text[:40]))
    return start if start.utcoffset() is not None else start.replace(tzinfo=MOSCOW)
