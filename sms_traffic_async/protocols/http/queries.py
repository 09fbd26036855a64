"""Queries that more than one protocol makes: statuses by id, and the probe of a node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import cast

from sms_traffic_async import message_rules as rules
from sms_traffic_async.errors import ConfigurationError, InvalidMessage, RequestError, SendError
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.policy.attempts import Attempt, CallRules
from sms_traffic_async.policy.loop import Finished
from sms_traffic_async.protocols.http.calls import HttpCalls
from sms_traffic_async.protocols.http.exchange import HttpAnswer, HttpRequest
from sms_traffic_async.protocols.http.replies import StatusesReply

__all__ = (
    "MOST_CHUNK",
    "PROBE_SECONDS",
    "Ask",
    "check_chunk",
    "checked_ids",
    "each_once",
    "probe",
    "statuses_by_id",
)

PROBE_SECONDS = 5.0
MOST_CHUNK = 4_000
"""Ids of one status request at most: nine elements a row stay below the bound of the XML reader."""

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


def check_chunk(chunk: object, most: int | None = None) -> None:
    """Look at how many ids a caller wants in a request.

    Raises:
        ConfigurationError: it is no whole number from 1 to ``most``.
    """
    if type(chunk) is not int or not 1 <= chunk <= (chunk if most is None else most):
        up_to = "greater than 0" if most is None else f"from 1 to {most}"
        raise ConfigurationError(f"chunk is a whole number {up_to}, not {chunk!r}")


def each_once(name: str, values: Sequence[str], most: int) -> tuple[str, ...]:
    """The ids or labels of a call, each once.

    Args:
        name: of the argument, for errors.
        values: as the caller gave them.
        most: characters of one.

    Raises:
        InvalidMessage: one is none.
    """
    if isinstance(values, str) or not isinstance(cast("object", values), Iterable):
        raise InvalidMessage(name, type(values).__name__, "a list of strings")
    found = tuple(dict.fromkeys(values))
    for value in found:
        problem = rules.label_problem(name, value, most)
        if problem is not None:
            raise problem
    return found


def checked_ids(name: str, values: Sequence[str]) -> tuple[str, ...]:
    """The ids, each once, for a request that has them between commas.

    Raises:
        InvalidMessage: one is not an id, or there is a comma in it.
    """
    found = each_once(name, values, rules.ID_MAX)
    for value in found:
        if not value.isascii() or "," in value or " " in value:
            raise InvalidMessage(name, f"<{len(value)} characters>", "an id holds no comma and no space")
    return found
