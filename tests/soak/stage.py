"""What a run takes place on: a PostgreSQL of its own, two workspaces with people and agents in it, its server processes.

All of it is real. PostgreSQL is as durable as it is in production, because it is crashed. The queues of the servers are small
and their patience is short, so that slow readers overflow the ones and lose the other.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg

from tests.acceptance.processes import ServerProcess
from tests.ledger.drafts import last_sequence
from tests.soak.history import History
from tests.soak.plan import Plan
from tests.support.clients import Client
from tests.support.world import World, build_world
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.cursor import encode_sequence
from trailcast.ledger.database import driver_url
from trailcast.ledger.migrating import migrate

PARAMETERS = {"max_connections": "200", "shared_buffers": "128MB"}
# Small queues and little patience, for slow readers. That the database is gone is no news here, so only defects are logged.
SERVER_SETTINGS = {
    "TRAILCAST_FEED_ITEMS_MAX": "16",
    "TRAILCAST_SOCKET_BUFFER_BYTES": "4096",
    "TRAILCAST_SOCKET_STALL_S": "4",
    "TRAILCAST_LOG_LEVEL": "error",
}


@dataclass(frozen=True)
class Stage:
    """`starts` are cursors: where the log of each workspace ended before the run began."""

    plan: Plan
    directory: Path
    postgres: EmbeddedPostgres
    servers: Sequence[ServerProcess]
    clients: Sequence[Client]  # of each server
    world: World
    workspaces: Mapping[str, str]
    starts: Mapping[str, str]
    history: History


@asynccontextmanager
async def staged(plan: Plan, directory: Path, history: History) -> AsyncGenerator[Stage]:
    """The stage, with the database in this directory; nothing of it is left running."""
    postgres = EmbeddedPostgres(directory, parameters=PARAMETERS)
    async with AsyncExitStack() as stack:
        stack.callback(postgres.stop)
        await asyncio.to_thread(postgres.start)
        url = postgres.url()
        await migrate(url)
        world = await build_world(url)
        servers = [ServerProcess(url, **SERVER_SETTINGS) for _ in range(plan.servers)]
        async with asyncio.TaskGroup() as starting:
            for server in servers:
                starting.create_task(server.start())
                stack.push_async_callback(server.kill)
        workspaces = {"acme": world.acme, "globex": world.globex}
        yield Stage(
            plan=plan,
            directory=directory,
            postgres=postgres,
            servers=servers,
            clients=[await stack.enter_async_context(Client(server.http)) for server in servers],
            world=world,
            workspaces=workspaces,
            starts=await _ends(url, workspaces),
            history=history,
        )


async def _ends(url: str, workspaces: Mapping[str, str]) -> dict[str, str]:
    """The cursor of the last event of each log."""
    connection = await asyncpg.connect(driver_url(url))
    try:
        return {
            name: encode_sequence(UUID(workspace), await last_sequence(connection, workspace))
            for name, workspace in workspaces.items()
        }
    finally:
        await connection.close()
