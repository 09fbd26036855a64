"""A unit of an outbox as one ``/v2/send``: the same unit is the same bytes, in whatever process."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.http_v2.batch import Batch, Member, destination_of, member_of, request_of, sized
from sms_traffic_async.protocols.http_v2.models import Destination
from sms_traffic_async.protocols.http_v2.wire import encode_send
from sms_traffic_async.settings import Settings

__all__ = ("batch_of", "digest_of", "problem_of")


def problem_of(message: Message, settings: Settings) -> InvalidMessage | None:
    """Why v2 cannot carry it."""
    size = sized(message, settings.max_parts)
    return size if isinstance(size, InvalidMessage) else None


def batch_of(unit: str, members: Sequence[tuple[str, Message]], settings: Settings) -> Batch:
    """The batch of a unit.

    Args:
        unit: its id.
        members: their ids and messages, in order. All have the options of the first, as ``group_of`` sees to.
        settings: of the session.

    Raises:
        InvalidMessage: v2 cannot carry one of them.
    """
    made: list[Member] = []
    destinations: list[Destination] = []
    first = members[0][1]
    template: str | None = None
    told: int | None = None
    for id_, message in members:
        size = sized(message, settings.max_parts)
        if isinstance(size, InvalidMessage):
            raise size
        told = size.max_parts
        alone = message.params is not None or "[[" in size.text
        template = size.text if alone else None
        made.append(member := member_of(message, id_, size))
        destinations.append(destination_of(message, member.label, None if alone else size.text))
    request = request_of(
        first,
        tuple(destinations),
        text=template,
        originator=first.originator or settings.originator,
        max_parts=told,
        restrictive_id=unit,
    )
    return Batch(members=tuple(made), request=request, chosen=False)


def digest_of(batch: Batch) -> bytes:
    """Tells whether a batch is still what it was when it was first sent. Not of its content alone: the id is in it."""
    return hashlib.sha256(encode_send(batch.request, start_key="startDateTime")).digest()
