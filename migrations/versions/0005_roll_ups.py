"""Counts made beforehand, for metrics over long times (docs/decisions/0025).

The tables stay empty here: counting an old log takes longer than a migration may. The servers do it in the background, and answers
are exact meanwhile, because what is not rolled up yet is counted from the events themselves. A server of an earlier version
knows nothing of them and does no harm: what it writes lies beyond the mark.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
    CREATE TABLE rollups (
        workspace_id UUID NOT NULL,
        kind TEXT NOT NULL,
        key UUID NOT NULL,
        day TIMESTAMP WITH TIME ZONE NOT NULL,
        event_type TEXT COLLATE "C" NOT NULL,
        total INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        latest BIGINT NOT NULL,
        quarters SMALLINT[] NOT NULL,
        quarter_totals INTEGER[] NOT NULL,
        quarter_failed INTEGER[] NOT NULL,
        CONSTRAINT rollups_pkey PRIMARY KEY (workspace_id, kind, key, day, event_type),
        CONSTRAINT rollups_kind_check CHECK (kind IN ('BOARD', 'BOARDS', 'NO_BOARD', 'AGENT', 'ACTOR'))
    );
    CREATE TABLE rollup_marks (
        workspace_id UUID NOT NULL,
        rolled_up_to BIGINT NOT NULL,
        CONSTRAINT rollup_marks_pkey PRIMARY KEY (workspace_id),
        CONSTRAINT rollup_marks_workspace_id_fkey FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
    )
"""
# As in 0004: what a transaction says it is about.
ONE = "(SELECT nullif(current_setting('trailcast.workspaces', true), '')::uuid)"
SEVERAL = (
    "ANY ((SELECT string_to_array(nullif(current_setting('trailcast.workspaces', true), ''), ',')::uuid[])::uuid[])"
)
POLICIES = """
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
    ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
    CREATE POLICY reader ON {table} FOR SELECT TO trailcast_reader USING (workspace_id = {one});
    CREATE POLICY writer ON {table} TO trailcast_app USING (workspace_id = {several});
    GRANT SELECT ON {table} TO trailcast_reader;
    GRANT SELECT, INSERT, UPDATE ON {table} TO trailcast_app
"""
# Where each log's counts end is looked up in all workspaces at once; no event and no count is shown by that.
LOOK_UP = """
    CREATE POLICY access ON rollup_marks TO trailcast_access USING (true);
    GRANT SELECT ON rollup_marks TO trailcast_access
"""


def upgrade() -> None:
    statements = [
        TABLES,
        *(POLICIES.format(table=table, one=ONE, several=SEVERAL) for table in ("rollups", "rollup_marks")),
        LOOK_UP,
    ]
    for statement in ";".join(statements).split(";"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE rollups, rollup_marks")
