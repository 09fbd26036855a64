"""``operation=status`` and ``operation=incoming`` of v1. All dates are UTC+3 without saying so."""

from __future__ import annotations

from collections.abc import Mapping

from sms_traffic_async.sandbox.accounts import Principal
from sms_traffic_async.sandbox.classic import STATUS_DAYS, find
from sms_traffic_async.sandbox.http_call import Answer, Call
from sms_traffic_async.sandbox.http_v1_answers import reply, tag
from sms_traffic_async.sandbox.http_v1_order import Refused, read_date, read_flag
from sms_traffic_async.sandbox.life import FINAL
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.refusals import refuse
from sms_traffic_async.sandbox.store import DAY, StoredMessage

__all__ = ("UNKNOWN_MESSAGE", "incoming", "statuses")

UNKNOWN_MESSAGE = "no such message or this message does not belong to you"
_FLAT = ("submission_date", "send_date", "last_status_change_date", "status", "error", "sms_id")
_LISTED = ("error", "submission_date", "send_date", "last_status_change_date", "sms_id", "status")
"""The document's order of elements in its two examples."""


def statuses(call: Call, principal: Principal, ids: list[str]) -> Answer:
    """One id is answered flat, several as ``<sms>`` elements in the order asked for."""
    platform = call.platform
    found = [(one, find(platform, one, protocol="v1", node=call.node, principal=principal)) for one in ids]
    if len(found) == 1:
        return _one(platform, *found[0])
    content = "".join(
        f"<sms>{_unknown(one) if message is None else _status(platform, one, message, _LISTED)}</sms>"
        for one, message in found
    )
    return reply(content, platform.switches)


def _one(platform: Platform, message_id: str, message: StoredMessage | None) -> Answer:
    switches = platform.switches
    if message is not None:
        return reply(_status(platform, message_id, message, _FLAT), switches, "none")
    if switches.unknown_status == "flat":
        return reply(_unknown(message_id), switches, "none")
    if switches.unknown_status == "empty_tags":
        empty = "".join(tag(switches.submission_date if name == "submission_date" else name, "") for name in _FLAT[:4])
        return reply(empty + _unknown(message_id), switches, "none")
    return reply(f"<sms>{_unknown(message_id)}</sms>", switches)


def _unknown(message_id: str) -> str:
    return tag("error", UNKNOWN_MESSAGE) + tag("sms_id", message_id)


def _status(platform: Platform, message_id: str, message: StoredMessage, order: tuple[str, ...]) -> str:
    switches = platform.switches
    changed = message.status_at
    if switches.buffered_date_empty and message.status not in FINAL:
        changed = None
    values = {
        "submission_date": _date(platform, message.submitted_at),
        "send_date": _date(platform, message.sent_at),
        "last_status_change_date": _date(platform, changed),
        "status": message.status,
        "error": "",
        "sms_id": message_id,
    }
    return "".join(tag(switches.submission_date if name == "submission_date" else name, values[name]) for name in order)


def _date(platform: Platform, at: float | None) -> str:
    return "" if at is None else f"{platform.clock.datetime(at):%Y-%m-%d %H:%M:%S}"


def incoming(call: Call, principal: Principal, fields: Mapping[str, str]) -> Answer:
    """Inbound messages of the last two days, oldest first; ``from_date`` is inclusive.

    Raises:
        Refused: 416 for a date, 404 for a count or a flag that cannot be read.
    """
    platform = call.platform
    with_ids = read_flag(fields, "want_sms_ids", call.finding)
    since = platform.clock.now() - STATUS_DAYS * DAY
    if fields.get("from_date"):
        since = max(since, read_date(fields["from_date"], day=True).timestamp())
    most = fields.get("count")
    if most is not None and not (most.isascii() and most.isdigit()):
        call.finding("count", "is not a whole number", refused=True)
        raise Refused(refuse(404))
    phone = fields.get("from_phone") or None
    matching = [
        message
        for message in platform.store
        if message.direction == "mo"
        and message.submitted_at >= since
        and (phone is None or message.to == phone)
        and principal.sees(message.login)
    ]
    shown = matching if most is None else matching[: int(most[:9])]
    count = len(matching) if platform.switches.incoming_count == "total" else len(shown)
    rows = "".join(_inbound(platform, message, with_id=with_ids) for message in shown)
    return reply(f"{tag('count', str(count))}<messages>{rows}</messages>", platform.switches)


def _inbound(platform: Platform, message: StoredMessage, *, with_id: bool) -> str:
    content = (
        tag("from_phone", message.to)
        + tag("text", message.text)
        + tag("send_date", _date(platform, message.sent_at))
        + tag("delivery_date", _date(platform, message.status_at))
    )
    return f"<message>{content}{tag('sms_id', message.id) if with_id else ''}</message>"
