"""What v1, SOAP and e-mail share: one order of messages, look-ups, ``checked``. No wire form in here.

The document describes SOAP and the second e-mail variant as "the parameters of
HTTP v1 of the same name"; so an order is read by each protocol's own code, and
placed by this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sms_traffic_async.sandbox.accounts import Principal
from sms_traffic_async.sandbox.drafts import Arrival, Draft, Prepared
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.refusals import Refusal, refuse
from sms_traffic_async.sandbox.rules import AirEncoding, ReferenceBytes
from sms_traffic_async.sandbox.store import DAY, StoredMessage

__all__ = ("Item", "Note", "Order", "Placed", "PlacedRow", "find", "mark_checked", "place", "sign_in")

Note = Callable[..., None]
"""``note(field, problem, refused=False)`` writes a finding down."""

FURTHEST_START = 3 * DAY
IDS_START = 300.0
"""Ids are given for what starts at most five minutes ahead (document, want_sms_ids)."""
MOST_WITH_IDS = 6_000
MOST_CHECKED = 5_000
STATUS_DAYS = 2
CHECKED_DAYS = 3
NO_ROUTE = frozenset({419, 429})
"""What SOAP calls Unroutable: the operator of the number is not served."""
CLASSIC = frozenset({"v1", "soap", "smtp"})

# 255 parts of the document's sizes; with two-byte references 255 x 152 and 255 x 66.
_LONGEST: dict[tuple[bool, int], int] = {(True, 1): 39_015, (True, 2): 38_760, (False, 1): 17_085, (False, 2): 16_830}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Item:
    """One recipient with its text."""

    to: str
    text: str
    push_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Order:
    """A send request, read.

    Attributes:
        items: who gets what.
        individual: whether the texts differ (decides between codes 420 and 424).
        encoding: what the texts become on the air.
        want_ids: whether the answer lists ids.
        start: when; ``None`` for at once.
        validity: seconds.
    """

    items: tuple[Item, ...]
    individual: bool = False
    encoding: AirEncoding = "auto"
    originator: str | None = None
    want_ids: bool = False
    any_number: bool = False
    validity: float | None = None
    flash: bool = False
    start: datetime | None = None
    max_parts: int = 255
    reference_bytes: ReferenceBytes = 1


class PlacedRow(NamedTuple):
    """One recipient of a placed order; without ids it was not routable."""

    number: str
    push_id: str | None
    ids: tuple[str, ...]


class Placed(NamedTuple):
    """An order that was accepted; ``queued`` counts parts, as the platform does."""

    queued: int
    rows: tuple[PlacedRow, ...]


def sign_in(platform: Platform, login: str | None, password: str | None, ip: str) -> Principal | Refusal:
    """Who is asking, or 401, 402, 411, 412."""
    if not login:
        return refuse(401)
    if not password:
        return refuse(402)
    principal = platform.accounts.by_login(login, password)
    if principal is None:
        return refuse(411)
    if not principal.account.allows(ip):
        return refuse(412)
    return principal


def place(
    order: Order, platform: Platform, arrival: Arrival, *, note: Note, unroutable: bool = False
) -> Placed | Refusal:
    """Accept all of an order or nothing ("No messages has been sent").

    Args:
        order: what was asked for.
        platform: who takes it.
        arrival: the request; ``ids_per_part`` set.
        note: for findings.
        unroutable: numbers without a route are passed over (SOAP), not refused.
    """
    refusal = _speaks_against(order, platform.clock.now())
    if refusal is not None:
        return refusal
    start = None if order.start is None else order.start.timestamp()
    found: list[Prepared | None] = []
    for item in order.items:
        one = platform.prepare(_draft(order, item, start), arrival)
        if isinstance(one, Refusal):
            if not (unroutable and one.code in NO_ROUTE):
                return one
            found.append(None)
        else:
            found.append(one)
    prepared = [one for one in found if one is not None]
    parts = sum(one.air.parts for one in prepared)
    if order.want_ids and parts > MOST_WITH_IDS:
        note("want_sms_ids", f"is asked for more than {MOST_WITH_IDS} messages", refused=True)
        return refuse(404)
    taken = platform.take(prepared, arrival)
    if isinstance(taken, Refusal):
        return taken
    messages = iter(taken)
    rows: list[PlacedRow] = []
    for item, kept in zip(order.items, found, strict=True):
        if kept is None:
            rows.append(PlacedRow(item.to, item.push_id, ()))
        else:
            message = next(messages)
            rows.append(PlacedRow(message.to, item.push_id, message.ids))
    return Placed(parts, tuple(rows))


def _speaks_against(order: Order, now: float) -> Refusal | None:
    if order.start is not None:
        start = order.start.timestamp()
        # The request carries whole seconds.
        if start < int(now):
            return refuse(417, f"{order.start:%Y-%m-%d %H:%M:%S}")
        if start > now + FURTHEST_START:
            return refuse(504)
        if order.want_ids and start > now + IDS_START:
            return refuse(418)
    longest = _LONGEST[order.encoding == "gsm7", order.reference_bytes]
    for item in order.items:
        if len(item.text) > longest:
            shown = item.text[:20]
            return refuse(424, shown, item.to) if order.individual else refuse(420, shown)
    return None


def _draft(order: Order, item: Item, start: float | None) -> Draft:
    return Draft(
        to=item.to,
        text=item.text,
        originator=order.originator,
        max_parts=order.max_parts,
        start_at=start,
        validity=order.validity,
        flash=order.flash,
        any_number=order.any_number,
        encoding=order.encoding,
        reference_bytes=order.reference_bytes,
    )


def find(
    platform: Platform, message_id: str, *, protocol: str, node: int, principal: Principal, days: int = STATUS_DAYS
) -> StoredMessage | None:
    """The message of an id, if this login may see it and it is not in the archive: sent so many days ago."""
    message = platform.store.get(message_id)
    if message is None:
        return None
    if message.sent_at is not None and message.sent_at < platform.clock.now() - days * DAY:
        return None
    # E-mail has no look-up of its own; the ids of its letters are v1's, as SOAP's are.
    asked_by = message.protocol if message.protocol in CLASSIC else protocol
    return message if platform.visible(message, node=node, protocol=asked_by, principal=principal) else None


def mark_checked(
    platform: Platform, ids: Sequence[str], *, protocol: str, node: int, principal: Principal
) -> list[str] | Refusal:
    """Mark messages as checked; the ids that were marked, in order."""
    if not principal.may_check:
        # The document gives no code; of its table 419 is the one about what one is allowed.
        return refuse(419)
    messages = {
        one: find(platform, one, protocol=protocol, node=node, principal=principal, days=CHECKED_DAYS) for one in ids
    }
    unknown = [one for one, message in messages.items() if message is None]
    known = [one for one, message in messages.items() if message is not None]
    if unknown and (platform.switches.checked_v1_whole or not known):
        listed = ",".join(unknown)
        return Refusal(434, f"No such sms_id or this sms_id does not belong to you : {listed}")
    for message in messages.values():
        if message is not None:
            platform.life.check(message)
    return known
