"""Row-level security: PostgreSQL itself shows and takes rows of those workspaces only that a transaction says it is about.

A server of an earlier version says nothing and would see nothing: stop it before this, start the new one after.

Needs the right to make roles, or the roles, granted to whoever migrates (as `trailcast_app` since 0001).

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"

ROLES = ("trailcast_reader", "trailcast_access", "trailcast_operator", "trailcast_view")
# Which column of a table says whose the row is.
TABLES = {
    "workspaces": "id",
    **dict.fromkeys(
        ("projects", "boards", "users", "memberships", "board_grants", "agents", "services", "tasks", "credentials", "heads", "events"),
        "workspace_id",
    ),
}  # fmt: skip
DIRECTORY = "projects, boards, users, agents, tasks"

# `nullif`: a setting that was local to a former transaction reads as '' from then on. What is compared with is a subquery, so it is
# computed once for a statement and not guessed at by the planner, who would read the setting of the moment in which it plans.
ONE = "(SELECT nullif(current_setting('trailcast.workspaces', true), '')::uuid)"
SEVERAL = (
    "ANY ((SELECT string_to_array(nullif(current_setting('trailcast.workspaces', true), ''), ',')::uuid[])::uuid[])"
)

# Who may see which rows. A reader has one workspace, and its equality lets the planner use the same indexes as ever.
READ = ("workspaces", "projects", "boards", "users", "agents", "services", "tasks", "heads")
WRITTEN = (*READ, "memberships", "board_grants", "events")
LOOKED_UP = ("workspaces", "users", "memberships", "board_grants", "agents", "services", "credentials", "heads")
OPERATED = tuple(table for table in TABLES if table != "events")

GRANTS = (
    f"GRANT SELECT ON {', '.join(READ)} TO trailcast_reader",
    f"GRANT SELECT ON {', '.join(LOOKED_UP)}, alembic_version TO trailcast_access",
    "GRANT UPDATE (last_used_at) ON credentials TO trailcast_access",
    "GRANT SELECT, INSERT, UPDATE ON workspaces, heads, services, credentials TO trailcast_operator",
    f"GRANT SELECT, INSERT, UPDATE ON {DIRECTORY} TO trailcast_operator",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON memberships, board_grants TO trailcast_operator",
    # What the writer had and does not need: it makes no workspace, no service and no token.
    "REVOKE ALL ON credentials FROM trailcast_app",
    "REVOKE INSERT, UPDATE ON workspaces, services FROM trailcast_app",
    "REVOKE INSERT ON heads FROM trailcast_app",
    "REVOKE ALL ON alembic_version FROM trailcast_app",
)

# Where it may be done. Under a policy, even one that lets everything pass, the planner looks at no statistics for LIKE and takes every word
# for a rare one. Nobody works under this role, and its one view names the workspace.
BYPASS = """
    DO $$ BEGIN
        IF NOT (SELECT rolbypassrls FROM pg_roles WHERE rolname = 'trailcast_view') THEN
            ALTER ROLE trailcast_view BYPASSRLS;
        END IF;
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END $$
"""

# Events are read through a view of the same name, which readers find first on their search path; of the table they may see nothing.
# A policy would have every condition wait that could tell something of a row that is not to be seen. LIKE counts as one, and the index
# that serves it would go unused. The view compares workspaces as a policy does, and lets all conditions begin.
VIEW = """
    CREATE VIEW trailcast_read.events AS SELECT * FROM events
    WHERE workspace_id = (SELECT nullif(current_setting('trailcast.workspaces', true), '')::uuid)
"""


def make_role(name: str) -> tuple[str, str]:
    """A role that can nothing, granted to whoever migrates, because the server becomes it: as 0001 makes trailcast_app."""
    return (
        f"""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') THEN
                CREATE ROLE {name} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
        """,
        f"""
        DO $$ BEGIN
            IF NOT pg_has_role(current_user, '{name}',
                               CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
                EXECUTE format('GRANT {name} TO %I', current_user);
            END IF;
        END $$
        """,
    )


def upgrade() -> None:
    for role in ROLES:
        for statement in make_role(role):
            op.execute(statement)
    for grant in GRANTS:
        op.execute(grant)
    for table, column in TABLES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        if table in READ:
            op.execute(f"CREATE POLICY reader ON {table} FOR SELECT TO trailcast_reader USING ({column} = {ONE})")
        if table in WRITTEN:
            op.execute(f"CREATE POLICY writer ON {table} TO trailcast_app USING ({column} = {SEVERAL})")
        if table in LOOKED_UP:
            op.execute(f"CREATE POLICY access ON {table} TO trailcast_access USING (true)")
        if table in OPERATED:
            op.execute(f"CREATE POLICY operator ON {table} TO trailcast_operator USING (true)")
    op.execute(BYPASS)
    op.execute("GRANT SELECT ON events TO trailcast_view")
    op.execute("CREATE POLICY view ON events FOR SELECT TO trailcast_view USING (true)")
    # `trailcast.ledger.migrating` gives the view to trailcast_view, after every migration.
    op.execute("CREATE SCHEMA trailcast_read")
    op.execute("GRANT USAGE ON SCHEMA trailcast_read TO trailcast_reader, trailcast_view")
    op.execute(VIEW)
    op.execute("GRANT SELECT ON trailcast_read.events TO trailcast_reader")


def downgrade() -> None:
    op.execute("DROP SCHEMA trailcast_read CASCADE")
    for table in TABLES:
        for policy in ("reader", "writer", "access", "operator", "view"):
            op.execute(f"DROP POLICY IF EXISTS {policy} ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    # The roles belong to the whole cluster and stay; what they may do here goes.
    for role in ROLES:
        op.execute(f"REVOKE ALL ON {', '.join(TABLES)}, alembic_version FROM {role}")
    op.execute("GRANT SELECT, INSERT, UPDATE ON credentials, workspaces, services, heads TO trailcast_app")
    op.execute("GRANT SELECT ON alembic_version TO trailcast_app")
