"""Runs the revisions on the connection that `trailcast.ledger.migrating` hands over, one process at a time.

The advisory lock makes concurrent starts wait for each other instead of failing; the timeouts keep a migration from queueing
behind a long transaction and stopping all traffic behind itself.
"""

from typing import Any

from alembic import context
from sqlalchemy import Connection, text

from models import metadata

ADVISORY_LOCK = 7_241_969_517  # any number that nothing else in the database uses
LOCK_TIMEOUT_MS = 4_000
STATEMENT_TIMEOUT_MS = 300_000


def run(connection: Connection) -> None:
    """Apply what is asked for in one transaction, under the lock."""
    # Waiting for another migration is allowed to take as long as that one takes.
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
    connection.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}"))
    context.configure(
        connection=connection, target_metadata=metadata, compare_server_default=True, include_object=_ours
    )
    with context.begin_transaction():
        context.run_migrations()


def _ours(_object: Any, name: str | None, type_: str, _reflected: bool, _compare_to: Any) -> bool:  # noqa: FBT001
    return not (type_ == "table" and name == "alembic_version")


run(context.config.attributes["connection"])
