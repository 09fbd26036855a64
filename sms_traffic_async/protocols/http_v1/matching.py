"""Which ids of an answer belong to which message of the request. Pure.

By push_id where one was sent. In an answer to a plain list of numbers a number
may stand under another one (the platform answers a Moscow 495 number under its
federal one), so order counts where the numbers do not all fit. Whatever does
not add up belongs to nobody: then nobody knows what became of the message.
"""

from __future__ import annotations

from sms_traffic_async.protocols.http_v1.models import SendRequest, SentPart
from sms_traffic_async.protocols.members import in_order

__all__ = ("match",)


def match(request: SendRequest, parts: tuple[SentPart, ...]) -> list[tuple[str, ...]]:
    """For each message its ids, one for each part; empty where none can be told to be its own."""
    members = request.members
    if len(members) == 1:
        return [_ids(list(parts))]
    if all(member.push_id is not None for member in members):
        by_push_id = _grouped(parts, "push_id")
        return [_ids(by_push_id.get(member.push_id, [])) for member in members]
    by_phone = _grouped(parts, "phone")
    numbers = [member.to for member in members]
    if set(by_phone) == set(numbers) and len(by_phone) == len(numbers):
        return [_ids(by_phone[number]) for number in numbers]
    ordered = in_order(by_phone, numbers)
    if ordered is not None:
        return [_ids(found) for found in ordered]
    once = len(set(numbers)) == len(numbers)
    return [_ids(by_phone.get(number, [])) if once else () for number in numbers]


def _grouped(parts: tuple[SentPart, ...], by: str) -> dict[str | None, list[SentPart]]:
    found: dict[str | None, list[SentPart]] = {}
    for part in parts:
        found.setdefault(part.push_id if by == "push_id" else part.phone, []).append(part)
    return found


def _ids(parts: list[SentPart]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.message_id for part in parts))
