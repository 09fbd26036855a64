"""Finding out what became of messages whose answer was lost: look-ups by label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from sms_traffic_async.errors import SendError
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.policy.loop import Finished
from sms_traffic_async.protocols.http.exchange import HttpAnswer
from sms_traffic_async.protocols.http_v2.calls import V2Calls
from sms_traffic_async.protocols.http_v2.models import Fault
from sms_traffic_async.protocols.http_v2.wire import decode_statuses, encode_statuses

__all__ = ("LOOK_SECONDS", "Look", "LookUp", "accepted_ids")

LOOK_SECONDS = 5.0
"""The most one node is waited for in one look: the other one may know."""

CLOCK_MARGIN = timedelta(seconds=60)
"""How far the platform's clock may be behind ours."""

OPERATION = "v2.statuses"
CHUNK = 100


@dataclass(slots=True)
class Look:
    """What one round over the nodes found.

    Attributes:
        found: entries by label; a message may have one on each node.
        silent: nodes that gave no answer, so that "not found" proves nothing.
        blind: every node refused to tell (a token without that permission).
    """

    found: defaultdict[str, list[StatusUpdate]] = field(default_factory=lambda: defaultdict(list))
    silent: set[str] = field(default_factory=set[str])
    blind: bool = False


class LookUp:
    """Asks the nodes for messages by their labels."""

    def __init__(self, calls: V2Calls) -> None:
        self._calls = calls
        # Each node is asked once a round; the rounds are the repeats.
        self._once = replace(calls.settings.retry, max_attempts=1)

    async def look(self, labels: Sequence[str], order: Iterable[str], *, deadline: float) -> Look:
        """One round: each node in turn, until every label is found.

        Args:
            labels: what to look for.
            order: the nodes, the one to ask first at the front.
            deadline: monotonic seconds.
        """
        look = Look()
        refused = asked = 0
        for node in order:
            missing = [label for label in labels if label not in look.found]
            if not missing:
                break
            asked += 1
            for start in range(0, len(missing), CHUNK):
                answer = await self._ask(node, missing[start : start + CHUNK], deadline)
                if isinstance(answer, tuple):
                    for update in answer:
                        if update.tracking_data is not None:
                            look.found[update.tracking_data].append(update)
                    continue
                look.silent.add(node)
                refused += answer
                break
        look.blind = asked > 0 and refused == asked
        return look

    async def _ask(self, node: str, labels: Sequence[str], deadline: float) -> tuple[StatusUpdate, ...] | bool:
        """The entries, or whether the node refused to tell."""
        calls = self._calls
        until = min(deadline, calls.clock.monotonic() + LOOK_SECONDS)
        request = calls.request(OPERATION, "POST", "/v2/statuses/list", encode_statuses((), labels, extended=False))

        def read(answer: HttpAnswer) -> tuple[StatusUpdate, ...] | Attempt:
            result = calls.judge(answer, partial(decode_statuses, node=answer.node))
            return calls.refused(answer, result) if isinstance(result, Fault) else result

        async def attempt(name: str) -> tuple[StatusUpdate, ...] | Attempt:
            return await calls.attempt(name, request, read, deadline=until)

        try:
            ended = await calls.run(
                attempt, rules=replace(calls.query_rules, pinned=node), deadline=until, policy=self._once
            )
        except SendError:
            return False  # no free place: nobody was asked
        if isinstance(ended, Finished):
            return ended.value
        return bool(ended.attempts) and ended.attempts[-1].verdict is Verdict.PERMANENT


def accepted_ids(updates: Iterable[StatusUpdate], *, own_label: bool, since: datetime) -> tuple[str, ...]:
    """The ids that prove acceptance, each once.

    Args:
        updates: the entries found for one label.
        own_label: the label was made here, so every entry is this message.
        since: when the message was first tried. Under a caller's label exactly
            one entry must be as new as that.
    """
    if own_label:
        return tuple(dict.fromkeys(update.message_id for update in updates))
    recent = dict.fromkeys(
        update.message_id
        for update in updates
        if update.submitted_at is not None and update.submitted_at >= since - CLOCK_MARGIN
    )
    return tuple(recent) if len(recent) == 1 else ()
