"""Brings a database to the newest revision. Runs Alembic; holds no revision itself."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from trailcast.ledger.database import async_url
from trailcast.ledger.revisions import SCRIPTS

# A view reads as its owner does, and this one's may read every event. Not in a revision: a restored dump may have another owner.
_GIVE_VIEW = """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('trailcast_read.events')
                   AND pg_get_userbyid(relowner) <> 'trailcast_view') THEN
            GRANT CREATE ON SCHEMA trailcast_read TO trailcast_view;
            ALTER VIEW trailcast_read.events OWNER TO trailcast_view;
            REVOKE CREATE ON SCHEMA trailcast_read FROM trailcast_view;
        END IF;
    END $$
"""


def configuration() -> Config:
    """Alembic's configuration, without any file: the scripts' place is all there is to say."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config


async def migrate(url: str, revision: str = "head") -> None:
    """Upgrade (or, for a lower revision, downgrade) the database as the role of the URL, which owns the tables."""
    engine = create_async_engine(async_url(url))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(lambda connected: _apply(connected, revision))
    finally:
        await engine.dispose()


def _apply(connection: Connection, revision: str) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    here = MigrationContext.configure(connection).get_current_revision()
    downwards = revision == "base" or (here is not None and revision != "head" and revision < here)
    (command.downgrade if downwards else command.upgrade)(config, revision)
    connection.execute(text(_GIVE_VIEW))
