"""A PostgreSQL that tests may ruin, one per worker, with the world in it. Each test leaves it well."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from tests.faults.ailing import Ailing, Scene
from tests.ledger.drafts import last_sequence
from tests.support.postgres import memory_directory
from tests.support.world import World, build_world
from trailcast.ledger.database import driver_url
from trailcast.ledger.migrating import migrate
from trailcast.settings import Settings


@pytest.fixture(scope="session")
def ailing_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ailing]:
    with memory_directory(tmp_path_factory) as directory:
        ailing = Ailing(directory)
        ailing.build()
        ailing.start()
        try:
            yield ailing
        finally:
            ailing.postgres.stop()


_worlds: dict[str, World] = {}


@pytest.fixture
async def ailing(ailing_postgres: Ailing) -> Ailing:
    """The same, with the world in it."""
    if ailing_postgres.url not in _worlds:
        await migrate(ailing_postgres.url)
        _worlds[ailing_postgres.url] = await build_world(ailing_postgres.url)
    return ailing_postgres


@pytest.fixture
def world(ailing: Ailing) -> World:
    return _worlds[ailing.url]


@pytest.fixture
def settings(ailing: Ailing) -> Settings:
    return Settings(database_url=ailing.url, port=0, tick_ms=200)


@pytest.fixture
async def scene(ailing: Ailing, world: World, settings: Settings) -> AsyncIterator[Scene]:
    """What all tests begin with."""
    owner = await asyncpg.connect(driver_url(ailing.url))
    yield Scene(ailing, world, settings, owner, await last_sequence(owner, world.acme))
    await owner.close()
