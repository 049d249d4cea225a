"""Indexes for filters that are used together: a type of event on a board, what failed of a type, a board, an agent, a user or any
actor. Without them such a page reads all that one of the two filters finds, which for a combination that hardly occurs is most of it.
Types by an agent or by a user, which had indexes here at first, are read from that of actors (0008): nobody has to wait for those any more.

Compatibility: earlier versions use them as well. Writers wait while an index is built, some 15 s for ten million events each. Where
that is too long, create them beforehand by the same statements with CONCURRENTLY (docs/operations.md): those that are there are kept.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"

NOT_SUCCESS = "outcome <> 'SUCCESS'"
INDEXES = (
    ("board_id", "event_type", "board_id IS NOT NULL"),
    ("event_type", "outcome", NOT_SUCCESS),
    ("board_id", "outcome", f"{NOT_SUCCESS} AND board_id IS NOT NULL"),
    ("agent_id", "outcome", f"{NOT_SUCCESS} AND agent_id IS NOT NULL"),
    ("user_id", "outcome", f"{NOT_SUCCESS} AND user_id IS NOT NULL"),
    ("actor_id", "outcome", NOT_SUCCESS),
)


def upgrade() -> None:
    for first, second, condition in INDEXES:
        op.execute(
            f"CREATE INDEX IF NOT EXISTS events_workspace_id_{first}_{second}_sequence_idx"
            f" ON events (workspace_id, {first}, {second}, sequence) WHERE {condition}"
        )
    op.execute("DROP INDEX IF EXISTS events_comments_board_idx")  # comments are a type like any other there


def downgrade() -> None:
    op.execute(
        "CREATE INDEX events_comments_board_idx ON events (workspace_id, board_id, sequence) WHERE event_type = 'task.comment'"
    )
    for first, second, _ in INDEXES:
        op.execute(f"DROP INDEX events_workspace_id_{first}_{second}_sequence_idx")
