"""What tests of the live feed share: its parts on the test's database, with no tick but where a test asks for one."""

from collections.abc import AsyncIterator

import pytest

from tests.ledger.conftest import owner
from tests.live.parts import NEVER_MS, Live, Log
from trailcast.settings import Settings

__all__ = ["owner"]

PAGE_SIZE = 3  # so that a short log has several pages


@pytest.fixture
async def live(database_url: str) -> AsyncIterator[Live]:
    """Small pages and queues; no tick."""
    settings = Settings(
        database_url=database_url, tick_ms=NEVER_MS, feed_page_size=PAGE_SIZE, feed_items_max=1000, log_level="error"
    )
    live = Live(database_url, settings)
    yield live
    await live.close()


@pytest.fixture
async def log(live: Live) -> Log:
    """An empty log."""
    return await live.log()
