"""What tests of the ledger share: the database as its owner sees it, who is bound by no grant and no limit."""

from collections.abc import AsyncIterator

import asyncpg
import hypothesis
import pytest

from trailcast.ledger.database import driver_url

# How long an example takes says how busy the machine is, and nothing about the code.
hypothesis.settings.register_profile(
    "trailcast", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("trailcast")


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the tables' owner to the test's database."""
    connection = await asyncpg.connect(driver_url(database_url))
    yield connection
    await connection.close()
