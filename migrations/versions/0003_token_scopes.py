"""What a token may be used for, and that a change of it is a change of access.

Tokens that were made before may do what they could do until now: a service's everything, all others read and write.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"

ADD = (
    "ALTER TABLE credentials ADD COLUMN scopes TEXT[]",
    "UPDATE credentials SET scopes ="
    " CASE kind WHEN 'SERVICE' THEN ARRAY['read', 'write', 'directory'] ELSE ARRAY['read', 'write'] END",
    "ALTER TABLE credentials ALTER COLUMN scopes SET NOT NULL",
    "ALTER TABLE credentials ADD CONSTRAINT credentials_scopes_check"
    " CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'directory'])",
)
WATCH = (
    "CREATE TRIGGER access_changed AFTER DELETE OR UPDATE OF revoked_at, expires_at{} ON credentials"
    " FOR EACH ROW EXECUTE FUNCTION mark_access_changed()"
)


def upgrade() -> None:
    for statement in ADD:
        op.execute(statement)
    # In one transaction: no change goes unmarked in between.
    op.execute("DROP TRIGGER access_changed ON credentials")
    op.execute(WATCH.format(", scopes"))


def downgrade() -> None:
    op.execute("DROP TRIGGER access_changed ON credentials")
    op.execute(WATCH.format(""))
    op.execute("ALTER TABLE credentials DROP COLUMN scopes")
