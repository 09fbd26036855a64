"""``sms-traffic lists``: mailing lists, over HTTP API v1."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
from cyclopts import Parameter
from cyclopts.validators import Number

from sms_traffic_async.cli.connect import Connect
from sms_traffic_async.cli.output import Exit, Output
from sms_traffic_async.cli.stdin import read_numbers

if TYPE_CHECKING:
    from sms_traffic_async.protocols.http_v1 import MailingList, MembersReply

NAME = "lists"
__all__ = ("NAME", "app")

COLUMNS = ("id", "name", "created_at")

app: cyclopts.App = cyclopts.App(
    name=NAME,
    help="Print the account's mailing lists; show, fill and empty them. Needs login and password.",
)

ListId = Annotated[int, Parameter(validator=Number(gte=1, lt=2**32), help="The list's id, as 'lists' prints it.")]
Numbers = Annotated[
    tuple[str, ...],
    Parameter(allow_leading_hyphen=True, help="The numbers; '-' reads them from standard input, one a line."),
]


@app.default
async def every(*, connect: Connect | None = None) -> int:
    """Print the account's mailing lists; show, fill and empty them. Needs login and password."""
    options = connect or Connect()
    output = Output(json=options.json)
    async with options.session() as sms:
        found = await sms.v1.lists.all()
    if found:
        output.records([_record(one) for one in found], COLUMNS)
    else:
        output.note("the account has no lists; they are made in the cabinet")
    return Exit.DONE


@app.command(name="show")
async def show(list_id: ListId, /, *, connect: Connect | None = None) -> int:
    """Print one list and its members."""
    options = connect or Connect()
    output = Output(json=options.json)
    async with options.session() as sms:
        found = await sms.v1.lists.get(list_id)
    if found is None:
        output.note("the platform answered without a list; 'sms-traffic lists' prints all there are")
        return Exit.FAILURE
    output.records([_record(found) | {"members": found.members}], COLUMNS)
    if not output.json and found.members:
        output.records([{"member": member} for member in found.members], ("member",))
    if not found.members:
        output.note("the answer names no members: its form is not documented, and a list may have some all the same")
    return Exit.DONE


@app.command(name="add")
def add(list_id: ListId, numbers: Numbers, /, *, connect: Connect | None = None) -> int:
    """Add numbers to a list; repeating it is harmless. All are checked before any is added."""
    return _change("added to", list_id, numbers, connect or Connect())


@app.command(name="remove")
def remove(list_id: ListId, numbers: Numbers, /, *, connect: Connect | None = None) -> int:
    """Remove numbers from a list; repeating it is harmless. Any digits are taken as they are."""
    return _change("removed from", list_id, numbers, connect or Connect())


def _change(done: str, list_id: int, given: Sequence[str], options: Connect) -> int:
    output = Output(json=options.json)
    adding = done == "added to"
    numbers = read_numbers(output, check=adding) if tuple(given) == ("-",) else given
    reply = asyncio.run(_send(options, list_id, numbers, adding=adding))
    if options.json:
        output.record({"id": str(list_id), "numbers": len(numbers), "counted": reply.count, "requests": reply.requests})
    counted = "" if reply.count in {None, len(numbers)} else f"; the platform counts {reply.count}"
    output.say(f"{len(numbers)} {'number' if len(numbers) == 1 else 'numbers'} {done} list {list_id}{counted}")
    return Exit.DONE


async def _send(options: Connect, list_id: int, numbers: Sequence[str], *, adding: bool) -> MembersReply:
    async with options.session() as sms:
        lists = sms.v1.lists
        return await (lists.add_members(list_id, numbers) if adding else lists.remove_members(list_id, numbers))


def _record(found: MailingList) -> dict[str, Any]:
    return {"id": found.id, "name": found.name, "created_at": found.created_at}
