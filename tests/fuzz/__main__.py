"""`python -m tests.fuzz`: thousands of requests made at random from the schema, to a server of its own; status 1 for a finding."""

import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import click

from schema.build import build
from tests.fuzz.documents import Vocabulary, requests
from tests.fuzz.drawing import draw
from tests.fuzz.judging import Tally, ask_all
from tests.support.postgres import TEST_PARAMETERS
from tests.support.serving import running_server
from tests.support.world import World, build_world
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.database import driver_url
from trailcast.ledger.migrating import migrate
from trailcast.settings import Settings

CALLERS = ("owner", "bot", "service")
REQUESTS_PER_ROUND = 250
FINDINGS_SHOWN_MAX = 20


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--requests", "count", default=2500, show_default=True, help="How many as each caller.")
@click.option("--seed", type=int, help="Seed of the first round. Otherwise the time.")
@click.option(
    "--as", "callers", type=click.Choice(CALLERS), multiple=True, default=CALLERS, show_default=True, help="As whom."
)
def main(count: int, seed: int | None, callers: tuple[str, ...]) -> None:
    """Ask as an owner, an agent and a service, and count what must not be. TMPDIR says where the database is meanwhile."""
    first = int(time.time()) if seed is None else seed
    logging.getLogger().addHandler(logging.NullHandler())  # what is logged is a finding, and shown as one
    with (
        tempfile.TemporaryDirectory(prefix="trailcast-fuzz-", ignore_cleanup_errors=True) as directory,
        EmbeddedPostgres(Path(directory), parameters=TEST_PARAMETERS) as postgres,
    ):
        found = asyncio.run(_fuzz(postgres, count, first, callers))
    sys.exit(1 if found else 0)


async def _fuzz(postgres: EmbeddedPostgres, count: int, seed: int, callers: tuple[str, ...]) -> int:
    """How much was found."""
    found = 0
    for place, caller in enumerate(CALLERS):
        if caller not in callers:
            continue
        url, world = await _world(postgres, caller)
        tally, began, number = Tally(), time.monotonic(), seed + 1000 * place
        strategy = requests(build()._schema, Vocabulary(world))
        async with running_server(Settings(database_url=url, port=0)) as server:
            while tally.sent < count:
                made = draw(strategy, min(REQUESTS_PER_ROUND, count - tally.sent), number)
                tally += await ask_all(server, world.token(caller), made)
                number += 1
        click.echo(f"{caller}, seed {seed}, {time.monotonic() - began:.0f} s: {tally}")
        for finding in tally.findings[:FINDINGS_SHOWN_MAX]:
            click.echo(f"  {finding}\n")
        found += len(tally.findings)
    return found


async def _world(postgres: EmbeddedPostgres, name: str) -> tuple[str, World]:
    """A database of that name, with the world in it."""
    connection = await asyncpg.connect(driver_url(postgres.url()))
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    await migrate(postgres.url(name))
    return postgres.url(name), await build_world(postgres.url(name))


if __name__ == "__main__":
    main()
