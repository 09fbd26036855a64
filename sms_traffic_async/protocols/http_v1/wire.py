"""HTTP API v1 as bytes: forms out, XML in. Pure.

What is sent follows the document's tables. What is read may come in every form
the document or the field notes know: flat or in a list, with ``submission_date``
or ``submition_date``, with an empty ``<code>``, with elements in any order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from sms_traffic_async.messages import InboundMessage, StatusUpdate
from sms_traffic_async.protocols.http.answers import Damaged, Fault, read_amount, read_moment
from sms_traffic_async.protocols.http_v1.form import moment
from sms_traffic_async.protocols.http_v1.models import IncomingPage, MailingList, SendAnswer, SendRequest, SentPart
from sms_traffic_async.protocols.xml import Element
from sms_traffic_async.protocols.xml_fields import read_code, read_id, read_queued
from sms_traffic_async.statuses import MessageStatus

__all__ = (
    "Pairs",
    "decode_balance",
    "decode_checked",
    "decode_incoming",
    "decode_lists",
    "decode_members",
    "decode_send",
    "decode_statuses",
    "encode_incoming",
    "encode_members",
    "encode_send",
    "individual",
    "named_ids",
)

Pairs = list[tuple[str, str]]

_ROOTS = frozenset({"reply", "sd-reply"})
_INFO, _INFOS = ("message_info", "msg-info"), frozenset({"message_infos", "msg-infos"})
_DATES = ("submition_date", "submission_date", "send_date", "last_status_change_date", "last_update_status")
_NUMBER = re.compile(r"\d{1,9}")
_IDS = re.compile(r"\d{5,40}")


# --- out


def individual(request: SendRequest) -> list[str]:
    """The pieces of ``phones`` of individual messages: ``push_id:phone text``."""
    return [
        f"{'' if member.push_id is None else member.push_id + ':'}{member.to} {member.text}"
        for member in request.members
    ]


def encode_send(request: SendRequest) -> Pairs:
    """The parameters of a send, without login and password."""
    options = request.options
    pairs: Pairs = []
    if options.want_ids:
        pairs.append(("want_sms_ids", "1"))
    if request.group is not None:
        pairs.append(("group", request.group))
    elif request.text is None:
        pairs.append(("individual_messages", "1"))
        if any(member.push_id is not None for member in request.members):
            pairs.append(("with_push_id", "1"))
        delimiter = request.delimiter or "\n"
        if request.delimiter is not None:
            pairs.append(("delimiter", delimiter))
        pairs.append(("phones", delimiter.join(individual(request))))
    else:
        pairs.append(("phones", ",".join(member.to for member in request.members)))
    if request.text is not None:
        pairs.append(("message", request.text))
    pairs.append(("rus", str(options.rus)))
    if options.originator is not None:
        pairs.append(("originator", options.originator))
    if options.start_at is not None:
        pairs.append(("start_date", moment(options.start_at)))
    pairs += [(name, str(value)) for name, value in _numbers(request)]
    pairs += options.extra.items()
    return pairs


def _numbers(request: SendRequest) -> Iterator[tuple[str, int]]:
    options = request.options
    if options.max_parts is not None:
        yield "max_parts", options.max_parts
    if options.validity is not None:
        yield "timeout", options.validity
    for name, flag in (
        ("flash", options.flash),
        ("two_byte_concat", options.two_byte_concat),
        ("ignore_phone_format", options.ignore_phone_format),
    ):
        if flag:
            yield name, 1


def encode_incoming(*, since: datetime | None, sender: str | None, count: int) -> Pairs:
    """The parameters of the list of incoming messages; ids are always asked for."""
    pairs: Pairs = [("operation", "incoming"), ("want_sms_ids", "1"), ("count", str(count))]
    if since is not None:
        pairs.append(("from_date", moment(since)))
    if sender is not None:
        pairs.append(("from_phone", sender))
    return pairs


def encode_members(operation: str, group_id: str, numbers: Sequence[str]) -> Pairs:
    """The parameters of a change to a list."""
    return [("operation", operation), ("group_id", group_id), ("member", ",".join(numbers))]


# --- in


def _root(root: Element) -> None:
    if root.name not in _ROOTS:
        raise Damaged("not a reply")


def _fault(root: Element) -> Fault | None:
    """The refusal an answer is; ``None`` if it is none.

    Raises:
        Damaged: it says neither yes nor no.
    """
    _root(root)
    result, number = (root.value("result") or "").upper(), read_code(root.value("code"))
    if number and result != "OK":
        return Fault(code=number, message=root.value("description") or "")
    if number or result not in {"", "OK"}:
        raise Damaged("its result and its code contradict each other")
    return None


def _said_ok(root: Element) -> None:
    # An empty <code> beside OK is what a template makes of 0 (field notes, A 10).
    if (root.value("result") or "").upper() != "OK":
        raise Damaged("neither OK nor an error")


def decode_send(root: Element) -> SendAnswer | Fault:
    """The answer to a send.

    Raises:
        Damaged: it cannot be read.
    """
    fault = _fault(root)
    if fault is not None:
        return fault
    _said_ok(root)
    description = root.value("description") or ""
    return SendAnswer(
        queued=read_queued(description),
        parts=tuple(part for info in _infos(root) if (part := _part(info)) is not None),
        description=description,
    )


def _infos(root: Element) -> Iterator[Element]:
    for child in root.children:
        if child.name in _INFO:
            yield child
        elif child.name in _INFOS:
            yield from child.all(*_INFO)


def _part(info: Element) -> SentPart | None:
    message_id = read_id(info.value("sms_id", "id"))
    if message_id is None:
        return None
    return SentPart(phone=info.value("phone"), message_id=message_id, push_id=info.value("push_id"))


def decode_statuses(root: Element, asked: Sequence[str]) -> list[StatusUpdate] | Fault:
    """What is known of messages; those that are not are left out.

    Args:
        root: the answer: one entry, or a list of ``<sms>``.
        asked: the ids that were asked about.

    Raises:
        Damaged: it cannot be read.
    """
    fault = _fault(root)
    if fault is not None:
        return fault
    entries = root.all("sms")
    if not entries:
        entries = [root]
        if not root.all("status", "error", "sms_id", "description"):
            raise Damaged("no status in it")
    only = asked[0] if len(asked) == 1 and len(entries) == 1 else None
    updates = (_status(entry, only) for entry in entries)
    wanted = frozenset(asked)
    return [update for update in updates if update is not None and update.message_id in wanted]


def _status(entry: Element, only: str | None) -> StatusUpdate | None:
    message_id = read_id(entry.value("sms_id", "id")) or only
    status = entry.value("status")
    error = entry.value("error") or None
    # A message nobody knows has an error and no status, or every field there and empty (field notes, T3 and A 8).
    nothing = not status and (error is not None or not any(entry.value(name) for name in _DATES))
    if message_id is None or status is None or nothing:
        return None
    return StatusUpdate(
        message_id=message_id,
        status=MessageStatus.read(status),
        submitted_at=read_moment(entry.value("submition_date", "submission_date")),
        sent_at=read_moment(entry.value("send_date")),
        status_at=read_moment(entry.value("last_status_change_date", "last_update_status")),
        error_text=error,
        raw=entry.row(),
    )


def decode_checked(root: Element) -> tuple[str, ...] | Fault:
    """The ids that were marked.

    Raises:
        Damaged: it cannot be read.
    """
    fault = _fault(root)
    if fault is not None:
        return fault
    _said_ok(root)
    found = (read_id(element.text) for element in root.walk() if element.name == "sms_id")
    return tuple(message_id for message_id in found if message_id is not None)


def named_ids(description: str, among: Sequence[str]) -> tuple[str, ...]:
    """Those of the ids that a sentence names: a hint and nothing more."""
    named = set(_IDS.findall(description))
    return tuple(message_id for message_id in among if message_id in named)


def decode_balance(root: Element) -> tuple[Decimal, str] | Fault:
    """The balance and how it was written.

    Raises:
        Damaged: it cannot be read.
    """
    fault = _fault(root)
    if fault is not None:
        return fault
    return read_amount(root.value("account"))


def decode_incoming(root: Element) -> IncomingPage | Fault:
    """Messages of subscribers, in the answer's order; whether ``count`` counts these or all is open (field notes, I3).

    Raises:
        Damaged: it cannot be read.
    """
    fault = _fault(root)
    if fault is not None:
        return fault
    if not root.all("messages", "count", "message"):
        raise Damaged("no list of messages in it")
    messages = tuple(
        InboundMessage(
            sender=entry.value("from_phone") or "",
            text="" if (text := entry.first("text")) is None else text.raw_text,
            message_id=read_id(entry.value("sms_id")),
            sent_at=read_moment(entry.value("send_date")),
            received_at=read_moment(entry.value("delivery_date")),
            source="poll",
        )
        for entry in root.walk()
        if entry.name == "message"
    )
    count = root.value("count") or ""
    return IncomingPage(messages, int(count) if _NUMBER.fullmatch(count) else None)


def decode_lists(root: Element) -> list[MailingList] | Fault:
    """Mailing lists: in ``<groups>``, or one alone, or its fields at the top.

    Raises:
        Damaged: it cannot be read.
    """
    fault = _fault(root)
    if fault is not None:
        return fault
    _said_ok(root)
    entries = [element for element in root.walk() if element.name == "group"]
    if not entries and root.first("id") is not None:
        entries = [root]
    # The form of one list is not documented (field notes, X5): its members may stand in it or beside it.
    return [_list(entry, members=root if len(entries) == 1 else entry) for entry in entries]


def _list(entry: Element, *, members: Element) -> MailingList:
    numbers = (element.value("phone") or element.text for element in members.walk() if element.name == "member")
    return MailingList(
        id=entry.value("id", "group_id") or "",
        name=entry.value("name") or "",
        created_at=read_moment(entry.value("created")),
        congratulate=entry.value("congratulate") or "",
        members=tuple(number for number in numbers if number),
        raw=entry.row(),
    )


def decode_members(root: Element) -> int | Fault | None:
    """The number in the sentence about members.

    Raises:
        Damaged: it cannot be read.
    """
    fault = _fault(root)
    if fault is not None:
        return fault
    _said_ok(root)
    found = _NUMBER.search(root.value("description") or "")
    return None if found is None else int(found[0])
