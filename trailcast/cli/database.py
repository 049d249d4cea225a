"""The database that a command works on: the configured one, or the embedded PostgreSQL for as long as the command runs.

The embedded one is brought to the newest revision unasked, since nobody else could. A database that others look after is
migrated only by those who say so; everybody else refuses one that is behind, with the command that mends it.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from trailcast.cli.stopping import stop_if_asked
from trailcast.embedded import EmbeddedPostgres
from trailcast.errors import ConfigurationError
from trailcast.ledger.database import Database
from trailcast.ledger.revisions import check_walls, current_revision, newest_revision
from trailcast.settings import Settings

CONNECT_DEADLINE_S = 15
POSTGRESQL = re.compile(r"postgres(ql)?(\+\w+)?://\S")
T = TypeVar("T")
Say = Callable[[str], None]


@contextmanager
def open_database(settings: Settings, say: Say, *, migrates: bool = False) -> Iterator[str]:
    """The address of a database at the newest revision. Raises ConfigurationError where there is none."""
    url = settings.database_url
    if url is not None:
        if not POSTGRESQL.match(url):  # not repeated here: it may hold a password
            raise ConfigurationError(
                "TRAILCAST_DATABASE_URL has to look like postgresql://user:password@host:5432/name; unset it to use the embedded "
                "PostgreSQL."
            )
        _prepare(url, say, migrates=migrates)
        yield url
        return
    postgres = EmbeddedPostgres(settings.data_dir, progress=say)
    try:
        postgres.start()
    except ConfigurationError:
        stop_if_asked()  # Ctrl-C reaches PostgreSQL too, and it may have been about to start
        raise
    try:
        _prepare(postgres.url(), say, migrates=True)
        yield postgres.url()
    finally:
        postgres.stop()


def in_transaction(settings: Settings, say: Say, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Do the operator's work on the database, all or nothing."""

    async def run(url: str) -> T:
        database = Database(url, settings)
        try:
            async with database.operating() as connection:
                return await work(connection)
        finally:
            await database.dispose()

    with open_database(settings, say) as url:
        return asyncio.run(run(url))


def _prepare(url: str, say: Say, *, migrates: bool) -> None:
    here, newest = asyncio.run(_revision(url)), newest_revision()
    if here == newest and not migrates:
        asyncio.run(check_walls(url))
        return
    if here is not None and here > newest:
        raise ConfigurationError(
            f"The database is at revision {here}, which is newer than this version of Trailcast ({newest}): start the version that "
            "migrated it, or a later one."
        )
    if not migrates:
        raise ConfigurationError(
            f"The database is at revision {here or 'none'}, this version of Trailcast needs {newest}: run "
            "`python -m trailcast migrate` first."
        )
    if here != newest:
        say(f"Migrating the database from revision {here or 'none'} to {newest}")
    from trailcast.ledger.migrating import (
        migrate,  # and Alembic with it, which a server that finds all done does not load
    )

    try:
        asyncio.run(migrate(url))  # at the newest revision, too: it mends what a restored dump brought along
        asyncio.run(check_walls(url))
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"The database cannot be migrated, and is as it was ({_first_line(error)}): the role of TRAILCAST_DATABASE_URL has to own "
            "the tables, and may have to make the roles that docs/operations.md names."
        ) from error


async def _revision(url: str) -> str | None:
    try:
        async with asyncio.timeout(CONNECT_DEADLINE_S):
            return await current_revision(url)
    except (OSError, SQLAlchemyError) as error:
        reason = _first_line(error) or f"no answer within {CONNECT_DEADLINE_S} s"
        raise ConfigurationError(
            f"The database cannot be reached ({reason}): start it, or mend TRAILCAST_DATABASE_URL."
        ) from error


def _first_line(error: Exception) -> str:
    """What the driver said, without the statement and its parameters."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]
