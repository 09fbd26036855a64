"""The store in PostgreSQL does what every store of an outbox must do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest_asyncio

from sms_traffic_async.outbox.postgres import PostgresStore
from tests.outbox.contract import Rig, StoreContract
from tests.outbox.postgres.moments import let_pass


@pytest_asyncio.fixture
async def rig(dsn: str, no_tasks_left: None) -> AsyncIterator[Rig]:
    store = PostgresStore(dsn)
    await store.open()
    yield Rig(store=store, wait=partial(let_pass, store))
    await store.aclose()


class TestPostgresStore(StoreContract):
    pass
