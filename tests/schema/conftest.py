"""One server on a copy of the world for all tests here that only read."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import pytest_asyncio

from tests.access.rules import LOG, Logged
from tests.conftest import TEMPLATE
from tests.schema.servers import Shared, shared_server
from tests.support.world import World
from trailcast.embedded import EmbeddedPostgres


@dataclass(frozen=True)
class Reading:
    """Asks the shared server, as Acme's owner unless told otherwise. `rows` are Acme's events as the database has them."""

    shared: Shared
    world: World
    rows: list[asyncpg.Record]

    async def __call__(
        self, document: str, variables: dict[str, Any] | None = None, caller: str = "owner"
    ) -> dict[str, Any]:
        """The whole answer."""
        return await self.shared.gql(document, variables, token=self.world.token(caller))

    async def data(
        self, document: str, variables: dict[str, Any] | None = None, caller: str = "owner"
    ) -> dict[str, Any]:
        """The data of an answer that must have no errors."""
        return await self.shared.gql.data(document, variables, token=self.world.token(caller))

    async def refusal(
        self, document: str, variables: dict[str, Any] | None = None, caller: str = "owner"
    ) -> dict[str, Any]:
        """The one error of an answer without data: its message and extensions."""
        answer = await self(document, variables, caller)
        assert not any((answer.get("data") or {}).values()), answer
        [error] = answer["errors"]
        return {"message": error["message"], **error["extensions"]}

    def names(self, nodes: list[dict[str, Any]]) -> list[str]:
        """What the rules call these events."""
        known = {str(row["id"]): event.name for row, event in zip(self.rows, LOG["acme"], strict=True)}
        return [known[node["id"]] for node in nodes]

    def created_at(self, name: str) -> datetime:
        """When the event of this name was recorded."""
        [place] = [place for place, event in enumerate(LOG["acme"]) if event.name == name]
        moment: datetime = self.rows[place]["created_at"]
        return moment

    def recorded(self) -> list[tuple[Logged, datetime]]:
        """All events of Acme, the oldest first, with their times."""
        return [(event, row["created_at"]) for event, row in zip(LOG["acme"], self.rows, strict=True)]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def read(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Reading]:
    """Nothing is ever written through this one."""
    async with shared_server(postgres, TEMPLATE) as shared:
        rows = await shared.sql.fetch("SELECT * FROM events WHERE workspace_id = $1 ORDER BY sequence", templates.acme)
        yield Reading(shared, templates, rows)
