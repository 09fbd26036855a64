"""taskiq: an SMS as a task.

    pip install sms-traffic-async taskiq taskiq-redis
    export SMS_TRAFFIC_API_KEY=public/secret
    taskiq worker examples.taskiq_tasks:broker

The broker below lives in this process, to try it; put your own in its place. The
task's id is the message's key: a task that runs twice within the hour is one SMS.
Redis keeps tasks through a crash only with its append-only file turned on; where
no message may be lost, use the outbox (``docs/outbox.md``).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from taskiq import Context, InMemoryBroker, SimpleRetryMiddleware, TaskiqDepends, TaskiqEvents, TaskiqState

from sms_traffic_async import DuplicateRequest, NotSent, OutcomeUnknown, SmsTraffic

broker = InMemoryBroker(await_inplace=True).with_middlewares(SimpleRetryMiddleware(default_retry_count=3))
HOUR = timedelta(hours=1)
"""As long the platform knows a key."""


@broker.on_event(TaskiqEvents.WORKER_STARTUP, TaskiqEvents.CLIENT_STARTUP)
async def begin(state: TaskiqState) -> None:
    """One session for the process."""
    if "sms" not in state:
        state.sms = SmsTraffic.from_env()
        await state.sms.__aenter__()


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN, TaskiqEvents.CLIENT_SHUTDOWN)
async def end(state: TaskiqState) -> None:
    """Let what is under way finish."""
    if "sms" in state:
        await state.sms.aclose()


@broker.task(retry_on_error=False)
async def send_sms(phone: str, text: str, key: str, context: Annotated[Context, TaskiqDepends()]) -> dict[str, Any]:
    """Send one; what came of it is the task's result.

    ``key`` is given by whoever asks for the SMS (an order's number), not made here: only so a second task for the same
    order is the same SMS.
    """
    sms: SmsTraffic = context.state.sms
    try:
        sent = await sms.send(phone, text, key=key)
    except DuplicateRequest as error:
        return {"outcome": "sent before", "ids": list(error.message_ids)}
    except NotSent as error:
        return {"outcome": "not sent", "reason": error.reason, "retry": error.retryable}
    except OutcomeUnknown as error:
        return {"outcome": "unknown", "advice": error.advice}
    return {"outcome": "sent", "ids": list(sent.message_ids)}
