"""The parts that all tests share: a real PostgreSQL, a database of one's own, a world in it, a running server, callers.

One embedded PostgreSQL serves a whole run of a worker. The migrated database with the world in it is made once, as a template;
each test that asks gets a copy, in which commits are real and notices arrive.
"""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.clients import Client, Statements
from tests.support.postgres import TEST_PARAMETERS, memory_directory
from tests.support.serving import UNDER_TEST, RunningServer, running_server
from tests.support.world import World, build_world
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.database import Database, driver_url
from trailcast.ledger.migrating import migrate
from trailcast.settings import Settings

# Coverage is not measured there, because measuring doubles the time of a test: these drive other processes, or ask the same code
# as the tests of the parts do, once for each caller or with much more to it. What the gate counts is what the tests of the parts
# reach: 95 of 100 lines and branches, where all together reach 97.
UNMEASURED = (
    "acceptance/", "access/", "bench/", "faults/", "fuzz/", "cli/test_given", "cli/test_leaks", "cli/test_run", "cli/test_serve",
    "docs/", "isolation/", "layout/", "live/", "migrations/", "soak/", "web/",
    "demo/test_story", "doors/test_hostile", "doors/test_input", "doors/test_masking",
    "ledger/test_append.", "ledger/test_buckets", "ledger/test_redaction",
    "schema/test_cursors", "schema/test_event_filters", "schema/test_json_rows", "schema/test_names", "schema/test_pag",
)  # fmt: skip
# But for the tests of parts that nothing else reaches.
MEASURED = (
    "access/test_jwt",
    "access/test_keys",
    "access/test_sign_in_settings",
    "live/test_doorbell",
    "live/test_listener",
)

# Nor are the processes that these start: they serve what the tests of `cli/` start with coverage, again and for longer.
UNMEASURED_PROCESSES = ("acceptance/", "bench/", "docs/", "soak/", "web/")
STARTS_COVERAGE = "COVERAGE_PROCESS_CONFIG"  # by it, coverage tells a Python process to measure itself

TEMPLATE = "template_world"
EMPTY_TEMPLATE = "template_empty"


def _place(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).as_posix()


def pytest_configure() -> None:
    """Take Ctrl-C again where the shell that started this ignores it, as it does for what it starts with `&`: the servers and commands
    of the tests would inherit that, and some are ended so."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Keep from the workers that this process is measured: they measure themselves."""
    os.environ.pop(STARTS_COVERAGE, None)


def _coverage(config: pytest.Config) -> Any:
    """What measures this process, None where nothing does."""
    plugin = config.pluginmanager.getplugin("_cov")
    return plugin and plugin.cov_controller


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Measure each worker once. pytest-cov measures it as it does the process that starts workers, and then as a worker beside
    that: what pauses the second for a test would leave the first at work, and all tests would be as slow as measured ones."""
    if hasattr(session.config, "workerinput") and (measuring := _coverage(session.config)):
        measuring.pause()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure what is to be measured: neither the other tests with what is made ready for them, nor some processes of theirs."""
    place, measuring = _place(item), _coverage(item.config)
    is_measured = not place.startswith(UNMEASURED) or place.startswith(MEASURED)
    with pytest.MonkeyPatch.context() as patch:
        if place.startswith(UNMEASURED_PROCESSES):
            patch.delenv(STARTS_COVERAGE, raising=False)
        if is_measured or measuring is None:
            return (yield)
        measuring.pause()
        try:
            return (yield)
        finally:
            measuring.resume()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The PostgreSQL of this run."""
    with (
        memory_directory(tmp_path_factory) as directory,
        EmbeddedPostgres(directory, parameters=TEST_PARAMETERS) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def templates(postgres: EmbeddedPostgres) -> World:
    """Makes the templates, and says what the world in one of them holds."""
    return asyncio.run(_make_templates(postgres))


async def _make_templates(postgres: EmbeddedPostgres) -> World:
    connection = await asyncpg.connect(driver_url(postgres.url()))
    try:
        await connection.execute(f'CREATE DATABASE "{EMPTY_TEMPLATE}"')
        await migrate(postgres.url(EMPTY_TEMPLATE))
        await connection.execute(f'CREATE DATABASE "{TEMPLATE}" TEMPLATE "{EMPTY_TEMPLATE}"')
    finally:
        await connection.close()
    return await build_world(postgres.url(TEMPLATE))


_numbers = itertools.count(1)


async def _copy(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    name = f"test_{next(_numbers)}"
    connection = await asyncpg.connect(driver_url(postgres.url()))
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        yield postgres.url(name)
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await connection.close()


@pytest.fixture
async def database_url(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[str]:
    """A database of this test's own, with the world in it."""
    async for url in _copy(postgres, TEMPLATE):
        yield url


@pytest.fixture
async def empty_database_url(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[str]:
    """A database of this test's own, migrated and empty."""
    async for url in _copy(postgres, EMPTY_TEMPLATE):
        yield url


@pytest.fixture
def world(templates: World) -> World:
    """Ids and tokens of the world."""
    return templates


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings for the test's database: tests override some with `settings.model_copy(update=…)`."""
    return Settings(database_url=database_url, **UNDER_TEST)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The engine's pools on the test's database."""
    assert settings.database_url is not None
    database = Database(settings.database_url, settings)
    yield database
    await database.dispose()


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[RunningServer]:
    """A real uvicorn on a free port of the loopback, in this process."""
    async with running_server(settings) as running:
        yield running


@pytest.fixture
async def gql(server: RunningServer) -> AsyncIterator[Client]:
    """Asks the server over HTTP: `await gql(document, variables, token=…)` gives the decoded answer."""
    async with Client(server.http) as client:
        yield client


@pytest.fixture
def statements(server: RunningServer) -> Iterator[Statements]:
    """The SQL that the server runs, as it runs it."""
    with Statements(server.database) as recorded:
        yield recorded
