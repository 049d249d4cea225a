"""Whoever a user's `external_id` names has that user's access, so a change of it is a change of access.

Sign-in by JWT finds users by it. A stream that was opened in the name of one identity ends when the user becomes another's.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"

WHEN_DELETED = "CREATE TRIGGER access_changed AFTER UPDATE OF is_deleted ON users"
WHEN_DELETED += (
    " FOR EACH ROW WHEN (OLD.is_deleted IS DISTINCT FROM NEW.is_deleted) EXECUTE FUNCTION mark_access_changed()"
)
WHEN_ANOTHER = "CREATE TRIGGER access_changed AFTER UPDATE OF is_deleted, external_id ON users"
WHEN_ANOTHER += (
    " FOR EACH ROW WHEN ((OLD.is_deleted, OLD.external_id) IS DISTINCT FROM (NEW.is_deleted, NEW.external_id))"
)
WHEN_ANOTHER += " EXECUTE FUNCTION mark_access_changed()"


def upgrade() -> None:
    # In one transaction: no change goes unmarked in between.
    op.execute("DROP TRIGGER access_changed ON users")
    op.execute(WHEN_ANOTHER)


def downgrade() -> None:
    op.execute("DROP TRIGGER access_changed ON users")
    op.execute(WHEN_DELETED)
