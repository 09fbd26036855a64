"""An application with an outbox in a file: what was enqueued is sent, whatever happens to the process.

    SMS_TRAFFIC_API_KEY=… python examples/outbox_service.py

Run it again after a crash: the same order is the same message.
"""

from __future__ import annotations

import asyncio
import os

from sms_traffic_async import Message, SmsTraffic
from sms_traffic_async.outbox import Outbox


async def main() -> None:
    """Enqueue, send, and tell what became of it."""
    async with Outbox(os.environ.get("OUTBOX", "outbox.db")) as outbox, SmsTraffic.from_env() as sms:
        # Returns when it is on the disk. From here on it survives.
        await outbox.enqueue(Message(to="79161112233", text="Ваш заказ 8412 готов"), key="order-8412")
        # A one-time code is worth nothing later: past two minutes it is not sent.
        code = Message(to="79161112233", text="Код 1234", expires_in=120)
        await outbox.enqueue(code, key="code-77", priority=10)
        await outbox.run(sms, until_empty=True)
        for key in ("order-8412", "code-77"):
            row = await outbox.status(key)
            if row is not None:
                print(key, row.state.value, *row.message_ids)


if __name__ == "__main__":
    asyncio.run(main())
