"""``sms-traffic incoming``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from sms_traffic_async.cli.connect import Connect
from sms_traffic_async.cli.output import Exit, Output
from sms_traffic_async.cli.times import AgoOrNone
from sms_traffic_async.messages import InboundMessage
from sms_traffic_async.protocols.http_v1 import IncompleteIncoming

NAME = "incoming"
__all__ = ("NAME", "command")

COLUMNS = ("sender", "sent_at", "text")
"""The list does not say which number of the account was written to."""


async def command(
    *,
    since: Annotated[
        AgoOrNone, Parameter(help="Not older than this: a time with its zone, or how long ago, such as 2h.")
    ] = None,
    sender: Annotated[str | None, Parameter(help="Only from this number.")] = None,
    count: Annotated[int | None, Parameter(validator=Number(gte=1), help="Only this many, the newest.")] = None,
    connect: Connect | None = None,
) -> int:
    """Print messages from subscribers, oldest first. The platform keeps them for two days.

    Needs login and password, because it uses HTTP API v1. Exits with 3 if the platform may have more.
    """
    options = connect or Connect()
    output = Output(json=options.json)
    incomplete: IncompleteIncoming | None = None
    async with options.session() as sms:
        try:
            found = await sms.v1.incoming(since=since, sender=sender)
        except IncompleteIncoming as error:
            found, incomplete = error.messages, error
    if found:
        output.records([_record(message) for message in found[-(count or len(found)) :]], COLUMNS)
    else:
        output.note("no messages: the platform keeps them for two days")
    if incomplete is not None:
        output.note("there may be more than these: ask for less at once, with --since or --sender")
        return Exit.SOME_FAILED
    return Exit.DONE


def _record(message: InboundMessage) -> Mapping[str, Any]:
    return {
        "message_id": message.message_id,
        "sender": message.sender,
        "sent_at": message.sent_at,
        "received_at": message.received_at,
        "text": message.text,
    }
