"""FastAPI: the order and its SMS are one transaction of PostgreSQL; workers send it, whatever crashes.

    pip install 'sms-traffic-async[fastapi,postgres]' uvicorn
    export DATABASE_URL=postgresql://shop@localhost/shop
    export SMS_TRAFFIC_OUTBOX=$DATABASE_URL
    sms-traffic outbox init
    uvicorn examples.fastapi_outbox:app

and, on as many machines as you like, ``sms-traffic worker``.

A server from Debian, the worker as a service, psycopg: docs/outbox.md. SQLAlchemy: ``sqlalchemy_outbox.py``.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from sms_traffic_async import InvalidMessage, Message
from sms_traffic_async.outbox.outbox import Outbox

TABLE = "CREATE TABLE IF NOT EXISTS shop_order (id text PRIMARY KEY, phone text NOT NULL)"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    url = os.environ["DATABASE_URL"]
    async with asyncpg.create_pool(url) as pool, Outbox(url) as outbox:
        await pool.execute(TABLE)
        app.state.pool, app.state.outbox = pool, outbox
        yield


app = FastAPI(title="Orders", lifespan=lifespan)


class Order(BaseModel):
    """What is ordered, and by whom."""

    id: str
    phone: str


@app.post("/orders", status_code=201)
async def place(order: Order) -> dict[str, str]:
    """Place an order. If this fails, there is neither an order nor an SMS."""
    try:
        message = Message(to=order.phone, text=f"Заказ {order.id} принят")
    except InvalidMessage as error:
        raise HTTPException(422, detail={"field": error.field, "rule": error.rule}) from None
    async with app.state.pool.acquire() as connection, connection.transaction():
        done = await connection.execute(
            "INSERT INTO shop_order VALUES ($1, $2) ON CONFLICT DO NOTHING", order.id, order.phone
        )
        if done.endswith(" 0"):
            raise HTTPException(409, detail="there is such an order")
        name = await app.state.outbox.enqueue(message, key=f"order-{order.id}", conn=connection)
    return {"sms": name}


@app.get("/orders/{order_id}/sms")
async def sms(order_id: str) -> dict[str, Any]:
    """What became of the SMS."""
    row = await app.state.outbox.status(f"order-{order_id}")
    if row is None:
        raise HTTPException(404)
    return {"state": row.state, "status": row.status, "ids": list(row.message_ids)}
