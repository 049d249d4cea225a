"""The roles that the server works under in PostgreSQL, and the look that nobody has taken down what they may not climb over.

Row-level security binds only those who are neither superuser nor BYPASSRLS nor (without FORCE) the table's owner, and a table that was
made without it has none. All of that can be undone by one careless statement, and nothing would look different. So the server looks
at start and in `/readyz`, and does not serve a database whose walls are down. How they are built is in `migrations/`.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from trailcast.errors import ConfigurationError

READER = "trailcast_reader"  # reads one workspace
WRITER = "trailcast_app"  # writes in the workspaces that the transaction names
ACCESS = "trailcast_access"  # looks up who calls and where the logs end, in all workspaces; sees no event
OPERATOR = "trailcast_operator"  # makes workspaces and tokens, from the command line; sees no event
VIEW_OWNER = "trailcast_view"  # owns the view through which readers see events; nobody works under it
WORKSPACES = (
    "trailcast.workspaces"  # the setting of a transaction: the ids of the workspaces that it is about, comma-separated
)
READER_SCHEMA = "trailcast_read"  # what readers find first: a view of one workspace's events, called as the table is

# What is wrong, a sentence in each row.
_FAULTS = text("""
    WITH asked AS (SELECT unnest(CAST(:roles AS text[])) AS name),
    known AS (SELECT pg_roles.* FROM pg_roles JOIN asked ON rolname = name),
    view AS (
        SELECT class.* FROM pg_class AS class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = :schema AND relname = 'events' AND relkind = 'v'
    ),
    guarded AS (
        SELECT class.* FROM pg_class AS class
        WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace
            AND (relname = 'workspaces' OR EXISTS (
                SELECT FROM pg_attribute WHERE attrelid = class.oid AND attname = 'workspace_id' AND NOT attisdropped))
    )
    SELECT format('role %s is missing', name) FROM asked WHERE name NOT IN (SELECT rolname FROM known)
    UNION ALL
    SELECT format('role %s is one that row-level security does not bind', rolname)
    FROM known WHERE rolsuper OR rolcreaterole OR (rolbypassrls AND rolname <> :owner)
    UNION ALL
    SELECT format('role %s is a member of %s', rolname, roleid::regrole) FROM known JOIN pg_auth_members ON member = known.oid
    UNION ALL
    SELECT format('role %s owns %s', rolname, class.oid::regclass)
    FROM known JOIN pg_class AS class ON relowner = known.oid WHERE NOT (rolname = :owner AND class.oid IN (SELECT oid FROM view))
    UNION ALL
    SELECT format('role %s may change or remove events', rolname)
    FROM known WHERE has_table_privilege(rolname, 'events', 'UPDATE, DELETE, TRUNCATE')
        OR has_any_column_privilege(rolname, 'events', 'UPDATE')
    UNION ALL
    SELECT format('row-level security of %s is off, or not forced', guarded.oid::regclass)
    FROM guarded WHERE NOT (relrowsecurity AND relforcerowsecurity)
    UNION ALL
    SELECT format('policy %s of %s lets more pass', polname, polrelid::regclass)
    FROM pg_policy WHERE polname NOT IN ('reader', 'writer')
        AND EXISTS (SELECT FROM known WHERE rolname IN (:reader, :writer) AND (known.oid = ANY (polroles) OR 0 = ANY (polroles)))
    UNION ALL
    SELECT format('view %s.events is missing, or another, or %s does not own it', CAST(:schema AS text), CAST(:owner AS text))
    WHERE NOT EXISTS (
        SELECT FROM view WHERE pg_get_userbyid(relowner) = :owner AND strpos(pg_get_viewdef(oid), 'trailcast.workspaces') > 0)
""")
_ASKED = {
    "roles": [READER, WRITER, ACCESS, OPERATOR, VIEW_OWNER],
    "reader": READER,
    "writer": WRITER,
    "schema": READER_SCHEMA,
    "owner": VIEW_OWNER,
}


async def find_fault(connection: AsyncConnection) -> str | None:
    """The first thing that keeps PostgreSQL from telling workspaces apart, as a sentence; None where all is as it should be."""
    fault: str | None = await connection.scalar(_FAULTS, _ASKED)
    return fault


async def require_walls(connection: AsyncConnection) -> None:
    """Raises ConfigurationError where there is such a fault."""
    fault = await find_fault(connection)
    if fault is not None:
        raise ConfigurationError(
            f"The database does not keep workspaces apart ({fault}): run `python -m trailcast migrate`, then see "
            '"Roles and row-level security" in docs/operations.md.'
        )
