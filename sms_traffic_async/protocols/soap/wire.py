"""SOAP as bytes: envelopes out, elements in. Pure.

What is sent has the namespaces and the order of the document's examples and
tables. What is read is found by local names, at any depth where the document
leaves the depth open, in any order, with either envelope's namespace.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from sms_traffic_async.messages import MOSCOW, StatusUpdate
from sms_traffic_async.protocols.http.answers import Damaged, Fault, read_amount, read_moment
from sms_traffic_async.protocols.soap.models import Info, SendAnswer, SendOptions, SendRequest
from sms_traffic_async.protocols.xml import Element
from sms_traffic_async.protocols.xml_fields import read_code, read_id, read_queued
from sms_traffic_async.statuses import MessageStatus

__all__ = (
    "NAMESPACE",
    "Pairs",
    "SoapFault",
    "carries",
    "decode_balance",
    "decode_send",
    "decode_statuses",
    "encode_balance",
    "encode_send",
    "encode_statuses",
    "headers",
    "read_fault",
)

NAMESPACE = "http://soap.smstraffic.ru/soap.wsdl"
"""As in the examples: http, though the WSDL lives at https."""

_ENVELOPES = {
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CODE = re.compile(r"-?\d{1,9}")
_YES, _NO = frozenset({"true", "1"}), frozenset({"false", "0"})
_SENDER = frozenset({"Client", "Sender", "VersionMismatch", "MustUnderstand", "DataEncodingUnknown"})

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoapFault:
    """A fault without a code of the platform.

    Attributes:
        ours: it blames the request, and so says that it was not processed
            (SOAP 1.2 part 1, 5.4.6; SOAP 1.1, 4.4.1). Any other says nothing about that.
        reason: its words, which may quote the request.
    """

    ours: bool
    reason: str = field(default="", repr=False)


# --- out


def carries(text: str) -> bool:
    """Whether XML 1.0 has a place for every character: it has none for most control characters."""
    return _NOT_XML.search(text) is None


def headers(version: Literal["1.2", "1.1"]) -> tuple[tuple[str, str], ...]:
    """Content-Type, and SOAPAction where the version wants one (SOAP 1.1, 6.1.1); the document gives it no value."""
    if version == "1.1":
        return ("Content-Type", "text/xml; charset=utf-8"), ("SOAPAction", '""')
    return (("Content-Type", "application/soap+xml; charset=utf-8"),)


def encode_send(
    request: SendRequest,
    credentials: Pairs,
    *,
    version: Literal["1.2", "1.1"],
    start: Literal["dateTime", "v1"] = "dateTime",
    ids_element: str = "WantSmsIds",
) -> bytes:
    """SendBulkSms, or SendIndividualSms where there is no common text."""
    options = _element("Options", _pairs((*credentials, *_options(request.options, start, ids_element))))
    if request.text is not None:
        phones = "".join(_leaf("Phone", member.to) for member in request.members)
        return _envelope(version, _element("BulkSms", options + _leaf("Message", request.text) + phones))
    pairs = "".join(
        _element("Pairs", _leaf("Phone", member.to) + _leaf("Message", member.text or "")) for member in request.members
    )
    return _envelope(version, _element("IndividualSms", options + pairs))


def _options(options: SendOptions, start: str, ids_element: str) -> Iterator[tuple[str, str]]:
    if options.originator is not None:
        yield "Originator", options.originator
    if options.want_ids:
        yield ids_element, "true"
    if options.ignore_phone_format:
        yield "IgnorePhoneFormat", "true"
    # Always said: the default of SOAP is not that of v1 (field notes, O6).
    yield "LatinEncoding", "true" if options.latin else "false"
    if options.validity is not None:
        yield "Timeout", str(options.validity)
    if options.flash:
        yield "Flash", "true"
    if options.start_at is not None:
        yield "StartDate", _start(options.start_at, start)
    if options.max_parts is not None:
        yield "MaxParts", str(options.max_parts)
    if options.two_byte_concat:
        yield "TwoByteConcat", "true"


def _start(moment: datetime | str, form: str) -> str:
    if isinstance(moment, str):
        return moment
    return moment.astimezone(MOSCOW).strftime("%Y-%m-%dT%H:%M:%S" if form == "dateTime" else "%Y-%m-%d %H:%M:%S")


def encode_statuses(ids: Sequence[str], credentials: Pairs, *, version: Literal["1.2", "1.1"]) -> bytes:
    """GetSmsStatus."""
    pairs = (*credentials, *(("SmsId", message_id) for message_id in ids))
    return _envelope(version, _element("StatusRequest", _pairs(pairs)))


def encode_balance(credentials: Pairs, *, version: Literal["1.2", "1.1"]) -> bytes:
    """GetBalance."""
    return _envelope(version, _element("BalanceRequest", _pairs(credentials)))


def _envelope(version: Literal["1.2", "1.1"], content: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<env:Envelope xmlns:env="{_ENVELOPES[version]}" '
        f'xmlns="{NAMESPACE}"><env:Body>{content}</env:Body></env:Envelope>'
    ).encode()


def _pairs(pairs: Pairs) -> str:
    return "".join(_leaf(name, value) for name, value in pairs)


def _leaf(name: str, value: str) -> str:
    # A bare CR would arrive as LF (XML 1.0, 2.11).
    text = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    return _element(name, text)


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"


# --- in


def read_fault(root: Element) -> SoapFault | Fault | None:
    """The fault an envelope holds; one that names a code of the platform is that refusal.

    Raises:
        Damaged: it is no envelope.
    """
    fault = _body(root).first("Fault")
    if fault is None:
        return None
    reason = fault.value("faultstring") or ""
    below = fault.first("Reason")
    if not reason and below is not None:
        reason = below.value("Text") or ""
    detail = fault.first("detail", "Detail")
    if detail is not None:
        for element in detail.walk():
            code = element.value("code", "Code") or ""
            if _CODE.fullmatch(code) and int(code) > 0:
                return Fault(code=int(code), message=element.value("description", "Description") or reason)
    code_element = fault.first("Code")
    name = fault.value("faultcode") or (code_element.value("Value") if code_element is not None else None) or ""
    # Client.Authentication and the like are Client too (SOAP 1.1, 4.4.1).
    return SoapFault(reason=reason, ours=name.rpartition(":")[2].partition(".")[0] in _SENDER)


def _body(root: Element) -> Element:
    body = root.first("Body") if root.name == "Envelope" else None
    if body is None:
        raise Damaged("not a SOAP envelope")
    return body


def _answer(root: Element, *names: str) -> tuple[Element, Fault | None]:
    """The answer's element, and the refusal it is.

    Raises:
        Damaged: it is no such answer, or says neither yes nor no.
    """
    answer = _body(root).first(*names)
    if answer is None:
        raise Damaged("not the answer to this request")
    status = next((one for one in answer.all("Status") if one.children), None)
    if status is None:
        raise Damaged("no status in it")
    # Three of the document's four examples print <IsSuccess>>true</IsSuccess>.
    success = (status.value("IsSuccess") or "").strip("> \t\r\n").lower()
    code = read_code(status.value("Code"))
    if code and success not in _YES:
        return answer, Fault(code=code, message=status.value("Description") or "")
    if code or success in _NO:
        raise Damaged("its success and its code contradict each other")
    if success not in _YES and code is None:
        raise Damaged("neither yes nor no")
    return answer, None


def decode_send(root: Element) -> SendAnswer | Fault:
    """What a send was answered.

    Raises:
        Damaged: it cannot be read.
    """
    answer, fault = _answer(root, "SmsResponse")
    if fault is not None:
        return fault
    status = next(one for one in answer.all("Status") if one.children)
    description = status.value("Description") or ""
    return SendAnswer(
        queued=read_queued(description),
        infos=tuple(_info(one) for one in answer.walk() if one.name == "MessageInfo" and one.children),
        description=description,
    )


def _info(element: Element) -> Info:
    return Info(
        phone=element.value("Phone"),
        result=element.value("ProcessResult") or "",
        message_id=read_id(element.value("SmsId")),
    )


def decode_statuses(root: Element, asked: Sequence[str]) -> list[StatusUpdate] | Fault:
    """What is known of messages; those that are not are left out.

    Raises:
        Damaged: it cannot be read.
    """
    answer, fault = _answer(root, "StatusResponse")
    if fault is not None:
        return fault
    entries = [one for one in answer.walk() if one.name == "SmsInfo"]
    updates = (_status(entry) for entry in entries)
    wanted = frozenset(asked)
    return [update for update in updates if update is not None and update.message_id in wanted]


def _status(entry: Element) -> StatusUpdate | None:
    message_id, status = read_id(entry.value("SmsId")), entry.value("Status")
    error = entry.value("Error") or None
    dates = (entry.value("SubmissionDate", "SubmitionDate"), entry.value("SendDate"))
    # A message nobody knows has an error and no status; one that waits has dates and no status.
    if message_id is None or (not status and (error is not None or not any(dates))):
        return None
    return StatusUpdate(
        message_id=message_id,
        status=MessageStatus.read(status or ""),
        submitted_at=read_moment(dates[0]),
        sent_at=read_moment(dates[1]),
        status_at=read_moment(entry.value("LastStatusChangeDate")),
        error_text=error,
        raw=entry.row(),
    )


def decode_balance(root: Element) -> tuple[Decimal, str] | Fault:
    """The balance and how it was written.

    Raises:
        Damaged: it cannot be read.
    """
    answer, fault = _answer(root, "BalanceResponse")
    if fault is not None:
        return fault
    return read_amount(answer.value("Amount"))
