"""The example with SQLAlchemy, on a real PostgreSQL, with both drivers."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import Message
from sms_traffic_async.outbox.outbox import Outbox
from sms_traffic_async.outbox.store import State
from tests.support.peers import python_peer

alchemy: Any = python_peer("sqlalchemy.ext.asyncio")


@pytest.fixture
def example() -> Any:
    return importlib.import_module("examples.sqlalchemy_outbox")


@pytest_asyncio.fixture(params=["asyncpg", "psycopg"])
async def engine(request: pytest.FixtureRequest, dsn: str, example: Any) -> AsyncIterator[Any]:
    made = alchemy.create_async_engine(dsn.replace("postgresql://", f"postgresql+{request.param}://"))
    async with made.begin() as connection:
        await connection.run_sync(example.Base.metadata.create_all)
    yield made
    await made.dispose()


async def test_the_order_and_its_sms_are_one(engine: Any, dsn: str, example: Any) -> None:
    async with Outbox(dsn) as outbox:
        async with alchemy.AsyncSession(engine) as session:
            await example.place(session, outbox, example.Order(id="17", phone="79161112233"))
            assert await outbox.counts() == {}
            await session.rollback()
        assert await outbox.counts() == {}
        async with alchemy.AsyncSession(engine) as session, session.begin():
            await example.place(session, outbox, example.Order(id="17", phone="79161112233"))
        assert await outbox.counts() == {State.PENDING: 1}
        assert await outbox.status("order-17") is not None


async def test_nothing_is_kept_outside_a_transaction(engine: Any, dsn: str) -> None:
    """SQLAlchemy opens asyncpg's transaction with its first statement; psycopg opens it by itself."""
    async with Outbox(dsn) as outbox:
        async with alchemy.AsyncSession(engine) as session:
            raw = await (await session.connection()).get_raw_connection()
            message = Message(to="79161112233", text="x")
            if engine.dialect.driver == "asyncpg":
                with pytest.raises(ConfigurationError, match="no transaction open"):
                    await outbox.enqueue(message, conn=raw.driver_connection)
            else:
                await outbox.enqueue(message, conn=raw.driver_connection)
            await session.rollback()
        assert await outbox.counts() == {}


async def test_the_script_runs(
    dsn: str, example: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMS_TRAFFIC_OUTBOX", dsn)
    await example.main("18", "79161112233")
    async with Outbox(dsn) as outbox:
        row = await outbox.status("order-18")
    assert row is not None
    assert capsys.readouterr().out.strip() == row.id
