"""What a caller of v1, SOAP or e-mail may ask for, as far as they are alike, or what is wrong with it.

Gives the error instead of raising it: the frame that raises must hold no number
and no text, because a traceback printed with locals shows it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sms_traffic_async import message_rules as rules
from sms_traffic_async.addresses import Region
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.protocols.members import Member, Recipient
from sms_traffic_async.secrets import mask_text
from sms_traffic_async.text import Estimate

__all__ = (
    "NO_IDS_AFTER",
    "UnkeyedArguments",
    "common_problem",
    "member_of",
    "read_recipients",
    "start_problem",
)

NO_IDS_AFTER = timedelta(minutes=5)
LATEST_START = timedelta(days=3)


@dataclass(slots=True, kw_only=True, repr=False)
class UnkeyedArguments:
    """The arguments that all of them know; see ``v1.send``.

    Attributes:
        region: how numbers are read that come as plain strings.
    """

    region: Region | None = None
    text: str | None = None
    originator: str | None = None
    flash: bool = False
    max_parts: int | None = None
    truncate: bool = False
    validity: int | None = None
    two_byte_concat: bool = False
    ignore_phone_format: bool = False
    want_ids: bool | None = None


def common_problem(one: UnkeyedArguments) -> InvalidMessage | None:
    """What is wrong with the arguments that all of them know."""
    return (
        (None if one.text is None else rules.text_problem(one.text))
        or (None if one.originator is None else rules.originator_problem(one.originator))
        or rules.number_problem("max_parts", one.max_parts, 1, rules.PARTS_MAX)
        or (None if one.validity is None else rules.number_problem("validity", one.validity, 1, rules.VALIDITY_MAX))
        or rules.flag_problem(
            flash=one.flash,
            truncate=one.truncate,
            two_byte_concat=one.two_byte_concat,
            ignore_phone_format=one.ignore_phone_format,
            want_ids=True if one.want_ids is None else one.want_ids,
        )
    )


def start_problem(start: datetime, now: datetime, *, want_ids: bool | None) -> InvalidMessage | None:
    """What is wrong with the time a message is not to be sent before."""
    problem = rules.start_problem(start)
    if problem is not None:
        return problem
    if start - now > LATEST_START:
        return InvalidMessage("start_at", start.isoformat(), "at most 3 days ahead; HTTP v2 may take more")
    if want_ids and start - now > NO_IDS_AFTER:
        return InvalidMessage("want_ids", "True", "there are no ids for a start more than 5 minutes ahead")
    return None


def read_recipients(
    given: Iterable[Recipient | str] | Recipient | str, region: Region | None
) -> tuple[Recipient, ...] | InvalidMessage:
    """The recipients, at least one."""
    if not isinstance(cast("object", given), Iterable | Recipient):
        return InvalidMessage("recipients", mask_text(given), "a number, a Recipient, or several of them")
    every = (given,) if isinstance(given, Recipient | str) else tuple(given)
    if not every:
        return InvalidMessage("recipients", "an empty list", "at least one recipient is needed")
    try:
        return tuple(one if isinstance(one, Recipient) else Recipient(to=one, region=region) for one in every)
    except InvalidMessage as error:
        return error.with_traceback(None)


def member_of(
    one: UnkeyedArguments, index: int, text: str, estimate: Estimate, *, to: str, push_id: str | None = None
) -> Member | InvalidMessage:
    """A message of a request, if its text is not too long."""
    parts, limit = estimate.parts, rules.PARTS_MAX if one.max_parts is None else one.max_parts
    if one.flash and parts > 1:
        return InvalidMessage("text", mask_text(text), f"a flash message is one part, this is {parts}")
    if parts > limit:
        if not one.truncate:
            return InvalidMessage("text", mask_text(text), f"at most {limit} parts, this is {parts}")
        parts = limit  # the platform cuts what is longer (document, max_parts)
    return Member(
        index=index,
        key=push_id or str(uuid.uuid4()),
        to=to,
        text=text,
        push_id=push_id,
        parts=parts,
        parts_exact=estimate.exact,
        encoding=estimate.encoding.value,
    )
