"""Queries that more than one protocol makes: statuses by id, and the probe of a node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from sms_traffic_async import message_rules as rules
from sms_traffic_async.errors import InvalidMessage, RequestError, SendError
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.policy.attempts import Attempt, CallRules
from sms_traffic_async.policy.loop import Finished
from sms_traffic_async.protocols.http.calls import HttpCalls
from sms_traffic_async.protocols.http.exchange import HttpAnswer, HttpRequest
from sms_traffic_async.protocols.http.replies import StatusesReply

__all__ = ("PROBE_SECONDS", "Ask", "checked_ids", "probe", "statuses_by_id")

PROBE_SECONDS = 5.0
ID_MAX = 128

Ask = Callable[[Sequence[str], float, CallRules | None], Awaitable[Finished[list[StatusUpdate]]]]
"""Asks for the statuses of ids, by a deadline, under rules."""


async def statuses_by_id(
    calls: HttpCalls, ids: Sequence[str], ask: Ask, *, chunk: int, deadline: float
) -> StatusesReply:
    """What became of messages, so many ids a request.

    Raises:
        RequestError: no node answered, or the platform refused.
    """
    found: dict[str, StatusUpdate] = {}
    for start in range(0, len(ids), chunk):
        for update in await _on_every_node(calls, ids[start : start + chunk], ask, deadline):
            found.setdefault(update.message_id, update)
    return StatusesReply(
        found=tuple(found[message_id] for message_id in ids if message_id in found),
        missing=tuple(message_id for message_id in ids if message_id not in found),
    )


async def _on_every_node(calls: HttpCalls, ids: Sequence[str], ask: Ask, deadline: float) -> list[StatusUpdate]:
    """One chunk: on any node, and what that node does not know on the others too."""
    ended = await ask(ids, deadline, None)
    found = ended.value
    for node in calls.nodes.order():
        known = {update.message_id for update in found}
        missing = tuple(message_id for message_id in ids if message_id not in known)
        if node == ended.node or not missing:
            continue
        until = min(deadline, calls.clock.monotonic() + PROBE_SECONDS)
        try:
            found += (await ask(missing, until, replace(calls.query_rules, pinned=node))).value
        except RequestError:
            continue  # whether the platform's nodes see each other's messages is not documented
    return found


async def probe(calls: HttpCalls, node: str, request: HttpRequest) -> bool:
    """Ask a node something small, once, and tell the breaker; whether it answered at all."""

    def read(answer: HttpAnswer) -> bool:
        return answer.status < 500  # noqa: PLR2004 - a gateway without a platform behind it is no answer

    until = calls.clock.monotonic() + PROBE_SECONDS
    try:
        result = await calls.attempt(node, request, read, deadline=until, placed=False)
    except SendError:
        return False  # no free place: the node was not asked, and will be again
    answered = result.answered if isinstance(result, Attempt) else result
    calls.nodes.probed(node, answered)
    return answered


def checked_ids(name: str, values: Sequence[str]) -> tuple[str, ...]:
    """The ids, each once.

    Raises:
        InvalidMessage: one is not an id, or there is a comma in it.
    """
    if isinstance(values, str):
        raise InvalidMessage(name, "a string", "a list of strings")
    found = tuple(dict.fromkeys(values))
    for value in found:
        problem = rules.label_problem(name, value, ID_MAX)
        if problem is None and (not value.isascii() or "," in value or " " in value):
            problem = InvalidMessage(name, f"<{len(value)} characters>", "an id holds no comma and no space")
        if problem is not None:
            raise problem
    return found
