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


def arguments_of(rows: Sequence[Row]) -> list[Any]:
    """The rows as arguments of MOVE_HEADS_AND_INSERT, behind the heads: an array for each column, then a value for each. Of a column
    that is the same throughout, as most are, there is the value, and the array is empty."""
    arrays: list[Sequence[Any]] = []
    values: list[Any] = []
    for name, column in zip(COLUMNS, zip(*rows, strict=True), strict=True):
        first = column[0]
        # The sequence is always an array: it makes the rows.
        alike = name != "sequence" and first == column[-1] and column.count(first) == len(column)
        arrays.append(() if alike else column)
        values.append(first if alike else None)
    return arrays + values


def _insert() -> str:
    """`unnest` makes nulls of what its shorter arrays have not. A time that is null is the one that the workspace's head moves to."""
    types = {name: _type_of(Event.__table__.columns[name].type) for name in COLUMNS}
    numbered = list(enumerate(types.items(), 4))
    arrays = ", ".join(f"${number}::{kind}[]" for number, (_, kind) in numbered)
    value = {name: f"coalesce(event.{name}, ${number + len(COLUMNS)}::{kind})" for number, (name, kind) in numbered}
    created_at = f"coalesce({value['created_at']}, head.created_at)"
    own = {
        "created_at": created_at,
        "occurred_at": f"coalesce({value['occurred_at']}, {created_at})",
        # As text, because the driver would call a codec of SQLAlchemy's for each value.
        "changes": f"{value['changes']}::jsonb",
        "metadata": f"{value['metadata']}::jsonb",
    }
    return f"""
        WITH head (workspace_id, sequence, created_at) AS MATERIALIZED (
            SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[])
        ), moved AS (
            UPDATE heads SET last_sequence = head.sequence, last_created_at = head.created_at FROM head
            WHERE heads.workspace_id = head.workspace_id
        )
        INSERT INTO events ({", ".join(COLUMNS)})
        SELECT {", ".join({**value, **own}.values())}
        FROM unnest({arrays}) AS event ({", ".join(COLUMNS)}) JOIN head ON head.workspace_id = {value["workspace_id"]}
    """  # noqa: S608 - made of the names above


def _type_of(kind: TypeEngine[Any]) -> str:
    return "text" if isinstance(kind, JSONB) else kind.compile(dialect=POSTGRESQL).partition(" COLLATE ")[0]


MOVE_HEADS_AND_INSERT = _insert()
