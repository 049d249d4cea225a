"""What tests of the ledger share: the database as its owner sees it, who is bound by no grant and no limit."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from trailcast.ledger.database import driver_url


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the tables' owner to the test's database."""
    connection = await asyncpg.connect(driver_url(database_url))
    yield connection
    await connection.close()
