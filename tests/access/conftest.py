"""One server for all tests that only read, one for those whose writes do not mind each other, and a way to ask as anybody."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.access.effects import Bell, listening
from tests.access.rules import CALLERS, LOG, workspace_id
from tests.conftest import TEMPLATE
from tests.schema.servers import Shared, shared_server
from tests.support.clients import content_of
from tests.support.world import World
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.rollups import roll_up_all


@dataclass(frozen=True)
class Asking:
    """Asks a shared server as any caller of the rules; `ids` are those of every event of the world, by name."""

    shared: Shared
    world: World
    ids: dict[str, str]

    async def __call__(
        self, caller: str | None, document: str, variables: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The whole answer; `caller` None presents no credential."""
        headers = {} if caller is None else CALLERS[caller].headers(self.world)
        return await self.shared.gql(document, variables, headers=headers)

    async def data(self, caller: str, document: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The data of an answer that must have no errors."""
        answer = await self(caller, document, variables)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    async def raw(
        self, caller: str | None, document: str, variables: dict[str, Any] | None = None
    ) -> tuple[int, bytes]:
        """Status and bytes, but for the id of the request."""
        await self(caller, document, variables)
        return self.shared.gql.last.status_code, content_of(self.shared.gql.last)

    def id(self, name: str) -> str:
        """The id of anything of the world: an event, a workspace, an entry of the directory."""
        if name in self.ids:
            return self.ids[name]
        return workspace_id(self.world, name) if name in LOG else self.world.id(name)


async def _asking(postgres: EmbeddedPostgres, world: World) -> AsyncIterator[Asking]:
    async with shared_server(postgres, TEMPLATE) as shared:
        ids = {}
        for home, events in LOG.items():
            rows = await shared.sql.fetch(
                "SELECT id FROM events WHERE workspace_id = $1 ORDER BY sequence", workspace_id(world, home)
            )
            ids.update({event.name: str(row["id"]) for event, row in zip(events, rows, strict=True)})
        rows = await shared.sql.fetch("SELECT name, id FROM services")
        yield Asking(shared, world, ids | {row["name"]: str(row["id"]) for row in rows})


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ask(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Asking]:
    """Nothing is ever written through this one, so what is counted of it was counted beforehand."""
    async for asking in _asking(postgres, templates):
        assert await roll_up_all(asking.shared.server.database, 1000) == len(LOG)
        yield asking


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tell(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Asking]:
    """The same, for tests that write and compare before with after. New things may be made; those of the world keep their rights."""
    async for asking in _asking(postgres, templates):
        yield asking


@pytest_asyncio.fixture(loop_scope="session")
async def bell(tell: Asking) -> AsyncIterator[Bell]:
    """The doorbell of the server that `tell` asks."""
    async with listening(tell.shared.url) as heard:
        await heard.forget(tell.shared.server)  # what tests before this one wrote
        yield heard


@pytest.fixture(params=CALLERS)
def caller(request: pytest.FixtureRequest) -> str:
    """Each kind of caller that presents a good credential."""
    name: str = request.param
    return name
