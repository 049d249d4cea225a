"""Brings a database to the newest revision, and says whether one is there. Runs Alembic; holds no revision itself."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from trailcast.ledger.database import async_url

T = TypeVar("T")
SCRIPTS = Path(__file__).parents[2] / "migrations"


def configuration() -> Config:
    """Alembic's configuration, without any file: the scripts' place is all there is to say."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config


def newest_revision() -> str:
    """The revision that this version of the server is written for."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    if head is None:
        raise LookupError(f"no revision under {SCRIPTS}")
    return head


async def migrate(url: str, revision: str = "head") -> None:
    """Upgrade (or, for a lower revision, downgrade) the database as the role of the URL, which owns the tables."""
    await _run(url, lambda connection: _apply(connection, revision))


async def current_revision(url: str) -> str | None:
    """The revision that the database is at; None before the first."""
    return await _run(url, lambda connection: MigrationContext.configure(connection).get_current_revision())


async def read_revision(connection: AsyncConnection) -> str | None:
    """The same, for a server that is connected."""
    revision: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _apply(connection: Connection, revision: str) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    here = MigrationContext.configure(connection).get_current_revision()
    downwards = revision == "base" or (here is not None and revision != "head" and revision < here)
    (command.downgrade if downwards else command.upgrade)(config, revision)


async def _run(url: str, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine(async_url(url))
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
