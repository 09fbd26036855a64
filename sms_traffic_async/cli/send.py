"""``sms-traffic send``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from cyclopts import Parameter

from sms_traffic_async.cli.connect import Connect
from sms_traffic_async.cli.output import Exit, Output
from sms_traffic_async.cli.status import as_record
from sms_traffic_async.errors import ConfigurationError, DeadlineExceeded
from sms_traffic_async.messages import Message, Submission

NAME = "send"
__all__ = ("NAME", "command", "submission_record")

COLUMNS = ("via", "to", "message_ids", "parts", "encoding", "evidence")


async def command(
    to: Annotated[str, Parameter(help="The number, in international form.")],
    text: Annotated[str, Parameter(allow_leading_hyphen=True, help="The text; '-' reads it from standard input.")],
    /,
    *,
    originator: Annotated[str | None, Parameter(help="The sender's name or number.")] = None,
    key: Annotated[
        str | None, Parameter(help="Your id for this sending: a repeat within the hour sends nothing.")
    ] = None,
    tracking_data: Annotated[str | None, Parameter(help="Your label for it.")] = None,
    max_parts: Annotated[int | None, Parameter(help="Refuse a text of more parts.")] = None,
    truncate: Annotated[bool, Parameter(negative="", help="Cut it to --max-parts instead.")] = False,
    transliterate: Annotated[bool, Parameter(negative="", help="Cyrillic to Latin, by the platform.")] = False,
    start_at: Annotated[str | None, Parameter(help="Not before this time, such as 2026-01-31T09:00+03:00.")] = None,
    wait: Annotated[float, Parameter(help="Wait so many seconds for the final status.")] = 0.0,
    connect: Connect | None = None,
) -> int:
    """Send one message and print what the platform made of it."""
    options = connect or Connect()
    output = Output(json=options.json)
    message = Message(
        to=to,
        text=sys.stdin.read() if text == "-" else text,
        originator=originator,
        key=key,
        tracking_data=tracking_data,
        max_parts=max_parts,
        truncate=truncate,
        transliterate=transliterate,
        start_at=_time(start_at),
    )
    async with options.session() as sms:
        sent = await sms.send(message)
        output.records([submission_record(sent)], COLUMNS)
        if wait <= 0:
            return Exit.DONE
        try:
            update = await sms.wait_for(sent, timeout=wait)
        except DeadlineExceeded as error:
            output.note(str(error))
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
    }


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"--start-at is a time such as 2026-01-31T09:00+03:00, not {text!r}") from None
