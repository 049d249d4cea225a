"""`python -m bench.walls.unwalled`: the server, but its readers are not bound by row-level security and tell nobody what they read.

They are a superuser, and a read is one statement without a transaction around it, as before revision 0004. Everything else is the
product. It says in its first line where it serves.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

import trailcast.asgi
from trailcast.cli.serving import listening
from trailcast.ledger.database import Database, dumps
from trailcast.serving import Server, uvicorn_config
from trailcast.settings import Settings, load_settings


class Unwalled(Database):
    """Reads as it did before there was row-level security."""

    def __init__(self, url: str, settings: Settings) -> None:
        super().__init__(url, settings)
        self.reader = create_async_engine(
            self.url,
            isolation_level="AUTOCOMMIT",
            pool_size=settings.pool_size,
            max_overflow=0,
            json_serializer=dumps,
            connect_args={"server_settings": {"timezone": "UTC", "default_transaction_read_only": "on"}},
        )

    @asynccontextmanager
    async def reading(self, workspace_id: UUID | None) -> AsyncGenerator[AsyncConnection]:  # noqa: ARG002 - nobody is told
        async with self.reader.connect() as connection:
            yield connection


def main() -> None:
    settings = load_settings()
    vars(trailcast.asgi)["Database"] = Unwalled
    application = trailcast.asgi.create_app(settings)
    with listening(settings) as listener:
        print(f"Serving http://127.0.0.1:{listener.getsockname()[1]}/graphql", flush=True)
        Server(uvicorn_config(application, settings)).run(sockets=[listener])


if __name__ == "__main__":
    main()
