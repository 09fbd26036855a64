"""FastStream: an SMS for every message on a NATS JetStream subject.

    pip install sms-traffic-async 'faststream[nats]'
    export SMS_TRAFFIC_API_KEY=public/secret NATS_URL=nats://localhost:4222
    faststream run examples.faststream_tasks:app

A broker delivers at least once. The order's id is the message's key, so what is
delivered again within the hour is the same SMS. JetStream acknowledges before it
has written to the disk, unless the server is told ``sync_interval: always``.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from faststream import AckPolicy, ContextRepo, FastStream
from faststream.nats import JStream, NatsBroker, NatsMessage
from pydantic import BaseModel

from sms_traffic_async import DuplicateRequest, InvalidMessage, NotSent, OutcomeUnknown, Rejected, SmsTraffic

PAUSE = 10
"""Seconds before the broker hands out again what was provably not sent."""

broker = NatsBroker(os.environ.get("NATS_URL", "nats://localhost:4222"))


class Order(BaseModel):
    """One SMS to send."""

    id: str
    phone: str
    text: str


@asynccontextmanager
async def lifespan(context: ContextRepo) -> AsyncIterator[None]:
    """One session for the process: handlers share its connections."""
    async with SmsTraffic.from_env() as sms:
        context.set_global("sms", sms)
        yield


app = FastStream(broker, lifespan=lifespan)


@broker.subscriber("sms.orders", durable="sms", stream=JStream(name="SMS"), pull_sub=True, ack_policy=AckPolicy.MANUAL)
async def send(order: Order, message: NatsMessage) -> None:
    """Send one, and tell the broker what became of it."""
    sms: SmsTraffic = app.context.get("sms")
    try:
        await sms.send(order.phone, order.text, key=order.id)
    except NotSent as error:
        if error.retryable:
            await message.nack(delay=PAUSE)  # nothing left: as good as new
            return
        await message.reject()
    except OutcomeUnknown:
        # The same key goes to the same place: a repeat finds out, and cannot be a second SMS.
        await message.nack(delay=PAUSE)
    except DuplicateRequest:
        await message.ack()  # an earlier delivery sent it
    except (Rejected, InvalidMessage):
        await message.reject()  # no repeat would help
    else:
        await message.ack()
