"""At which revision a database is, and which one this version is written for. Knows no Alembic, which a server does not need to run.

Revisions are numbered in their order, and a file's name begins with its number (a test keeps both so).
"""

from functools import cache
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from trailcast.ledger.database import async_url
from trailcast.ledger.roles import require_walls

SCRIPTS = Path(__file__).parents[2] / "migrations"


@cache
def newest_revision() -> str:
    """The revision that this version of the server is written for."""
    return max(path.name.partition("_")[0] for path in (SCRIPTS / "versions").glob("[0-9]*_*.py"))


async def read_revision(connection: AsyncConnection) -> str | None:
    """The revision that the database is at."""
    revision: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


async def current_revision(url: str) -> str | None:
    """The same, for whoever is not connected; None before the first."""
    engine = create_async_engine(async_url(url))
    try:
        async with engine.connect() as connection:
            known = await connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
            return await read_revision(connection) if known else None
    finally:
        await engine.dispose()


async def check_walls(url: str) -> None:
    """Raises ConfigurationError where the database does not keep workspaces apart."""
    engine = create_async_engine(async_url(url))
    try:
        async with engine.connect() as connection:
            await require_walls(connection)
    finally:
        await engine.dispose()
