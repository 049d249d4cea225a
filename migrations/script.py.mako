"""${message}

Compatibility: the version of the server before this one must go on working on the schema after it. Add, backfill in batches,
and only a release later remove. Create indexes CONCURRENTLY on `events`. Never edit a revision that has landed.
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
