"""What a caller wants sent, as requests that v1 can carry, or what is wrong with it.

Gives the error instead of raising it: the frame that raises must hold no number
and no text, because a traceback printed with locals shows it.

Rules
-----
1. ``rus`` is one for a request, so texts of two kinds become two requests.
2. A request holds at most 6,000 estimated parts (document, ``want_sms_ids``).
3. Texts of their own, push ids, or one number twice: individual messages. Each
   gets a push_id, so its answer is recognised whatever number it stands under.
4. Individual messages stand between delimiters that are proven to cut them
   apart where they should.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, TypeAlias, TypedDict

from sms_traffic_async import message_rules as rules
from sms_traffic_async.capabilities import Carrier, uncarried
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.http_v1.form import carries, charset_of, choose_delimiter, divides
from sms_traffic_async.protocols.http_v1.models import Member, Recipient, SendOptions, SendRequest
from sms_traffic_async.protocols.http_v1.wire import individual
from sms_traffic_async.protocols.lanes import MOST_PARTS
from sms_traffic_async.protocols.unkeyed_arguments import (
    NO_IDS_AFTER,
    UnkeyedArguments,
    common_problem,
    member_of,
    read_recipients,
    start_problem,
)
from sms_traffic_async.secrets import mask_text
from sms_traffic_async.text import Rus, choose_rus, estimate_v1, v1_max_characters

__all__ = (
    "GroupKeywords",
    "SendArguments",
    "SendKeywords",
    "WantedRus",
    "arguments_of",
    "individual_request",
    "requests_of",
    "requests_of_message",
)

WantedRus: TypeAlias = Literal["auto", 0, 1, 5]

GROUP_MAX = 200

_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_OURS = frozenset({
    "login", "password", "phones", "message", "rus", "originator", "flash", "start_date", "max_parts", "group",
    "timeout", "individual_messages", "delimiter", "want_sms_ids", "with_push_id", "ignore_phone_format",
    "two_byte_concat", "operation", "sms_id",
})  # fmt: skip


class GroupKeywords(TypedDict, total=False):
    """What ``v1.send_group`` and ``v1.send`` take by name.

    Attributes:
        originator: the sender; ``None`` takes the session's.
        flash: shown at once and not kept; one part.
        ignore_phone_format: bad numbers are queued **and billed** instead of refusing the request.
        rus: ``auto`` changes nothing in a text; 0 has the platform turn
            Cyrillic into Latin letters; 1 and 5 send it as it is.
        start_at: not before this time (aware), at most 3 days ahead.
        max_parts: a longer text is refused; ``None`` takes the session's limit.
        truncate: have the platform cut it instead.
        validity: seconds the platform tries to deliver; below 600 operators may ignore or refuse it.
        two_byte_concat: two octets of reference in long texts, for 152 and 66 characters a part.
        want_ids: ``None`` asks for ids wherever there are any.
        extra: further parameters of ``multi.php``, by their wire names.
    """

    originator: str | None
    flash: bool
    ignore_phone_format: bool
    rus: WantedRus
    start_at: datetime | None
    max_parts: int | None
    truncate: bool
    validity: int | None
    two_byte_concat: bool
    want_ids: bool | None
    extra: Mapping[str, str]


class SendKeywords(GroupKeywords, total=False):
    """What ``v1.send`` takes by name.

    Attributes:
        with_push_id: have every message answered under its push id.
        delimiter: stands between individual messages; the library makes one, and proves either that it stands in none.
    """

    with_push_id: bool
    delimiter: str | None


@dataclass(slots=True, kw_only=True, repr=False)
class SendArguments(UnkeyedArguments):
    """All arguments of a send: see ``SendKeywords``, ``v1.send`` and ``v1.send_group``."""

    recipients: Sequence[Recipient | str] | Recipient | str = ()
    group: str | None = None
    rus: WantedRus = "auto"
    start_at: datetime | None = None
    with_push_id: bool = False
    delimiter: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict[str, str])


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
    arguments = arguments_of(message, "v1")
    if isinstance(arguments, InvalidMessage):
        return arguments
    return requests_of(arguments, originator=originator, max_parts=max_parts, now=now)


def arguments_of(message: Message, carrier: Carrier) -> SendArguments | InvalidMessage:
    """A message as the arguments of a send, if the protocol (v1, or e-mail, which carries the same) can carry it."""
    problem = uncarried(message, carrier)
    if problem is not None:
        return problem
    return SendArguments(
        # The number was read when the message was made: with "INT" it stays as it stands.
        recipients=Recipient(to=message.to, region="INT"),
        text=message.text,
        originator=message.originator,
        rus=0 if message.transliterate else "auto",
        flash=message.flash,
        start_at=message.start_at,
        max_parts=message.max_parts,
        truncate=message.truncate,
        validity=message.validity,
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
    ids = arguments.want_ids
    if ids is None:
        ids = arguments.start_at is None or arguments.start_at - now <= NO_IDS_AFTER
    if arguments.truncate and arguments.text is not None:
        rus = _rus(arguments, arguments.text)
        if isinstance(rus, InvalidMessage):
            return rus
        arguments.text = _taken(arguments, arguments.text, rus)
    if arguments.group is not None:
        return _to_group(arguments, ids=ids)
    recipients = _recipients(arguments)
    if isinstance(recipients, InvalidMessage):
        return recipients
    by_rus: dict[Rus, list[Member]] = {}
    for index, recipient in enumerate(recipients):
        text = recipient.text or arguments.text
        rus = _rus(arguments, text)
        if isinstance(rus, InvalidMessage):
            return rus
        text = _taken(arguments, text or "", rus)
        member = _member(arguments, index, text, rus, to=recipient.to, push_id=recipient.push_id)
        if isinstance(member, InvalidMessage):
            return member
        by_rus.setdefault(rus, []).append(member)
    return _shared_out(arguments, recipients, by_rus, ids=ids)


def _problem(arguments: SendArguments, now: datetime) -> InvalidMessage | None:
    one = arguments
    return (
        common_problem(one)
        or (None if one.group is None else rules.label_problem("group", one.group, GROUP_MAX))
        or rules.flag_problem(with_push_id=one.with_push_id)
        or _start_problem(one, now)
        or _extra_problem(one)
        or (None if one.rus in {"auto", 0, 1, 5} else InvalidMessage("rus", mask_text(one.rus), "auto, 0, 1 or 5"))
    )


def _start_problem(arguments: SendArguments, now: datetime) -> InvalidMessage | None:
    start = arguments.start_at
    if start is None:
        return None
    problem = start_problem(start, now, want_ids=arguments.want_ids)
    if problem is not None:
        return problem
    if arguments.with_push_id and start - now > NO_IDS_AFTER:
        return InvalidMessage("with_push_id", "True", "needs ids, and there are none for a start that far ahead")
    return None


def _extra_problem(arguments: SendArguments) -> InvalidMessage | None:
    for name, value in arguments.extra.items():
        if not _PARAMETER.fullmatch(name) or name.lower() in _OURS:
            return InvalidMessage("extra", mask_text(name), "a parameter's name, and not one the library sends itself")
        if type(value) is not str:
            return InvalidMessage("extra", mask_text(value), "values are strings")
    return None


def _recipients(arguments: SendArguments) -> tuple[Recipient, ...] | InvalidMessage:
    found = read_recipients(arguments.recipients, arguments.region)
    if isinstance(found, InvalidMessage):
        return found
    ids = [one.push_id for one in found if one.push_id is not None]
    if len(set(ids)) != len(ids):
        return InvalidMessage("push_id", "one that stands twice", "each recipient has one of its own")
    if ids and arguments.want_ids is False:
        return InvalidMessage("push_id", "given", "needs want_ids")
    return found


def _rus(arguments: SendArguments, text: str | None) -> Rus | InvalidMessage:
    """The ``rus`` of one message; every character that goes with it must fit its charset."""
    if text is None:
        return InvalidMessage("text", "None", "a common text, or one for each recipient, is needed")
    others = (arguments.originator or "", arguments.group or "", *arguments.extra.values())
    if arguments.rus == "auto":
        return choose_rus(text) if all(carries("cp1251", other) for other in others) else 5
    charset = charset_of(arguments.rus)
    if not carries(charset, text):
        return InvalidMessage("text", mask_text(text), "windows-1251 has no place for every character of it: rus=5 has")
    if not all(carries(charset, other) for other in others):
        return InvalidMessage("originator", "a character outside windows-1251", "cannot go with rus=0 and 1; rus=5 can")
    return arguments.rus


def _taken(arguments: SendArguments, text: str, rus: Rus) -> str:
    """As much of a text that is to be cut as the platform takes to cut; longer ones are refused (420, 424)."""
    if not arguments.truncate:
        return text
    return text[: v1_max_characters(rus, two_byte_concat=arguments.two_byte_concat)]


def _to_group(arguments: SendArguments, *, ids: bool) -> list[SendRequest] | InvalidMessage:
    rus = _rus(arguments, arguments.text)
    if isinstance(rus, InvalidMessage):
        return rus
    member = _member(arguments, 0, arguments.text or "", rus, to="", push_id=None)
    if isinstance(member, InvalidMessage):
        return member
    options = _options(arguments, rus, ids=ids)
    return [SendRequest(members=(member,), options=options, text=arguments.text, group=arguments.group)]


def _member(
    arguments: SendArguments, index: int, text: str, rus: Rus, *, to: str, push_id: str | None
) -> Member | InvalidMessage:
    estimate = estimate_v1(text, rus=rus, two_byte_concat=arguments.two_byte_concat)
    return member_of(arguments, index, text, estimate, to=to, push_id=push_id)


def _shared_out(
    arguments: SendArguments, recipients: Sequence[Recipient], by_rus: Mapping[Rus, list[Member]], *, ids: bool
) -> list[SendRequest] | InvalidMessage:
    common = all(one.text is None for one in recipients)
    twice = len({one.to for one in recipients}) != len(recipients)
    pushed = arguments.with_push_id or any(one.push_id is not None for one in recipients)
    apart = not common or pushed or (twice and ids)
    found: list[SendRequest] = []
    for rus, members in by_rus.items():
        for chunk in _chunks(members):
            own = _options(arguments, rus, ids=ids)
            if not apart:
                # Without a text of its own, a member is the number alone.
                bare = tuple(replace(member, text=None) for member in chunk)
                found.append(SendRequest(members=bare, options=own, text=arguments.text))
                continue
            request = _individual(chunk, own, arguments.delimiter)
            if isinstance(request, InvalidMessage):
                return request
            found.append(request)
    return found


def _options(arguments: SendArguments, rus: Rus, *, ids: bool) -> SendOptions:
    return SendOptions(
        rus=rus,
        originator=arguments.originator,
        flash=arguments.flash,
        start_at=arguments.start_at,
        max_parts=None if arguments.max_parts == rules.PARTS_MAX else arguments.max_parts,
        validity=arguments.validity,
        two_byte_concat=arguments.two_byte_concat,
        ignore_phone_format=arguments.ignore_phone_format,
        want_ids=ids,
        extra=dict(arguments.extra),
    )


def _chunks(members: Sequence[Member]) -> Iterator[tuple[Member, ...]]:
    chunk: list[Member] = []
    parts = 0
    for member in members:
        if chunk and parts + member.parts > MOST_PARTS:
            yield tuple(chunk)
            chunk, parts = [], 0
        chunk.append(member)
        parts += member.parts
    yield tuple(chunk)


def individual_request(members: Iterable[Member], options: SendOptions) -> SendRequest | InvalidMessage:
    """One request for messages with texts of their own, each recognised by a push_id."""
    return _individual(members, options, None)


def _individual(members: Iterable[Member], options: SendOptions, delimiter: str | None) -> SendRequest | InvalidMessage:
    if options.want_ids:
        members = _named(tuple(members))
    request = SendRequest(members=tuple(members), options=options)
    pieces = individual(request)
    if delimiter is None:
        # Letters and digits only, so nothing on the way has a reason to change it; sixteen of them are random.
        chosen = choose_delimiter(pieces, (f"Z{uuid.uuid4().hex[:16].upper()}Q" for _ in range(100)))
    else:
        chosen = delimiter if delimiter and divides(delimiter, pieces) else None
    if chosen is None or not carries(charset_of(options.rus), chosen):
        return InvalidMessage(
            "delimiter", mask_text(delimiter), "must stand in no message, and not begin in the end of one"
        )
    return replace(request, delimiter=chosen)


def _named(members: tuple[Member, ...]) -> tuple[Member, ...]:
    """Every message with a push_id: the caller's, or its place in the request."""
    given = {member.push_id for member in members}
    prefix = "m"
    while any(push_id is not None and push_id.startswith(prefix) for push_id in given):
        prefix += "m"
    return tuple(
        member if member.push_id is not None else replace(member, push_id=f"{prefix}{number}")
        for number, member in enumerate(members)
    )
