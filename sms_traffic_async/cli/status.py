"""``sms-traffic status``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from cyclopts import Parameter

from sms_traffic_async.cli.connect import Carrier
from sms_traffic_async.cli.output import Exit, Output, UsageError
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.protocols.http.replies import StatusesReply
from sms_traffic_async.session import SmsTraffic

NAME = "status"
__all__ = ("NAME", "as_record", "command")

COLUMNS = ("message_id", "status", "status_at", "reason")
UNKNOWN = "not known to the platform"


async def command(
    ids: Annotated[tuple[str, ...], Parameter(help="Message ids, as 'send' printed them.")] = (),
    /,
    *,
    tracking_data: Annotated[
        tuple[str, ...],
        Parameter(negative="", show_default=False, help="Ask by your own label; may be repeated; v2 only."),
    ] = (),
    connect: Carrier | None = None,
) -> int:
    """Print the current status of messages.

    Exits with 3 if the platform does not know some of them; it knows them for two days.
    """
    options = connect or Carrier()
    output = Output(json=options.json)
    if not ids and not tracking_data:
        raise UsageError("nothing to ask for: give message ids or --tracking-data")
    if tracking_data and options.via not in {None, "v2"}:
        raise UsageError(f"--tracking-data is known to v2 only: leave out --via {options.via}")
    async with options.session() as sms:
        reply = await _ask(sms, options, ids, tracking_data)
    missing = [_missing(item, None) for item in reply.missing]
    missing += [_missing(None, label) for label in reply.missing_tracking_data]
    output.records([*map(as_record, reply.found), *missing], (*COLUMNS, "tracking_data") if tracking_data else COLUMNS)
    return Exit.SOME_FAILED if missing else Exit.DONE


async def _ask(sms: SmsTraffic, options: Carrier, ids: Sequence[str], labels: Sequence[str]) -> StatusesReply:
    match "v2" if labels else options.protocol(sms):
        case "v1":
            return await sms.v1.statuses(ids)
        case "soap":
            return await sms.soap.statuses(ids)
        case _:
            return await sms.v2.statuses(ids, tracking_data=labels, extended=True)


def as_record(update: StatusUpdate) -> Mapping[str, Any]:
    """A status for printing."""
    return {
        "message_id": update.message_id,
        "status": str(update.status),
        "final": update.is_final,
        "submitted_at": update.submitted_at,
        "sent_at": update.sent_at,
        "status_at": update.status_at,
        "error": None if update.error is None else int(update.error),
        "reason": update.error_text,
        "tracking_data": update.tracking_data,
    }


def _missing(message_id: str | None, label: str | None) -> Mapping[str, Any]:
    """The names of ``as_record``, so that a program finds the same in every line."""
    return {
        "message_id": message_id,
        "status": None,
        "final": False,
        "submitted_at": None,
        "sent_at": None,
        "status_at": None,
        "error": None,
        "reason": UNKNOWN,
        "tracking_data": label,
    }
