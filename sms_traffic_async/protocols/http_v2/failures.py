"""What failed attempts of v2 are called; see ``http.failures`` for the rest.

Only ever called where no attempt may have been taken: whether it was is
decided in ``sending``, before anything is given a name.
"""

from __future__ import annotations

from sms_traffic_async.api_codes import describe, error_for, safe_description
from sms_traffic_async.errors import DuplicateRequest, OutcomeUnknown, Rejected, RequestError, SendError
from sms_traffic_async.policy.loop import Stopped
from sms_traffic_async.protocols.http import failures
from sms_traffic_async.protocols.http.answers import Fault
from sms_traffic_async.protocols.http.failures import Wording
from sms_traffic_async.protocols.http_v2.models import SendEvidence

__all__ = (
    "SEND",
    "WORDING",
    "duplicate_error",
    "fault_error",
    "query_error",
    "seen_error",
    "send_error",
)

SEND = "v2.send"

WORDING = Wording(
    refused="the API key was not accepted",
    forbidden="the token may not send",
    refused_advice="Check the API key with the platform's support, by its half before the slash; do not go on trying.",
    forbidden_advice="Ask the platform's support to add the permission to the token.",
)


def fault_error(fault: Fault, *, node: str | None, key: str) -> Rejected:
    """The platform's refusal of a request or a destination."""
    return error_for(
        fault.code,
        fault.message,
        operation=SEND,
        node=node,
        message_key=key,
        on_send=True,
        has_restrictive_id=True,
    )


def duplicate_error(fault: Fault, *, node: str, key: str, ids: tuple[str, ...]) -> DuplicateRequest:
    """Code 105 for a restrictiveId that the caller used before.

    Args:
        fault: the platform's refusal.
        node: the node that gave it.
        key: the message's id.
        ids: what a look-up found of the first sending.
    """
    return DuplicateRequest(
        f"{SEND}: {describe(fault.code).meaning} (code {fault.code}).",
        description=safe_description(fault.message, code=fault.code),
        code=fault.code,
        node=node,
        message_key=key,
        message_ids=ids,
        advice=f"It was taken before as {', '.join(ids)}; another message needs another key.",
    )


def seen_error(fault: Fault, evidence: SendEvidence, *, node: str) -> OutcomeUnknown:
    """Code 105 for a restrictiveId that the caller used before, and a look-up found nothing of the first sending."""
    return OutcomeUnknown(
        f"{SEND}: a request with this key was seen within the hour, and no node knows its message (code {fault.code}).",
        evidence=evidence,
        code=fault.code,
        node=node,
        message_key=evidence.key,
        advice="Ask with resolve(error) what came of the first; a new key sends it whatever came of that.",
    )


def send_error(stopped: Stopped, *, key: str, expired: bool = False) -> SendError:
    """Why a message was not sent; see ``http.failures.send_error``."""
    return failures.send_error(
        stopped,
        operation=SEND,
        key=key,
        fault_error=lambda fault, node, message_key: fault_error(fault, node=node, key=message_key),
        wording=WORDING,
        expired=expired,
    )


def query_error(stopped: Stopped, *, operation: str) -> RequestError:
    """Why a call that sends nothing has no result."""
    return failures.query_error(stopped, operation=operation, wording=WORDING)
