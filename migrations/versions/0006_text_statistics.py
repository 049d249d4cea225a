"""How frequent a word is, PostgreSQL guesses from a sample of messages, which has a hundred by default.

A word that one message of a hundred holds is then in the sample or not, by chance, and a search for it on a busy board is planned
well or badly by chance: with a thousand it is seen. The sample is taken by the next ANALYZE.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("ALTER TABLE events ALTER COLUMN message SET STATISTICS 1000")


def downgrade() -> None:
    op.execute("ALTER TABLE events ALTER COLUMN message SET STATISTICS -1")
