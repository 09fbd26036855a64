"""A worker that takes jobs from standard input, one JSON object a line, and answers each on standard output.

    export SMS_TRAFFIC_API_KEY=public/secret
    echo '{"id": "order-1", "phone": "79161112233", "text": "Заказ собран"}' | python examples/asyncio_worker.py

Every job's id is the key of its message: a job that is handed out a second time
after a crash, within the hour, sends nothing a second time. SIGTERM stops the
taking of jobs and lets those under way finish.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

from sms_traffic_async import DuplicateRequest, InvalidMessage, NotSent, OutcomeUnknown, SendError, SmsTraffic

WORKERS = 8
TRIES = 3
PATIENCE = 5.0
"""Seconds before what was not sent is tried again, growing with each try."""


async def carry_out(sms: SmsTraffic, job: dict[str, Any]) -> dict[str, Any]:
    """One job, and what became of it."""
    for number in range(1, TRIES + 1):
        try:
            sent = await sms.send(str(job["phone"]), str(job["text"]), key=str(job["id"]))
        except DuplicateRequest as error:
            # An earlier run sent it: its ids are as good as ours.
            return {"id": job["id"], "outcome": "sent before", "ids": list(error.message_ids)}
        except NotSent as error:
            if not error.retryable or number == TRIES:
                return {"id": job["id"], "outcome": "not sent", "reason": error.reason}
            await asyncio.sleep(PATIENCE * number)
        except OutcomeUnknown as error:
            return {"id": job["id"], "outcome": "unknown", "advice": error.advice}
        except (SendError, InvalidMessage) as error:
            return {"id": job["id"], "outcome": "refused", "error": str(error)}
        else:
            return {"id": job["id"], "outcome": "sent", "ids": list(sent.message_ids)}
    raise AssertionError("the last try returns")


async def work(sms: SmsTraffic, jobs: asyncio.Queue[dict[str, Any] | None]) -> None:
    while (job := await jobs.get()) is not None:
        print(json.dumps(await carry_out(sms, job), ensure_ascii=False), flush=True)
    jobs.put_nowait(None)  # for the next worker


async def read(jobs: asyncio.Queue[dict[str, Any] | None]) -> None:
    """Take jobs as workers have room for them, until the end of the input or SIGTERM."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    loop.add_signal_handler(signal.SIGTERM, transport.close)
    try:
        while line := await reader.readline():
            if line.strip():
                await jobs.put(json.loads(line))
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        transport.close()


async def main() -> None:
    jobs: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(maxsize=2 * WORKERS)
    async with SmsTraffic.from_env() as sms, asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(work(sms, jobs))
        await read(jobs)
        await jobs.put(None)


if __name__ == "__main__":
    asyncio.run(main())
