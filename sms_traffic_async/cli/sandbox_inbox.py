"""What a shell asks of a running sandbox: ``sandbox inbox``, ``wait``, ``code``, ``reset``, ``faults``, ``advance``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from cyclopts import Parameter

from sms_traffic_async.cli.control import Running, sandbox_at
from sms_traffic_async.cli.output import Exit, Output

__all__ = ("advance", "faults", "inbox", "newest_code", "reset", "wait")

Json = Annotated[bool, Parameter(negative="", show_default=False, help="Print JSON objects, errors too.")]
Query = Annotated[str, Parameter(help="As on the page: 'to:7916 text:code is:sent via:v1 -status:delivered'.")]
COLUMNS = ("submitted_at", "via", "to", "from", "status", "parts", "text")
LONGEST = 60.0


def _row(message: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "submitted_at", "to", "from", "status", "parts", "encoding", "text")
    return {name: message[name] for name in names} | {"via": message["protocol"]}


def _rows(messages: Iterable[Mapping[str, Any]], *, json: bool) -> list[dict[str, Any]]:
    rows = [_row(message) for message in messages]
    if not json:  # a table of 80 columns has no room for the year, the parts of a second and the zone
        for row in rows:
            row["submitted_at"] = f"{datetime.fromisoformat(row['submitted_at']):%m-%d %H:%M:%S}"
    return rows


async def inbox(
    query: Query = "",
    /,
    *,
    limit: Annotated[int, Parameter(help="How many of the newest.")] = 20,
    node: Running = None,
    json: Json = False,
) -> int:
    """List the messages of a running sandbox, oldest first."""
    output = Output(json=json)
    async with sandbox_at(node) as control:
        found = await control.call("GET", "messages?" + urlencode({"q": query, "limit": limit}))
    output.records(_rows(reversed(found["messages"]), json=json), COLUMNS)
    if not json and found["total"] > len(found["messages"]):
        output.note(f"{found['total']} in all; --limit shows more")
    return Exit.DONE


async def wait(
    query: Query = "",
    /,
    *,
    timeout: Annotated[float, Parameter(help="Seconds.")] = 10.0,  # noqa: ASYNC109 - an option of the command
    node: Running = None,
    json: Json = False,
) -> int:
    """Wait for a message; it exits with 1 when none comes in time."""
    output = Output(json=json)
    async with sandbox_at(node) as control:
        left = timeout
        while True:
            asked = min(left, LONGEST)
            found = await control.wait(query, asked)
            left -= asked
            if found["message"] is not None or left <= 0:
                break
    if found["message"] is None:
        output.note("no such message came; the newest are:")
        output.records(_rows(found["newest"], json=json), COLUMNS)
        return Exit.FAILURE
    output.records(_rows([found["message"]], json=json), COLUMNS)
    return Exit.DONE


async def newest_code(
    number: Annotated[str, Parameter(help="The phone number, or its last digits.")],
    /,
    *,
    node: Running = None,
    json: Json = False,
) -> int:
    """Print the newest one-time code sent to a number, for scripts."""
    output = Output(json=json)
    async with sandbox_at(node) as control:
        found = await control.call("GET", f"codes/{number}")
    if json:
        output.record({"code": found["code"], "message": _row(found["message"])})
    else:
        output.say(found["code"])
    return Exit.DONE


async def reset(*, node: Running = None, json: Json = False) -> int:
    """Forget every message, log and fault of a running sandbox."""
    output = Output(json=json)
    async with sandbox_at(node) as control:
        answer = await control.call("POST", "reset", {})
    if json:
        output.record(answer)
    return Exit.DONE


async def faults(
    profile: Annotated[str | None, Parameter(help="healthy, flaky, throttled, slow, dead-node or malformed.")] = None,
    /,
    *,
    add: Annotated[str | None, Parameter(help="An effect instead, such as drop, throttle or latency.")] = None,
    when: Annotated[Literal["before", "after"] | None, Parameter(help="Before or after acceptance.")] = None,
    protocol: Annotated[str | None, Parameter(help="Only on v2, v1, soap, smpp, smtp or push.")] = None,
    operation: Annotated[str | None, Parameter(help="Only on send, statuses and so on.")] = None,
    nth: Annotated[int | None, Parameter(help="Only the n-th request.")] = None,
    probability: Annotated[float | None, Parameter(help="Of each request, 0 to 1.")] = None,
    times: Annotated[int | None, Parameter(help="At most this many times.")] = None,
    seed: Annotated[int, Parameter(help="Seed of the random choices.")] = 0,
    node: Running = None,
    json: Json = False,
) -> int:
    """Show the faults of a running sandbox; use a named set of them, or add one."""
    output = Output(json=json)
    async with sandbox_at(node) as control:
        if profile is not None:
            await control.call("PUT", "faults/profile", {"name": profile, "seed": seed})
        if add is not None:
            wishes = {
                "protocol": protocol,
                "operation": operation,
                "nth": nth,
                "probability": probability,
                "times": times,
            }
            effect = add if when is None else {"kind": add, "when": when}
            given = {name: value for name, value in wishes.items() if value is not None}
            await control.call("POST", "faults", {"effect": effect, "seed": seed, **given})
        found = await control.call("GET", "faults")
    records = [rule | {"effect": rule["effect"]["kind"]} for rule in found["rules"]]
    output.records(records, ("name", "effect", "protocol", "operation", "nth", "probability", "times"))
    output.say(f"{len(records)} rule(s), {found['injected']} injected")
    return Exit.DONE


async def advance(
    by: Annotated[str, Parameter(help="Such as 90s, 2h or 1h30m.")],
    /,
    *,
    node: Running = None,
    json: Json = False,
) -> int:
    """Move the clock of a running sandbox; what is due has happened when it returns."""
    output = Output(json=json)
    async with sandbox_at(node) as control:
        answer = await control.call("POST", "clock/advance", {"by": by})
    if json:
        output.record(answer)
    else:
        output.say(answer["now"])
    return Exit.DONE
