"""What docs/outbox.md says of PostgreSQL, done: its transactions, its queries, its unit file."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from sms_traffic_async.cli import main
from sms_traffic_async.outbox.outbox import Outbox
from sms_traffic_async.outbox.store import State
from tests.support.peers import python_peer

PAGE = (Path(__file__).parents[3] / "docs" / "outbox.md").read_text(encoding="utf-8")
TABLE = "CREATE TABLE shop_order (id text PRIMARY KEY, phone text NOT NULL)"


def block(kind: str, having: str) -> str:
    """The one block of the page with these words."""
    (found,) = (
        text for text in re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if having in text
    )
    return str(found)


async def test_the_queries_are_answered(dsn: str) -> None:
    connection = await python_peer("asyncpg").connect(dsn)
    async with Outbox(dsn):
        queries = [one for one in block("sql", "sms_outbox_message").split(";") if one.strip()]
        for query in queries:
            await connection.fetch(query)
    await connection.close()
    assert len(queries) == 5


async def test_an_order_and_its_sms_in_each_way(dsn: str) -> None:
    alchemy: Any = python_peer("sqlalchemy.ext.asyncio")
    orm: Any = python_peer("sqlalchemy.orm")
    names: dict[str, Any] = {}
    exec(block("python", "class Shop"), names)
    base = orm.declarative_base()
    text = orm.mapped_column
    columns = {name: text(python_peer("sqlalchemy").String, primary_key=name == "id") for name in ("id", "phone")}
    order_class = type("Order", (base,), {"__tablename__": "shop_order", **columns})
    phone = "79161112233"
    psycopg: Any = python_peer("psycopg")
    engine = alchemy.create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://"))
    async with Outbox(dsn) as outbox, python_peer("asyncpg").create_pool(dsn, min_size=1, max_size=1) as pool:
        await pool.execute(TABLE)
        shop = names["Shop"](outbox)
        await shop.order_by_asyncpg(pool, "1", phone)
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            await shop.order_by_psycopg(connection, "2", phone)
        async with alchemy.AsyncSession(engine) as session:
            await shop.order_by_sqlalchemy(session, order_class(id="3", phone=phone), "3", phone)
        with pytest.raises(python_peer("asyncpg").UniqueViolationError):
            await shop.order_by_asyncpg(pool, "1", phone)
        assert await outbox.counts() == {State.PENDING: 3}
        assert [await outbox.status(f"order-{number}") is not None for number in (1, 2, 3)] == [True] * 3
        assert await pool.fetchval("SELECT count(*) FROM shop_order") == 3
    await engine.dispose()


def test_the_unit_file_starts_a_worker(capsys: pytest.CaptureFixture[str]) -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # as configparser documents it
    unit.read_string(block("ini", "[Service]"))
    program, *words = shlex.split(unit["Service"]["ExecStart"].replace("%i", "1"))
    assert program.endswith("/sms-traffic")
    assert main([*words, "--help"]) == 0
    told = capsys.readouterr().out
    assert all(word in told for word in words if word.startswith("--"))
    assert float(unit["Service"]["TimeoutStopSec"]) > float(words[words.index("--grace") + 1])
