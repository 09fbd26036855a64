"""``sms-traffic outbox``: make one, look into it, and decide what only somebody can decide."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import cyclopts
from cyclopts import Parameter

from sms_traffic_async.cli.output import Exit, Output, UsageError
from sms_traffic_async.credentials import ENV_PREFIX
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.secrets import Secret

if TYPE_CHECKING:
    from sms_traffic_async.outbox import Outbox, Row

__all__ = ("At", "app")

app: cyclopts.App = cyclopts.App(name="outbox", help="Create an outbox, look into it, decide about its messages.")

VARIABLE = f"{ENV_PREFIX}OUTBOX"
KEY_VARIABLE = f"{ENV_PREFIX}OUTBOX_KEY"
Listed: TypeAlias = Literal[
    "pending", "sending", "ambiguous", "accepted", "final", "rejected", "held", "expired", "cancelled", "unknown"
]
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_CHANGED = "changed (UTC)"
_COLUMNS = ("id", "key", "state", _CHANGED, "attempts", "message_ids", "status", "code", "reason")


@Parameter(name="*")
@dataclass(kw_only=True)
class At:
    """Which outbox."""

    outbox: Annotated[
        str | None,
        Parameter(
            help=f"A file, or sqlite:///path; instead of {VARIABLE}. A postgresql:// URL with a password in it belongs "
            "in the variable."
        ),
    ] = None
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON object per line.")] = False

    def absent(self) -> str:
        """The file that is to be opened and is not there; a mistyped name would be a new and empty outbox."""
        where = (self.outbox or os.environ.get(VARIABLE) or "").removeprefix("sqlite:///")
        return "" if not where or "://" in where or Path(where).exists() else where

    def open(self, *, new: bool = False) -> Outbox:
        """The outbox; entered by whoever asked.

        Args:
            new: make the file where there is none.

        Raises:
            ConfigurationError: none is named, or it is not there.
        """
        from sms_traffic_async.outbox import Outbox

        where = self.outbox or os.environ.get(VARIABLE)
        if not where:
            raise ConfigurationError(f"which outbox? --outbox PATH, or {VARIABLE}")
        if not new and self.absent():
            raise ConfigurationError(f"there is no outbox at {self.absent()}: 'sms-traffic outbox init' makes one")
        key = os.environ.get(KEY_VARIABLE)
        return Outbox(Secret(where), encryption_key=key.split(",") if key else None)


@app.command(name="init")
async def init(*, at: At | None = None) -> int:
    """Create the tables, or bring them up to date; harmless if they are."""
    options = at or At()
    where = options.outbox or os.environ.get(VARIABLE) or ""
    if where.startswith(("postgresql://", "postgres://")):
        from sms_traffic_async.outbox.postgres_schema import install

        await install(Secret(where))
    else:
        async with options.open(new=True):
            pass
    Output(json=options.json).say("the outbox is ready")
    return Exit.DONE


@app.command(name="status")
async def status(
    names: Annotated[tuple[str, ...], Parameter(help="Ids or keys; none counts all messages.")] = (),
    /,
    *,
    state: Annotated[
        Listed | None,
        Parameter(show_default=False, help="List the messages in this state."),
    ] = None,
    limit: Annotated[int, Parameter(help="List at most this many.")] = 100,
    at: At | None = None,
) -> int:
    """Count messages by state, list some, or show what became of one. Never shows a number or a text."""
    from sms_traffic_async.outbox import State

    options = at or At()
    output = Output(json=options.json)
    async with options.open() as outbox:
        if names:
            rows = [await outbox.status(name) for name in names]
            _show(output, [row for row in rows if row is not None])
            missing = [name for name, row in zip(names, rows, strict=True) if row is None]
            for name in missing:
                output.note(f"{name}: not in this outbox")
            return Exit.SOME_FAILED if missing else Exit.DONE
        if state is not None:
            rows_in = await outbox.store.listing([State(state)], limit=limit)
            _show(output, rows_in)
            return Exit.DONE
        counts = await outbox.counts()
    output.records([{"state": one.value, "messages": counts.get(one, 0)} for one in State], ("state", "messages"))
    return Exit.DONE


@app.command(name="retry")
async def retry(
    names: Annotated[tuple[str, ...], Parameter(help="Ids or keys.")] = (),
    /,
    *,
    held: Annotated[bool, Parameter(negative="", help="All that wait for money or valid credentials.")] = False,
    at: At | None = None,
) -> int:
    """Send held, rejected, expired or unknown messages (again). If it was unknown, a second SMS may go out."""
    if not names and not held:
        raise UsageError("which ones? Ids or keys, or --held")
    options = at or At()
    output = Output(json=options.json)
    failed = done = 0
    async with options.open() as outbox:
        while held and (freed := await outbox.store.release(1_000)):
            done += freed
        for name in names:
            if await outbox.retry(name):
                done += 1
            else:
                failed += 1
                output.note(f"{name}: is not in a state to be retried")
    output.records([{"retried": done}], ("retried",))
    return Exit.SOME_FAILED if failed else Exit.DONE


@app.command(name="cancel")
async def cancel(
    names: Annotated[tuple[str, ...], Parameter(help="Ids or keys.")] = (),
    /,
    *,
    at: At | None = None,
) -> int:
    """Stop pending or held messages from being sent. What is under way, finished or unknown stays as it is."""
    return await _each("cancelled", "is not in a state to be cancelled", names, at, lambda outbox: outbox.cancel)


@app.command(name="resolve")
async def resolve(
    names: Annotated[tuple[str, ...], Parameter(help="Ids or keys.")] = (),
    /,
    *,
    found: Annotated[
        Literal["accepted", "final", "rejected"],
        Parameter(name="--as", help="The platform has them; they are final; it did not take them."),
    ],
    at: At | None = None,
) -> int:
    """Record what you found out about unknown messages. Nothing is sent."""
    from sms_traffic_async.outbox import State

    state = State(found)
    return await _each("resolved", "is not unknown", names, at, lambda outbox: lambda name: outbox.resolve(name, state))


async def _each(
    done_word: str,
    refusal: str,
    names: tuple[str, ...],
    at: At | None,
    of: Callable[[Outbox], Callable[[str], Awaitable[bool]]],
) -> int:
    """Do one thing to each of these messages, and say how many took it."""
    if not names:
        raise UsageError("which ones? Ids or keys")
    options = at or At()
    output = Output(json=options.json)
    async with options.open() as outbox:
        act = of(outbox)
        refused = [name for name in names if not await act(name)]
    for name in refused:
        output.note(f"{name}: {refusal}")
    output.records([{done_word: len(names) - len(refused)}], (done_word,))
    return Exit.SOME_FAILED if refused else Exit.DONE


@app.command(name="purge")
async def purge(
    *,
    older_than: Annotated[str, Parameter(help="Such as 30d, 12h, 90m, or 3600 for seconds.")] = "30d",
    also: Annotated[
        tuple[Literal["accepted", "unknown", "held"], ...],
        Parameter(negative="", show_default=False, help="Also these, which are kept otherwise; may be repeated."),
    ] = (),
    at: At | None = None,
) -> int:
    """Delete what is finished: final, rejected, expired and cancelled messages."""
    from sms_traffic_async.outbox import State
    from sms_traffic_async.outbox.store import DONE

    seconds = _seconds(older_than)
    options = at or At()
    async with options.open() as outbox:
        count = await outbox.purge(seconds, states=DONE | {State(one) for one in also})
    Output(json=options.json).records([{"purged": count}], ("purged",))
    return Exit.DONE


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip(), re.ASCII)
    seconds = math.nan if found is None else float(found[1]) * _UNITS[found[2] or "s"]
    if not seconds >= 0:
        raise UsageError("--older-than is a number with d, h, m or s, such as 30d; without a letter it is seconds")
    return seconds


def _show(output: Output, rows: Sequence[Row]) -> None:
    if output.json:
        output.records([_record(row) for row in rows], ())
    else:
        times = [f"{datetime.fromtimestamp(row.changed, UTC):%Y-%m-%d %H:%M:%S}" for row in rows]
        output.records([_record(row) | {_CHANGED: at} for row, at in zip(rows, times, strict=True)], _COLUMNS)


def _record(row: Row) -> dict[str, object]:
    return {
        "id": row.id,
        "key": row.key,
        "state": row.state.value,
        "changed": datetime.fromtimestamp(row.changed, UTC),
        "attempts": row.attempts,
        "message_ids": list(row.message_ids),
        "status": row.status,
        "code": row.code,
        "reason": row.reason,
    }
