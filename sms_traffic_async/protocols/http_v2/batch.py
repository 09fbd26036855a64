"""A batch: what one ``/v2/send`` carries, frozen before the first byte leaves.

Rules
-----
1. Membership and content never change once an attempt was made: a different
   batch under the same restrictiveId would be swallowed.
2. Every message has a label (trackingData) it can be looked up by: the
   caller's own, or one made here, which is unique.
3. A batch of one message made here goes out with ``restrictiveId`` equal to its
   label. ``key=`` derives both from the caller's key, so a repeat of the
   caller's own, in this process or another, is recognised within the hour.
4. Re-keying changes the restrictiveId and nothing else, so a look-up by label
   finds a message under whichever id it was accepted.
5. A text with params or ``[[`` in it stays in ``channels.sms.message``, where
   the document shows that it is filled in.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, Protocol

from sms_traffic_async.capabilities import uncarried
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.message_rules import PARTS_MAX
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.http.record import Member as AnyMember
from sms_traffic_async.protocols.http_v2.models import Addressed, Destination, SendRequest
from sms_traffic_async.secrets import mask_phone, mask_text
from sms_traffic_async.text import Encoding, Estimate, estimate_v2, segment

__all__ = (
    "KEY_SPACE",
    "Batch",
    "Labelled",
    "Member",
    "Sized",
    "batch_of_message",
    "batch_of_request",
    "destination_of",
    "labelled",
    "member_of",
    "plain_encoding",
    "request_of",
    "sized",
)

KEY_SPACE = uuid.UUID("6f0a3c52-3b0e-5f1d-9a56-5d1c7b1e9f42")
"""The name space of ids derived from a caller's key. Changing it would make old keys new."""

# Without a slash, a bracket and "www." there is neither a link nor a template in it (text.estimate). A text of these
# letters needs no escape in JSON either.
_PLAIN_LATIN = re.compile(r"[A-Za-z0-9 .,:;!?()+*=%#&<>'-]{1,160}").fullmatch
_PLAIN_CYRILLIC = re.compile(r"(?=.*[А-Яа-яЁё])[А-Яа-яЁёA-Za-z0-9 .,:;!?()+*=%#&<>'«»№–—-]{1,70}").fullmatch

_GSM7, _UCS2 = Encoding.GSM7.value, Encoding.UCS2.value


class Labelled(AnyMember, Protocol):
    """A message with a label it can be looked up by."""

    @property
    def label(self) -> str:
        """The trackingData it is sent with."""
        ...

    @property
    def own_label(self) -> bool:
        """The label was made here and is unique."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Member:
    """One message of a batch.

    Attributes:
        key: its id in errors and submissions.
        to: the number.
        label: the trackingData it is sent with.
        own_label: the label was made here and is unique.
        parts: estimated number of parts.
        parts_exact: whether the document leaves no doubt about it.
        encoding: ``gsm7`` or ``ucs2``, as estimated.
    """

    key: str
    to: str
    label: str
    own_label: bool
    parts: int | None = None
    parts_exact: bool = True
    encoding: str | None = None

    def __repr__(self) -> str:
        return f"Member(key={self.key!r}, to={mask_phone(self.to)!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A frozen batch.

    Attributes:
        members: its messages, in the order of ``request.destinations``.
        request: what is sent, under the first restrictiveId.
        chosen: the caller chose the id (``key=`` or ``restrictive_id=``), so it
            may have been used before.
    """

    members: tuple[Labelled, ...]
    request: SendRequest
    chosen: bool

    @property
    def restrictive_id(self) -> str:
        """The id of the first key."""
        return self.request.restrictive_id or ""

    @property
    def start_at(self) -> datetime | None:
        """The time it is scheduled for."""
        return self.request.start_at

    def keyed(self, number: int) -> SendRequest:
        """The request under its n-th restrictiveId, from 0."""
        if number == 0:
            return self.request
        return replace(self.request, restrictive_id=str(uuid.uuid5(KEY_SPACE, f"{self.restrictive_id}/{number}")))


def batch_of_message(message: Message, *, originator: str | None, max_parts: int) -> Batch:
    """The batch that carries one message alone.

    Args:
        message: the message; checked when it was made.
        originator: the sender where the message names none.
        max_parts: the limit where the message gives none.

    Raises:
        InvalidMessage: v2 cannot carry it, or it is too long.
    """
    own = str(uuid.uuid4()) if message.key is None else str(uuid.uuid5(KEY_SPACE, message.key))
    size = sized(message, max_parts)
    if isinstance(size, InvalidMessage):
        raise size
    member = member_of(message, own, size)
    request = request_of(
        message,
        (destination_of(message, member.label, None),),
        text=size.text,
        originator=message.originator or originator,
        max_parts=size.max_parts,
        restrictive_id=own,
    )
    return Batch(members=(member,), request=request, chosen=message.key is not None)


def member_of(message: Message, key: str, size: Sized) -> Member:
    """A message under its id, which is its label too where it has none."""
    return Member(
        key=key,
        to=message.to,
        label=message.tracking_data or key,
        own_label=message.tracking_data is None,
        parts=size.parts,
        parts_exact=size.exact,
        encoding=size.encoding,
    )


def destination_of(message: Message, label: str, text: str | None) -> Destination:
    """Where a message goes, with a text of its own or without."""
    # The number was read when the message was made: with "INT" it stays as it stands.
    return Destination(to=message.to, text=text, params=message.params, tracking_data=label, region="INT")


def request_of(
    message: Message,
    destinations: tuple[Addressed, ...],
    *,
    text: str | None,
    originator: str | None,
    max_parts: int | None,
    restrictive_id: str,
) -> SendRequest:
    """What is sent, with the options that all messages of a batch share with this one."""
    return SendRequest(
        destinations=destinations,
        text=text,
        originator=originator,
        transliterate=message.transliterate or None,
        max_parts=max_parts,
        validity=message.validity,
        start_at=message.start_at,
        local_time=message.local_time,
        batch_name=message.batch_name,
        restrictive_id=restrictive_id,
    )


class Sized(NamedTuple):
    """A text as it is sent.

    Attributes:
        text: cut, if it was to be.
        parts: estimated number of parts.
        exact: whether the document leaves no doubt about it.
        encoding: as estimated.
        max_parts: what the platform is told.
    """

    text: str
    parts: int
    exact: bool
    encoding: str
    max_parts: int | None

    def __repr__(self) -> str:
        return f"Sized(parts={self.parts})"


def plain_encoding(text: str) -> str | None:
    """The encoding of what most texts are: one part of plain letters, about which nothing is in doubt."""
    if _PLAIN_LATIN(text):
        return None if "www." in text.lower() else _GSM7
    if _PLAIN_CYRILLIC(text):
        return None if "www." in text.lower() else _UCS2
    return None


def sized(message: Message, max_parts: int) -> Sized | InvalidMessage:
    """The text as it is sent and its parts, or why not. Gives the error, so that no frame with the text raises it.

    Args:
        message: it.
        max_parts: the limit where the message gives none.
    """
    limit = max_parts if message.max_parts is None else message.max_parts
    problem = uncarried(message, "v2")
    if problem is not None:
        return problem
    text = message.text
    if not message.transliterate:
        plain = plain_encoding(text)
        if plain is not None:
            return Sized(text, 1, True, plain, None if limit >= PARTS_MAX else limit)
    estimate = estimate_v2(text, transliterate=message.transliterate)
    parts, exact, encoding = estimate.parts, estimate.exact, estimate.encoding
    if parts > limit:
        if not message.truncate:
            return InvalidMessage("text", mask_text(text), f"at most {limit} parts, this is {parts}")
        if not message.transliterate and "[[" not in text:
            cut = segment(text, max_parts=limit, truncate=True)
            text, parts, encoding = cut.text, cut.count, cut.encoding
        else:
            parts, exact = limit, False  # only the platform knows what it will be; maxParts has it cut
    return Sized(text, parts, exact, encoding.value, None if limit >= PARTS_MAX else limit)


def batch_of_request(request: SendRequest, *, max_parts: int) -> Batch:
    """The batch of a call that gives everything the document knows.

    Labels and a restrictiveId are made where the caller gave none. A label made
    beside a caller's restrictiveId is derived from it, so a repeated call can
    find what the first one sent.

    Args:
        request: as the caller put it.
        max_parts: the limit where the request gives none.

    Raises:
        InvalidMessage: a text is missing or too long.
    """
    limit = max_parts if request.max_parts is None else request.max_parts
    chosen = request.restrictive_id is not None
    key = request.restrictive_id or str(uuid.uuid4())
    alone = len(request.destinations) == 1
    members: list[Member] = []
    destinations: list[Addressed] = []
    for number, destination in enumerate(request.destinations):
        given = destination.tracking_data or request.tracking_data
        own = key if alone else str(uuid.uuid5(KEY_SPACE, f"{key}#{number}"))
        estimate = _estimated(destination.text or request.text, bool(request.transliterate), limit)
        if isinstance(estimate, InvalidMessage):
            raise estimate
        members.append(
            Member(
                key=own,
                to=destination.to,
                label=given or own,
                own_label=given is None,
                parts=estimate.parts,
                parts_exact=estimate.exact,
                encoding=estimate.encoding.value,
            )
        )
        destinations.append(destination if given is not None else labelled(destination, own))
    return Batch(
        members=tuple(members),
        request=replace(request, destinations=tuple(destinations), restrictive_id=key),
        chosen=chosen,
    )


def labelled(destination: Addressed, label: str) -> Destination:
    """The same with a label."""
    return Destination(
        to=destination.to, text=destination.text, params=destination.params, tracking_data=label, region="INT"
    )


def _estimated(text: str | None, transliterate: bool, limit: int) -> Estimate | InvalidMessage:
    if text is None:
        return InvalidMessage("text", "None", "a common text, or one for each destination, is needed")
    estimate = estimate_v2(text, transliterate=transliterate)
    if estimate.parts > limit:
        return InvalidMessage("text", mask_text(text), f"at most {limit} parts, this is {estimate.parts}")
    return estimate
