"""One PostgreSQL for all tests of this room (a process of pytest-xdist has its own), a database for each test."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from sms_traffic_async.outbox.postgres_database import Database
from sms_traffic_async.outbox.postgres_schema import install
from tests.support.postgres import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with Cluster() as started:
        yield started


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """The name of a database with the outbox's tables."""
    made = cluster.create_database()
    asyncio.run(install(made))
    return made.rsplit("/", maxsplit=1)[-1]


@pytest.fixture
def dsn(cluster: Cluster, template: str) -> Iterator[str]:
    """A database of the test's own, with the outbox's tables; gone with the test."""
    made = cluster.create_database(template)
    yield made
    cluster.drop_database(made)


@pytest_asyncio.fixture
async def database(dsn: str, no_tasks_left: None) -> AsyncIterator[Database]:
    opened = Database(dsn)
    yield opened
    await opened.aclose()
