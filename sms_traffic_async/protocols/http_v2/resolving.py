"""Finding out, afterwards, what became of a message whose send ended in ``OutcomeUnknown``."""

from __future__ import annotations

from datetime import UTC, datetime

from sms_traffic_async.errors import ConfigurationError, OutcomeUnknown
from sms_traffic_async.messages import Submission
from sms_traffic_async.protocols.http_v2.calls import V2Calls
from sms_traffic_async.protocols.http_v2.ledger import LEDGER, LabelLedger
from sms_traffic_async.protocols.http_v2.lookup import LookUp, accepted_ids
from sms_traffic_async.protocols.http_v2.models import SendEvidence

__all__ = ("resolve",)

OPERATION = "v2.resolve"


async def resolve(
    calls: V2Calls, error: OutcomeUnknown | SendEvidence, *, deadline: float, ledger: LabelLedger = LEDGER
) -> Submission:
    """Look a message up on every node until it is found or cannot be there any more.

    Args:
        calls: the client's calls.
        error: what the send raised, or its evidence.
        deadline: monotonic seconds.
        ledger: the caller's labels of this process.

    Returns:
        The submission, with ``evidence="lookup"``.

    Raises:
        OutcomeUnknown: not found so far, or the label can tell nothing; the
            text says which. The evidence is the same.
        ConfigurationError: the evidence is of another protocol.

    Cancellation: harmless.
    """
    evidence = error.evidence if isinstance(error, OutcomeUnknown) else error
    if not isinstance(evidence, SendEvidence):
        raise ConfigurationError("this outcome is not one of HTTP API v2: it cannot be looked up here")
    clock = calls.clock
    if not evidence.own_label and not ledger.unique(evidence.tracking_data, clock.monotonic()):
        raise _unknown(evidence, "its tracking data was used more than once, or by another process, and tells nothing")
    lookup = LookUp(calls)
    every = [node.name for node in calls.settings.nodes]
    # Evidence may come from another process, which knew other nodes.
    order = tuple(dict.fromkeys((*(node for node in reversed(evidence.nodes) if node in every), *every)))
    while True:
        left = evidence.last_attempt_at.timestamp() + calls.settings.retry.lookup_window - clock.wall()
        look = await lookup.look([evidence.tracking_data], order, deadline=deadline)
        updates = look.found.get(evidence.tracking_data, [])
        ids = accepted_ids(updates, own_label=evidence.own_label, since=evidence.first_attempt_at)
        if ids:
            node = next(update.node or "" for update in updates if update.message_id == ids[0])
            found = _submission(calls, evidence, ids, node)
            if calls.telemetry.accepted is not None:
                calls.telemetry.accepted(found)
            return found
        if look.blind:
            raise _unknown(evidence, "the token may not ask for statuses")
        if left <= 0 and not look.silent:
            raise _unknown(evidence, "no node knows it, and none should learn of it any more")
        pause = calls.settings.retry.lookup_interval if left <= 0 else min(calls.settings.retry.lookup_interval, left)
        if clock.monotonic() + pause >= deadline:
            raise _unknown(evidence, "not found so far" if not look.silent else "not every node answered")
        await clock.sleep(pause)


def _submission(calls: V2Calls, evidence: SendEvidence, ids: tuple[str, ...], node: str) -> Submission:
    return Submission(
        via="v2",
        message_ids=ids,
        key=evidence.key,
        to=evidence.to,
        node=node,
        accepted_at=datetime.fromtimestamp(calls.clock.wall(), UTC),
        evidence="lookup",
        tracking_data=evidence.tracking_data,
        attempts=evidence.attempts,
    )


def _unknown(evidence: SendEvidence, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{OPERATION}: {why}.",
        evidence=evidence,
        node=evidence.nodes[-1] if evidence.nodes else None,
        message_key=evidence.key,
        advice="A status push for it, or the report, would tell too.",
    )
