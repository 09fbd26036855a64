"""Celery: an SMS as a task of a synchronous worker.

    pip install sms-traffic-async celery
    export SMS_TRAFFIC_API_KEY=public/secret CELERY_BROKER=amqp://localhost
    celery -A examples.celery_tasks worker

Every worker process has one event loop and one session on it, so that tasks share
connections. ``acks_late`` and ``reject_on_worker_lost`` make Celery hand a task
out again when a worker dies; the key makes that harmless within the hour.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown

from sms_traffic_async import DuplicateRequest, NotSent, OutcomeUnknown, SmsTraffic

app = Celery("sms", broker=os.environ.get("CELERY_BROKER", "memory://"))
app.conf.update(task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1)


class Lines:
    """The loop of this process, and the session on it. Made on first use: a session does not survive a fork."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None
        self._sms: SmsTraffic | None = None

    def send(self, phone: str, text: str, key: str) -> list[str]:
        """Send one, waiting for the answer."""
        if self._runner is None or self._sms is None:
            self._runner = asyncio.Runner()
            self._sms = SmsTraffic.from_env()
        return list(self._runner.run(self._sms.send(phone, text, key=key)).message_ids)

    def close(self) -> None:
        """End the session, then the loop."""
        if self._runner is not None and self._sms is not None:
            self._runner.run(self._sms.aclose())
            self._runner.close()
        self._runner = self._sms = None


lines = Lines()


@worker_process_init.connect
def begin(**_: Any) -> None:
    """A forked worker starts without a session."""
    lines.__init__()  # type: ignore[misc]  # the parent's, if any, is not closed here: it is the parent's


@worker_process_shutdown.connect
def end(**_: Any) -> None:
    lines.close()


@app.task(bind=True, max_retries=5)
def send_sms(self: Any, phone: str, text: str, key: str) -> dict[str, Any]:
    """Send one; ``key`` is the order's number, so that a second task for it is the same SMS."""
    try:
        return {"outcome": "sent", "ids": lines.send(phone, text, key)}
    except DuplicateRequest as error:
        return {"outcome": "sent before", "ids": list(error.message_ids)}
    except (NotSent, OutcomeUnknown) as error:
        # By v2 a repeat under the same key finds out what became of the first, and sends no second SMS.
        if isinstance(error, NotSent) and not error.retryable:
            return {"outcome": "not sent", "reason": error.reason}
        raise self.retry(countdown=10) from None
