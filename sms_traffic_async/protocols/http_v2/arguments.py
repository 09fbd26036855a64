"""The arguments of ``v2.send`` as one value, or what is wrong with them.

Gives the error instead of raising it: the frame that raises must hold no number
and no text, because a traceback printed with locals shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

from sms_traffic_async import message_rules as rules
from sms_traffic_async.addresses import Region
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.protocols.http_v2.models import RESTRICTIVE_ID_MAX, Destination, SendRequest
from sms_traffic_async.secrets import mask_text

__all__ = ("read_send",)


def read_send(
    destinations: Sequence[Destination | str] | Destination | str,
    *,
    text: str | None,
    originator: str | None,
    tracking_data: str | None,
    transliterate: bool | None,
    max_parts: int | None,
    validity: int | None,
    start_at: datetime | None,
    local_time: bool,
    batch_name: str | None,
    restrictive_id: str | None,
    region: Region | None = None,
) -> SendRequest | InvalidMessage:
    """See ``HttpV2.send`` for the arguments; ``region`` is how numbers are read that come as plain strings."""
    read = _read_destinations(destinations, region)
    if isinstance(read, InvalidMessage):
        return read
    problem = (
        (None if text is None else rules.text_problem(text))
        or (None if originator is None else rules.originator_problem(originator))
        or _label("tracking_data", tracking_data, rules.TRACKING_DATA_MAX)
        or _label("restrictive_id", restrictive_id, RESTRICTIVE_ID_MAX)
        or _label("batch_name", batch_name, rules.KEY_MAX)
        or (None if max_parts is None else rules.number_problem("max_parts", max_parts, 1, rules.PARTS_MAX))
        or (None if validity is None else rules.number_problem("validity", validity, 1, rules.VALIDITY_MAX))
        or (None if start_at is None else rules.start_problem(start_at))
        or rules.flag_problem(transliterate=transliterate or False, local_time=local_time)
    )
    if problem is not None:
        return problem
    return SendRequest(
        destinations=read,
        text=text,
        originator=originator,
        tracking_data=tracking_data,
        transliterate=transliterate,
        max_parts=max_parts,
        validity=validity,
        start_at=start_at,
        local_time=local_time,
        batch_name=batch_name,
        restrictive_id=restrictive_id,
    )


def _read_destinations(
    given: Sequence[Destination | str] | Destination | str, region: Region | None
) -> tuple[Destination, ...] | InvalidMessage:
    if not isinstance(cast("object", given), Iterable | Destination):
        return InvalidMessage("destinations", mask_text(given), "a number, a Destination, or several of them")
    every = (given,) if isinstance(given, Destination | str) else tuple(given)
    if not every:
        return InvalidMessage("destinations", "an empty list", "at least one destination is needed")
    try:
        return tuple(one if isinstance(one, Destination) else Destination(to=one, region=region) for one in every)
    except InvalidMessage as error:
        return error.with_traceback(None)


def _label(name: str, value: str | None, limit: int) -> InvalidMessage | None:
    return None if value is None else rules.label_problem(name, value, limit)
