"""``sms-traffic send``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from sms_traffic_async.cli.connect import SendingCarrier
from sms_traffic_async.cli.output import Exit, Output, UsageError
from sms_traffic_async.cli.status import as_record
from sms_traffic_async.cli.stdin import read_text
from sms_traffic_async.cli.times import MomentOrNone
from sms_traffic_async.errors import DeadlineExceeded
from sms_traffic_async.messages import Message, Submission

NAME = "send"
__all__ = ("NAME", "command", "submission_record")

COLUMNS = ("via", "to", "message_ids", "parts", "encoding", "evidence")
LONGEST_WAIT = 86_400


def command(
    to: Annotated[str, Parameter(help="The number, in international form.")],
    text: Annotated[str, Parameter(allow_leading_hyphen=True, help="The text; '-' reads it from standard input.")],
    /,
    *,
    originator: Annotated[str | None, Parameter(help="The sender's name or number.")] = None,
    key: Annotated[
        str | None, Parameter(help="Your id for this sending: a repeat within the hour sends nothing (v2).")
    ] = None,
    tracking_data: Annotated[str | None, Parameter(help="Your label for it (v2).")] = None,
    max_parts: Annotated[int | None, Parameter(help="Refuse a text of more parts.")] = None,
    truncate: Annotated[
        bool, Parameter(negative="", show_default=False, help="Cut it to --max-parts instead.")
    ] = False,
    transliterate: Annotated[
        bool, Parameter(negative="", show_default=False, help="Cyrillic to Latin, by the platform.")
    ] = False,
    flash: Annotated[
        bool, Parameter(negative="", show_default=False, help="Shown at once and not kept; one part (not v2).")
    ] = False,
    start_at: Annotated[MomentOrNone, Parameter(help="Not before this time, such as 2026-01-31T09:00+03:00.")] = None,
    validity: Annotated[
        int | None, Parameter(help="Seconds the platform tries to deliver; operators may refuse less than 600.")
    ] = None,
    wait: Annotated[
        float, Parameter(validator=Number(gte=0, lte=LONGEST_WAIT), help="Wait this many seconds for the final status.")
    ] = 0.0,
    connect: SendingCarrier | None = None,
) -> int:
    """Send one message and print what the platform made of it.

    With --wait it exits with 0 for a delivered message, 3 for one that was not, and 1 if it was not known in time.
    """
    options = connect or SendingCarrier()
    output = Output(json=options.json)
    if options.via == "smtp" and wait > 0:
        raise UsageError("--wait: an e-mail is handed over and brings no id to ask by; leave it out with --via smtp")
    message = Message(
        to=to,
        text=read_text(output) if text == "-" else text,
        originator=originator,
        key=key,
        tracking_data=tracking_data,
        max_parts=max_parts,
        truncate=truncate,
        transliterate=transliterate,
        flash=flash,
        start_at=start_at,
        validity=validity,
    )
    del to, text
    return asyncio.run(_send(message, options, output, wait))


async def _send(message: Message, options: SendingCarrier, output: Output, wait: float) -> int:
    async with options.session() as sms:
        try:
            sent = await sms.send(message, via=options.protocol(sms))
        except asyncio.CancelledError:
            output.note(
                "interrupted before an answer came: the SMS may have gone out. 'sms-traffic report' tells; "
                "by v2, a repeat with the same --key is harmless"
            )
            raise
        output.records([submission_record(sent)], COLUMNS)
        if wait <= 0:
            return Exit.DONE
        if not sent.message_ids:
            output.note("there is nothing to wait for: the platform gives a scheduled message no id here")
            return Exit.FAILURE
        if output.err.is_terminal:
            output.note(f"waiting up to {wait:g} s for the final status")
        try:
            update = await sms.wait_for(sent, timeout=wait)
        except DeadlineExceeded as error:
            known = f"; the last was {error.last.status or 'none'}" if error.last is not None else ""
            ids = " ".join(sent.message_ids)
            output.note(f"{error}{known}. Ask again: sms-traffic status --via {sent.via} {ids}")
            return Exit.FAILURE
    output.records([as_record(update)], ("message_id", "status", "status_at", "reason"))
    return Exit.DONE if update.is_delivered else Exit.SOME_FAILED


def submission_record(sent: Submission) -> Mapping[str, Any]:
    """A submission for printing."""
    return {
        "via": sent.via,
        "to": sent.to,
        "message_ids": sent.message_ids,
        "parts": sent.parts,
        "parts_exact": sent.parts_exact,
        "encoding": sent.encoding,
        "evidence": sent.evidence,
        "node": sent.node,
        "key": sent.key,
        "tracking_data": sent.tracking_data,
        "accepted_at": sent.accepted_at,
        "start_at": sent.start_at,
        "attempts": sent.attempts,
    }
