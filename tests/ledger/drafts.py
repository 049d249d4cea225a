"""Events and logs for tests below the API: drafts to append, a workspace with an empty log, and what stands in a log."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from trailcast.ledger.admin import create_workspace
from trailcast.ledger.database import Database
from trailcast.records import Actor, ActorKind, EventDraft, Outcome

ACTOR = Actor(ActorKind.SERVICE, UUID("00000000-0000-4000-8000-000000000001"), "Robot")


def draft(workspace_id: UUID | str, message: str | None = None, **others: Any) -> EventDraft:
    """A workspace-level event of the smallest kind, with these fields changed."""
    smallest = EventDraft(
        workspace_id=UUID(str(workspace_id)),
        event_type="agent.heartbeat",
        category="agent",
        action="reported",
        outcome=Outcome.SUCCESS,
        message=message,
        actor=ACTOR,
        on_behalf_of=None,
        board_id=None,
        task_id=None,
        entity_type="service",
        entity_id=str(ACTOR.id),
        entity_name=None,
        changes=[],
        metadata={},
        ip_address=None,
        user_agent=None,
        correlation_id=None,
        idempotency_key=None,
        content_sha256=None,
        occurred_at=None,
    )
    return replace(smallest, **others)


async def empty_log(database: Database) -> UUID:
    """A new workspace; its id."""
    async with database.operating() as connection:
        return await create_workspace(connection, "Empty", uuid4())


async def read_log(connection: asyncpg.Connection, workspace_id: UUID | str) -> list[tuple[int, str | None]]:
    """(sequence, message) of every event of a workspace, in the order of the log."""
    rows = await connection.fetch(
        "SELECT sequence, message FROM events WHERE workspace_id = $1 ORDER BY sequence", UUID(str(workspace_id))
    )
    return [(row["sequence"], row["message"]) for row in rows]


async def last_sequence(connection: asyncpg.Connection, workspace_id: UUID | str) -> int:
    """Where the head says that the log ends."""
    found: int = await connection.fetchval(
        "SELECT last_sequence FROM heads WHERE workspace_id = $1", UUID(str(workspace_id))
    )
    return found


async def is_waiting_for_lock(connection: asyncpg.Connection) -> bool:
    """Whether some statement of this database waits for a lock."""
    # In a transaction the list of backends is taken once and kept: one that connected since would never be seen.
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
    )
    return found
