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

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from sms_traffic_async import message_rules as rules
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.soap.models import Member, Recipient, SendOptions, SendRequest
from sms_traffic_async.protocols.soap.wire import carries
from sms_traffic_async.secrets import mask_text
from sms_traffic_async.text import choose_rus, estimate_soap

__all__ = ("MOST_PARTS", "SendArguments", "WantedLatin", "requests_of", "requests_of_message")

WantedLatin: TypeAlias = Literal["auto"] | bool

MOST_PARTS = 6000
"""Messages of one request whose ids are asked for (document, v1)."""
NO_IDS_AFTER = timedelta(minutes=5)
LATEST_START = timedelta(days=3)
PLATFORM_MAX_PARTS = 255
VALIDITY_MAX = 86_400
START_MAX = 64


@dataclass(slots=True, kw_only=True, repr=False)
class SendArguments:
    """What ``soap.send_bulk`` and ``soap.send_individual`` take; see there."""

    recipients: Iterable[Recipient | str] | Recipient | str = ()
    text: str | None = None
    individual: bool = False
    originator: str | None = None
    latin: WantedLatin = "auto"
    flash: bool = False
    start_at: datetime | str | None = None
    max_parts: int | None = None
    truncate: bool = False
    validity: int | None = None
    two_byte_concat: bool = False
    ignore_phone_format: bool = False
    want_ids: bool | None = None


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
    for name, given in (
        ("key", message.key),
        ("tracking_data", message.tracking_data),
        ("params", message.params),
        ("batch_name", message.batch_name),
        ("local_time", message.local_time or None),
    ):
        if given is not None:
            return InvalidMessage(name, mask_text(given), "SOAP cannot carry it; HTTP v2 can")
    return requests_of(
        SendArguments(
            recipients=message.to,
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
    arguments.originator = arguments.originator or originator
    arguments.max_parts = max_parts if arguments.max_parts is None else arguments.max_parts
    problem = _problem(arguments, now)
    if problem is not None:
        return problem
    recipients = _recipients(arguments)
    if isinstance(recipients, InvalidMessage):
        return recipients
    members: dict[bool, list[Member]] = {}
    for index, recipient in enumerate(recipients):
        text = recipient.text if recipient.text is not None else arguments.text
        if text is None or not carries(text):
            return _text_problem(text)
        latin = choose_rus(text) == 0 if arguments.latin == "auto" else arguments.latin
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
        (None if one.text is None else rules.text_problem(one.text))
        or (None if one.originator is None else rules.originator_problem(one.originator))
        or (None if carries(one.originator or "") else _unfit("originator", one.originator))
        or rules.number_problem("max_parts", one.max_parts, 1, PLATFORM_MAX_PARTS)
        or (None if one.validity is None else rules.number_problem("validity", one.validity, 1, VALIDITY_MAX))
        or rules.flag_problem(
            flash=one.flash,
            truncate=one.truncate,
            two_byte_concat=one.two_byte_concat,
            ignore_phone_format=one.ignore_phone_format,
            want_ids=True if one.want_ids is None else one.want_ids,
        )
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
    problem = rules.start_problem(start)
    if problem is not None:
        return problem
    if start - now > LATEST_START:
        return InvalidMessage("start_at", start.isoformat(), "at most 3 days ahead; HTTP v2 may take more")
    if arguments.want_ids and start - now > NO_IDS_AFTER:
        return InvalidMessage("want_ids", "True", "there are no ids for a start more than 5 minutes ahead")
    return None


def _unfit(name: str, value: object) -> InvalidMessage:
    return InvalidMessage(name, mask_text(value), "XML has no place for some control character in it")


def _text_problem(text: str | None) -> InvalidMessage:
    if text is None:
        return InvalidMessage("text", "None", "a common text, or one for each recipient, is needed")
    return _unfit("text", text)


def _recipients(arguments: SendArguments) -> tuple[Recipient, ...] | InvalidMessage:
    given = arguments.recipients
    every = (given,) if isinstance(given, Recipient | str) else tuple(given)
    if not every:
        return InvalidMessage("recipients", "an empty list", "at least one recipient is needed")
    try:
        found = tuple(one if isinstance(one, Recipient) else Recipient(to=one) for one in every)
    except InvalidMessage as error:
        return error.with_traceback(None)
    for one in found:
        if one.push_id is not None:
            return InvalidMessage("push_id", mask_text(one.push_id), "SOAP cannot carry it; HTTP v1 can")
        if one.text is not None and not arguments.individual:
            return InvalidMessage("text", mask_text(one.text), "texts of their own go with send_individual")
    return found


def _member(arguments: SendArguments, index: int, to: str, text: str, *, latin: bool) -> Member | InvalidMessage:
    estimate = estimate_soap(text, latin_encoding=latin, two_byte_concat=arguments.two_byte_concat)
    parts, limit = estimate.parts, arguments.max_parts or PLATFORM_MAX_PARTS
    if arguments.flash and parts > 1:
        return InvalidMessage("text", mask_text(text), f"a flash message is one part, this is {parts}")
    if parts > limit:
        if not arguments.truncate:
            return InvalidMessage("text", mask_text(text), f"at most {limit} parts, this is {parts}")
        parts = limit  # the platform cuts what is longer (document, max_parts)
    return Member(
        index=index,
        key=str(uuid.uuid4()),
        to=to,
        text=text,
        parts=parts,
        parts_exact=estimate.exact,
        encoding=estimate.encoding.value,
    )


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
        max_parts=None if arguments.max_parts == PLATFORM_MAX_PARTS else arguments.max_parts,
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
