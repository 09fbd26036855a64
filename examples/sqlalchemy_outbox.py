"""SQLAlchemy: the order and its SMS are one transaction of PostgreSQL.

    pip install 'sms-traffic-async[postgres]' 'sqlalchemy[asyncio]'
    export SMS_TRAFFIC_OUTBOX=postgresql://shop@localhost/shop
    sms-traffic outbox init
    python examples/sqlalchemy_outbox.py 8412 79161112233

Works with the drivers ``postgresql+asyncpg`` and ``postgresql+psycopg``.
"""

from __future__ import annotations

import asyncio
import os
import sys

from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from sms_traffic_async import Message
from sms_traffic_async.outbox import Outbox


class Base(DeclarativeBase):
    """The application's tables."""


class Order(Base):
    """What is ordered, and by whom."""

    __tablename__ = "sqlalchemy_order"
    id: Mapped[str] = mapped_column(primary_key=True)
    phone: Mapped[str]


async def place(session: AsyncSession, outbox: Outbox, order: Order) -> str:
    """Place an order. If this fails, or is never committed, there is neither an order nor an SMS."""
    message = Message(to=order.phone, text=f"Заказ {order.id} принят")
    session.add(order)
    # The first statement opens the transaction on the driver's connection; without one the outbox refuses it.
    await session.flush()
    raw = await (await session.connection()).get_raw_connection()
    return await outbox.enqueue(message, key=f"order-{order.id}", conn=raw.driver_connection)


async def main(order_id: str, phone: str) -> None:
    """Place one order."""
    url = os.environ["SMS_TRAFFIC_OUTBOX"]
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with Outbox(url) as outbox, AsyncSession(engine) as session, session.begin():
        print(await place(session, outbox, Order(id=order_id, phone=phone)))
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
