"""What a caller wants sent, as requests that SOAP can carry, or what is wrong with it.

Gives the error instead of raising it: the frame that raises must hold no number
and no text, because a traceback printed with locals shows it.

Rules
-----
1. ``LatinEncoding`` is one for a request, so texts of two kinds become two requests.
2. A request holds at most 6,000 estimated parts (document, ``want_sms_ids``).
3. A number stands once in a request: the answer knows messages by number alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias, TypedDict

from sms_traffic_async import message_rules as rules
from sms_traffic_async.capabilities import uncarried
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.lanes import MOST_PARTS
from sms_traffic_async.protocols.soap.models import Member, Recipient, SendOptions, SendRequest
from sms_traffic_async.protocols.soap.wire import carries
from sms_traffic_async.protocols.unkeyed_arguments import (
    NO_IDS_AFTER,
    UnkeyedArguments,
    common_problem,
    member_of,
    read_recipients,
    start_problem,
)
from sms_traffic_async.secrets import mask_text
from sms_traffic_async.text import choose_rus, estimate_soap, v1_max_characters

__all__ = ("SendArguments", "SendKeywords", "WantedLatin", "requests_of", "requests_of_message")

WantedLatin: TypeAlias = Literal["auto"] | bool

START_MAX = 64


class SendKeywords(TypedDict, total=False):
    """What ``soap.send_bulk`` and ``soap.send_individual`` take by name.

    Attributes:
        originator: the sender; ``None`` takes the session's.
        latin: ``auto`` changes nothing in a text; ``True`` makes Cyrillic Latin; ``False`` sends all as UCS-2.
            With ``auto``, Latin and Cyrillic texts go out in two requests.
        flash: shown at once and not kept; one part.
        start_at: not before this time (aware), 3 days ahead at most. A string goes as it is, and asks for no ids.
        max_parts: a longer text is refused; ``None`` takes the session's limit.
        truncate: have the platform cut it instead.
        validity: seconds the platform tries to deliver; below 600 operators may ignore or refuse it.
        two_byte_concat: two octets of reference in long texts, for 152 and 66 characters a part.
        ignore_phone_format: bad numbers are queued **and billed** instead of refusing the request.
        want_ids: ``None`` asks for ids wherever there are any.
    """

    originator: str | None
    latin: WantedLatin
    flash: bool
    start_at: datetime | str | None
    max_parts: int | None
    truncate: bool
    validity: int | None
    two_byte_concat: bool
    ignore_phone_format: bool
    want_ids: bool | None


@dataclass(slots=True, kw_only=True, repr=False)
class SendArguments(UnkeyedArguments):
    """What ``soap.send_bulk`` and ``soap.send_individual`` take; see there."""

    recipients: Iterable[Recipient | str] | Recipient | str = ()
    individual: bool = False
    latin: WantedLatin = "auto"
    start_at: datetime | str | None = None


def requests_of_message(
    message: Message, *, originator: str | None, max_parts: int, now: datetime
) -> list[SendRequest] | InvalidMessage:
    """The request that carries one message alone.

    Args:
        message: the message; checked when it was made.
        originator: the sender where the message names none.
        max_parts: the limit where the message gives none.
        now: by the wall clock (aware).
    """
    problem = uncarried(message, "soap")
    if problem is not None:
        return problem
    return requests_of(
        SendArguments(
            # The number was read when the message was made: with "INT" it stays as it stands.
            recipients=Recipient(to=message.to, region="INT"),
            text=message.text,
            originator=message.originator,
            latin=True if message.transliterate else "auto",
            flash=message.flash,
            start_at=message.start_at,
            max_parts=message.max_parts,
            truncate=message.truncate,
            validity=message.validity,
        ),
        originator=originator,
        max_parts=max_parts,
        now=now,
    )


def requests_of(
    arguments: SendArguments, *, originator: str | None, max_parts: int, now: datetime
) -> list[SendRequest] | InvalidMessage:
    """The requests of a call; arguments as in ``requests_of_message``."""
    arguments.originator = originator if arguments.originator is None else arguments.originator
    arguments.max_parts = max_parts if arguments.max_parts is None else arguments.max_parts
    problem = _problem(arguments, now)
    if problem is not None:
        return problem
    recipients = _recipients(arguments)
    if isinstance(recipients, InvalidMessage):
        return recipients
    if arguments.truncate and arguments.text is not None:
        arguments.text = _taken(arguments, arguments.text)
    members: dict[bool, list[Member]] = {}
    for index, recipient in enumerate(recipients):
        text = recipient.text if recipient.text is not None else arguments.text
        if text is None or not carries(text):
            return _text_problem(text)
        text = _taken(arguments, text)
        latin = _latin(arguments, text)
        member = _member(arguments, index, recipient.to, text, latin=latin)
        if isinstance(member, InvalidMessage):
            return member
        members.setdefault(latin, []).append(member)
    requests: list[SendRequest] = []
    for latin, found in members.items():
        options = _options(arguments, now, latin=latin)
        requests += (_request(arguments, chunk, options) for chunk in _chunks(found))
    return requests


def _problem(arguments: SendArguments, now: datetime) -> InvalidMessage | None:
    one = arguments
    return (
        common_problem(one)
        or (None if carries(one.originator or "") else _unfit("originator", one.originator))
        or (
            None
            if one.latin in {"auto", True, False}
            else InvalidMessage("latin", mask_text(one.latin), "'auto', True or False")
        )
        or _start_problem(one, now)
    )


def _start_problem(arguments: SendArguments, now: datetime) -> InvalidMessage | None:
    start = arguments.start_at
    if start is None:
        return None
    if isinstance(start, str):
        return rules.label_problem("start_at", start, START_MAX)
    return start_problem(start, now, want_ids=arguments.want_ids)


def _unfit(name: str, value: object) -> InvalidMessage:
    return InvalidMessage(name, mask_text(value), "XML has no place for some control character in it")


def _text_problem(text: str | None) -> InvalidMessage:
    if text is None:
        return InvalidMessage("text", "None", "a common text, or one for each recipient, is needed")
    return _unfit("text", text)


def _recipients(arguments: SendArguments) -> tuple[Recipient, ...] | InvalidMessage:
    found = read_recipients(arguments.recipients, arguments.region)
    if isinstance(found, InvalidMessage):
        return found
    for one in found:
        if one.push_id is not None:
            return InvalidMessage("push_id", mask_text(one.push_id), "SOAP cannot carry it; HTTP v1 can")
        if one.text is not None and not arguments.individual:
            return InvalidMessage("text", mask_text(one.text), "texts of their own go with send_individual")
    return found


def _latin(arguments: SendArguments, text: str) -> bool:
    return choose_rus(text) == 0 if arguments.latin == "auto" else arguments.latin


def _taken(arguments: SendArguments, text: str) -> str:
    """As in v1: no more of a text that is to be cut than the platform takes to cut."""
    if not arguments.truncate:
        return text
    return text[: v1_max_characters(0 if _latin(arguments, text) else 5, two_byte_concat=arguments.two_byte_concat)]


def _member(arguments: SendArguments, index: int, to: str, text: str, *, latin: bool) -> Member | InvalidMessage:
    estimate = estimate_soap(text, latin_encoding=latin, two_byte_concat=arguments.two_byte_concat)
    return member_of(arguments, index, text, estimate, to=to)


def _options(arguments: SendArguments, now: datetime, *, latin: bool) -> SendOptions:
    start, ids = arguments.start_at, arguments.want_ids
    if ids is None:
        # Of a start in words of the caller's own nobody knows how far ahead it is.
        ids = start is None or (not isinstance(start, str) and start - now <= NO_IDS_AFTER)
    return SendOptions(
        latin=latin,
        originator=arguments.originator,
        want_ids=ids,
        ignore_phone_format=arguments.ignore_phone_format,
        validity=arguments.validity,
        flash=arguments.flash,
        start_at=start,
        max_parts=None if arguments.max_parts == rules.PARTS_MAX else arguments.max_parts,
        two_byte_concat=arguments.two_byte_concat,
    )


def _request(arguments: SendArguments, chunk: tuple[Member, ...], options: SendOptions) -> SendRequest:
    if arguments.individual:
        return SendRequest(members=chunk, options=options)
    # Without a text of its own, a member is the number alone.
    return SendRequest(
        members=tuple(replace(member, text=None) for member in chunk), options=options, text=arguments.text
    )


def _chunks(members: Sequence[Member]) -> Iterator[tuple[Member, ...]]:
    """The members in order; a number that came before goes into a later round."""
    while members:
        later: list[Member] = []
        chunk: list[Member] = []
        seen: set[str] = set()
        parts = 0
        for member in members:
            if member.to in seen:
                later.append(member)
                continue
            if chunk and parts + member.parts > MOST_PARTS:
                yield tuple(chunk)
                chunk, parts = [], 0
            seen.add(member.to)
            chunk.append(member)
            parts += member.parts
        yield tuple(chunk)
        members = later
