"""An index of what an actor did on a board: a page of it, or a count, read all that the actor had done, on whichever board.

Agents and users are found by it as the actors that they are, which is why it includes their ids: an entry tells by itself whether it is
of the agent or of the user that is asked for, and ten thousand are counted without the table.

Compatibility: earlier versions use it as well. Writers wait while it is built, some 20 s for ten million events. Where that is too
long, create it beforehand by the same statement with CONCURRENTLY (docs/operations.md): one that is there is kept.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX IF NOT EXISTS events_workspace_id_actor_id_board_id_sequence_idx"
        " ON events (workspace_id, actor_id, board_id, sequence) INCLUDE (agent_id, user_id)"
    )


def downgrade() -> None:
    op.execute("DROP INDEX events_workspace_id_actor_id_board_id_sequence_idx")
