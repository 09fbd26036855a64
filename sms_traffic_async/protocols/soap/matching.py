"""Which ``MessageInfo`` belongs to which message of the request. Pure.

No number stands twice in a request. In the answer a number may stand under
another one (the platform answers a Moscow 495 number under its federal one), so
order counts where the numbers do not all fit. Whatever does not add up belongs
to nobody: then nobody knows what became of the message.
"""

from __future__ import annotations

from sms_traffic_async.protocols.members import in_order
from sms_traffic_async.protocols.soap.models import Info, SendRequest

__all__ = ("match",)


def match(request: SendRequest, infos: tuple[Info, ...]) -> list[tuple[Info, ...]]:
    """For each message what is said of it: once, or once for each part; empty where none can be told to be its own."""
    numbers = [member.to for member in request.members]
    if len(numbers) == 1:
        return [infos]
    by_phone: dict[str | None, list[Info]] = {}
    for info in infos:
        by_phone.setdefault(info.phone, []).append(info)
    if any(phone not in numbers for phone in by_phone):
        ordered = in_order(by_phone, numbers)
        if ordered is not None:
            return [tuple(found) for found in ordered]
    return [tuple(by_phone.get(number, ())) for number in numbers]
