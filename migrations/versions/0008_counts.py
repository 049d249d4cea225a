"""What counts take, and pages of an actor: indexes of what an actor did on a board, and of a type, and of what failed of a type on a board,
where a page or a count read all that the actor had done, or all that had failed there; and autovacuum every 100,000 events.

Agents and users are found by the first two as the actors that they are, which is why these include their ids: an entry tells by itself
whether it is of the agent or of the user that is asked for, and ten thousand are counted without the table. So the indexes of agents
and of users with types go, where there are any.

An index answers for itself where VACUUM has been, and elsewhere has to look at the table: autovacuum's own rule, a fifth of the table,
leaves it two million events of ten to look at. VACUUM passes by what it has seen: 0.5 s for 100,000 events of ten million.

Compatibility: earlier versions use them as well, but for that of types: their pages of one type of an agent read all that it has done.
Writers wait while they are built, some 40 s for ten million events. Where that is too long, create the first two beforehand by the same
statements with CONCURRENTLY (docs/operations.md): one that is there is kept.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"

OF_ACTORS = ("board_id", "event_type")
NOT_SUCCESS_OF_TYPE_ON_BOARD = "events_workspace_id_board_id_event_type_outcome_sequence_idx"
VACUUMED_EVERY = "autovacuum_vacuum_insert_threshold"
OF_THE_TABLE = "autovacuum_vacuum_insert_scale_factor"


def upgrade() -> None:
    op.execute(f"ALTER TABLE events SET ({VACUUMED_EVERY} = 100000, {OF_THE_TABLE} = 0)")
    for other in OF_ACTORS:
        op.execute(
            f"CREATE INDEX IF NOT EXISTS events_workspace_id_actor_id_{other}_sequence_idx"
            f" ON events (workspace_id, actor_id, {other}, sequence) INCLUDE (agent_id, user_id)"
        )
    op.execute(
        f"CREATE INDEX IF NOT EXISTS {NOT_SUCCESS_OF_TYPE_ON_BOARD}"
        " ON events (workspace_id, board_id, event_type, outcome, sequence) WHERE outcome <> 'SUCCESS' AND board_id IS NOT NULL"
    )
    for column in ("agent_id", "user_id"):
        op.execute(f"DROP INDEX IF EXISTS events_workspace_id_{column}_event_type_sequence_idx")


def downgrade() -> None:
    op.execute(f"ALTER TABLE events RESET ({VACUUMED_EVERY}, {OF_THE_TABLE})")
    for other in OF_ACTORS:
        op.execute(f"DROP INDEX events_workspace_id_actor_id_{other}_sequence_idx")
    op.execute(f"DROP INDEX {NOT_SUCCESS_OF_TYPE_ON_BOARD}")
