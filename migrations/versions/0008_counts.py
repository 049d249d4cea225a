"""What counts take: an index of what an actor did on a board, and one of what failed of a type on a board, where a page or a count read
all that the actor had done, on whichever board, or all that had failed there; and autovacuum every 100,000 events.

Agents and users are found by the first as the actors that they are, which is why it includes their ids: an entry tells by itself whether
it is of the agent or of the user that is asked for, and ten thousand are counted without the table.

An index answers for itself where VACUUM has been, and elsewhere has to look at the table: autovacuum's own rule, a fifth of the table,
leaves it two million events of ten to look at. VACUUM passes by what it has seen: 0.5 s for 100,000 events of ten million.

Compatibility: earlier versions use them as well. Writers wait while they are built, some 20 s for ten million events. Where that is too
long, create the first beforehand by the same statement with CONCURRENTLY (docs/operations.md): one that is there is kept.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"

ACTOR_ON_BOARD = "events_workspace_id_actor_id_board_id_sequence_idx"
NOT_SUCCESS_OF_TYPE_ON_BOARD = "events_workspace_id_board_id_event_type_outcome_sequence_idx"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE events SET (autovacuum_vacuum_insert_threshold = 100000, autovacuum_vacuum_insert_scale_factor = 0)"
    )
    op.execute(
        f"CREATE INDEX IF NOT EXISTS {ACTOR_ON_BOARD}"
        " ON events (workspace_id, actor_id, board_id, sequence) INCLUDE (agent_id, user_id)"
    )
    op.execute(
        f"CREATE INDEX IF NOT EXISTS {NOT_SUCCESS_OF_TYPE_ON_BOARD}"
        " ON events (workspace_id, board_id, event_type, outcome, sequence) WHERE outcome <> 'SUCCESS' AND board_id IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE events RESET (autovacuum_vacuum_insert_threshold, autovacuum_vacuum_insert_scale_factor)")
    op.execute(f"DROP INDEX {ACTOR_ON_BOARD}, {NOT_SUCCESS_OF_TYPE_ON_BOARD}")
