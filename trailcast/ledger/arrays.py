"""The statements that write the log. Their texts never change: what is written comes as one array per column.

So a transaction takes as many statements for a thousand events as for one, and nobody builds a statement while it is needed: the
driver prepares each once per connection. COPY would be as fast and is not to be had, since PostgreSQL refuses it under row-level
security. Who calls these, in which order and under which lock, is `trailcast.ledger.append`'s.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.types import TypeEngine

from models import Event

Row: TypeAlias = tuple[Any, ...]
POSTGRESQL = PGDialect()  # type: ignore[no-untyped-call]

# The order of the values in a row. Every column of the table is here: a test compares.
COLUMNS = (
    "workspace_id", "sequence", "id", "created_at", "occurred_at", "event_type", "category", "action", "outcome", "message",
    "actor_kind", "actor_id", "actor_name", "actor_role", "agent_id", "user_id",
    "on_behalf_of_kind", "on_behalf_of_id", "on_behalf_of_name", "on_behalf_of_role",
    "board_id", "task_id", "entity_type", "entity_id", "entity_name", "changes", "metadata",
    "ip_address", "user_agent", "correlation_id", "idempotency_key", "content_sha256",
)  # fmt: skip

LOCK_HEADS = """
    SELECT workspace_id, last_sequence, last_created_at, clock_timestamp() FROM heads
    WHERE workspace_id = ANY ($1::uuid[]) ORDER BY workspace_id FOR UPDATE
"""
FIND_KEYS = """
    SELECT event.workspace_id, event.idempotency_key, event.sequence, event.content_sha256
    FROM unnest($1::uuid[], $2::text[]) AS asked (workspace_id, idempotency_key)
    JOIN events AS event ON event.workspace_id = asked.workspace_id AND event.idempotency_key = asked.idempotency_key
"""


def columns_of(rows: Sequence[Row]) -> list[Sequence[Any]]:
    """The rows as arguments of INSERT_EVENTS. A column of nulls alone is an empty array: `unnest` makes nulls of what is missing."""
    columns = zip(*rows, strict=True)
    return [() if column[0] is None and column.count(None) == len(column) else column for column in columns]


def _insert() -> str:
    """The heads come first, then the columns. A time that is null is the one that the workspace's head moves to."""
    types = [_type_of(Event.__table__.columns[name].type) for name in COLUMNS]
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, 4))
    own = {
        "created_at": "coalesce(event.created_at, head.created_at)",
        "occurred_at": "coalesce(event.occurred_at, event.created_at, head.created_at)",
        # As text, because the driver would call a codec of SQLAlchemy's for each value.
        "changes": "event.changes::jsonb",
        "metadata": "event.metadata::jsonb",
    }
    return f"""
        WITH head (workspace_id, sequence, created_at) AS MATERIALIZED (
            SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[])
        ), moved AS (
            UPDATE heads SET last_sequence = head.sequence, last_created_at = head.created_at FROM head
            WHERE heads.workspace_id = head.workspace_id
        )
        INSERT INTO events ({", ".join(COLUMNS)})
        SELECT {", ".join(own.get(name, f"event.{name}") for name in COLUMNS)}
        FROM unnest({arrays}) AS event ({", ".join(COLUMNS)}) JOIN head ON head.workspace_id = event.workspace_id
    """  # noqa: S608 - made of the names above


def _type_of(kind: TypeEngine[Any]) -> str:
    return "text" if isinstance(kind, JSONB) else kind.compile(dialect=POSTGRESQL).partition(" COLLATE ")[0]


MOVE_HEADS_AND_INSERT = _insert()
