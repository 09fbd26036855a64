"""Results and statuses of the same messages at the same moment: whoever waits, waits for one row and holds none behind.

Two that lock the same rows in two orders wait for each other, until the server ends one of them after a second.
"""

from __future__ import annotations

import asyncio
import uuid

import pytest

from sms_traffic_async.outbox.postgres import PostgresStore
from sms_traffic_async.outbox.store import Entry, News, Result, State
from tests.support.peers import python_peer

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
JOINS = {"nestloop", "hashjoin", "mergejoin"}
LOCK = "SELECT FROM sms_outbox_message WHERE id = ANY($1::text[]) FOR UPDATE NOWAIT"


@pytest.mark.parametrize("join", sorted(JOINS))
@pytest.mark.parametrize("work", ["settle", "learn"])
async def test_messages_are_locked_in_the_order_of_their_ids(
    dsn: str, no_tasks_left: None, work: str, join: str
) -> None:
    other = await python_peer("asyncpg").connect(dsn)
    for off in JOINS - {join}:  # whatever the server would choose
        await other.execute(f"ALTER DATABASE {dsn.rsplit('/', maxsplit=1)[-1]} SET enable_{off} = off")
    store = PostgresStore(dsn)
    await store.open()
    names = sorted(await store.add([Entry(id=str(uuid.uuid4()), body=b"body", group="g") for _ in range(9)]))
    (unit,) = await store.claim(via="v2", most=9, units=1, lease=60)
    assert await store.begin(unit)
    results = [Result(id=one, state=State.ACCEPTED, message_ids=(f"p{one}",)) for one in reversed(names)]
    news = [News(message_id=f"p{one}", status="Delivered", final=True, id=one) for one in reversed(names)]
    try:
        async with other.transaction():
            await other.execute(LOCK, names[:1])
            task = asyncio.ensure_future(store.settle(unit, results) if work == "settle" else store.learn(news))
            async with asyncio.timeout(9):
                while not await other.fetchval(WAITING):
                    await asyncio.sleep(0)
            await other.execute(LOCK, names)  # all the others are free
        assert await task in (True, [])
    finally:
        await other.close()
    assert await store.counts() == {State.ACCEPTED if work == "settle" else State.SENDING: 9}
    await store.aclose()
