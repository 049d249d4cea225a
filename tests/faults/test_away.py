"""PostgreSQL is away for a while: stopped, or there and silent, as a hanging host is. Callers are told, nothing crashes, all goes on.

`FAULTS_AWAY_S=30` makes it as long as that, with the settings of production; `-s` shows what was measured. Unset it is short, and so
is the patience of the server.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from tests.faults.ailing import Ailing, Scene, readiness
from tests.ledger.drafts import read_log
from tests.live.proxy import Proxy
from tests.live.sockets import FOLLOW, cursor, until_waiting
from tests.support.clients import Client, open_socket
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.errors import Unavailable
from trailcast.ledger.condition import LOOK_S_MAX
from trailcast.ledger.database import ANSWER_GRACE_S, Database, driver_url
from trailcast.settings import Settings

LONG_S = float(os.environ.get("FAULTS_AWAY_S", "0"))
AWAY_S = LONG_S or 1.5
HASTE = {} if LONG_S else {"pool_timeout_ms": 300, "statement_timeout_ms": 500, "lock_timeout_ms": 400}
RETURN_S_MAX = 5.0
SLACK_S = 10.0  # for a busy machine: what would wait for ever fails, and how long it took is printed
PAUSE_S = 0.02
WRITERS = 4
READ = "{ activityEvents(first: 1) { nodes { id } } }"
LOG = """
mutation ($key: String!) {
  logActivity(input: {eventType: "a.said", message: $key, idempotencyKey: $key}) { errors { code } }
}
"""


@dataclass
class Asking:
    """Somebody who asks all the time, and notes what is answered and how long it takes."""

    codes: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0
    acknowledged: list[str] = field(default_factory=list)
    succeeded: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, gql: Client, document: str, variables: dict[str, Any], token: str) -> bool:
        """Whether it got what it wanted."""
        began = time.monotonic()
        answer = await gql(document, variables, token=token)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        if "errors" not in answer:
            self.codes["ok"] += 1
            self.succeeded.set()
            return True
        [error] = answer["errors"]
        self.codes[f"{gql.last.status_code} {error['extensions']['code']}"] += 1
        return False

    async def read(self, url: str, token: str) -> None:
        async with Client(url) as gql:
            while True:
                await self.ask(gql, READ, {}, token)
                await asyncio.sleep(PAUSE_S)

    async def write(self, url: str, token: str, name: str) -> None:
        """Each event until it is acknowledged."""
        async with Client(url) as gql:
            while True:
                key = f"{name}/{len(self.acknowledged)}"
                if await self.ask(gql, LOG, {"key": key}, token):
                    self.acknowledged.append(key)
                await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def running(*endless: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """While the block runs, so do these; what one of them raises is raised."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in endless]
        yield
        for task in tasks:
            task.cancel()


Step = Callable[[], Awaitable[None]]


def steps(how: str, ailing: Ailing, proxy: Proxy) -> tuple[Step, Step]:
    """How PostgreSQL goes, and how it returns."""
    if how == "stopped":
        return lambda: asyncio.to_thread(ailing.postgres.stop), lambda: asyncio.to_thread(ailing.start)

    async def fall_silent() -> None:
        proxy.fall_silent()

    async def speak() -> None:
        proxy.speak()

    return fall_silent, speak


@pytest.mark.parametrize(
    ("how", "reason"), [("stopped", "PostgreSQL cannot be reached"), ("silent", "PostgreSQL does not answer")]
)
async def test_callers_are_told_readers_stay_and_all_goes_on_when_it_returns(
    scene: Scene, how: str, reason: str
) -> None:
    ailing, settings, world, end = scene.ailing, scene.settings, scene.world, scene.end
    readers, writers = [Asking() for _ in range(WRITERS)], [Asking() for _ in range(WRITERS)]
    everybody = readers + writers
    async with Proxy(ailing.url) as proxy:
        through = settings.model_copy(update={"database_url": proxy.url, **HASTE})
        go, come_back = steps(how, ailing, proxy)
        async with running_server(through) as server, open_socket(server.ws, world.token("owner")) as socket:
            await socket.subscribe(FOLLOW, {"after": cursor(world, end)}, operation="feed")
            await until_waiting(server, 1)
            asking = [one.read(server.http, world.token("owner")) for one in readers]
            asking += [
                one.write(server.http, world.token("service"), f"{how}-{name}") for name, one in enumerate(writers)
            ]
            async with running(*asking):
                await until(lambda: all(one.codes["ok"] > 1 for one in everybody))
                await go()
                gone_at = time.monotonic()
                # Nobody is left waiting, and /readyz knows why.
                await until(lambda: all(one.codes["503 UNAVAILABLE"] for one in everybody))
                await until(lambda: is_said(server, reason))
                async with asyncio.timeout(through.pool_timeout_ms / 1000 + SLACK_S + LOOK_S_MAX):
                    assert (await readiness(server))[:2] == (503, "unavailable")
                await asyncio.sleep(max(0.0, gone_at + AWAY_S - time.monotonic()))
                for one in everybody:
                    one.succeeded.clear()
                await come_back()
                returned_at = time.monotonic()
                await asyncio.gather(*(wait_for_success(one) for one in everybody))
                took_s = time.monotonic() - returned_at
            assert {code for one in everybody for code in one.codes} == {"ok", "503 UNAVAILABLE"}
            longest_s = max(one.longest_s for one in everybody)
            assert longest_s <= bound_s(through) + SLACK_S
            await assert_nothing_is_lost(ailing, world, end, writers, socket)
            async with asyncio.timeout(RETURN_S_MAX):
                await until(lambda: is_said(server, "ok"))
            # As a network does that works again; the doorbell would find out by its heartbeat, in seconds.
            await proxy.cut()
    answers = sum((one.codes for one in everybody), Counter())
    measured = f"longest {longest_s:.2f} s; all served again after {took_s:.2f} s"
    sys.stdout.write(f"\n{how}: away {AWAY_S:.1f} s; answers {dict(answers)}; {measured}\n")


async def wait_for_success(one: Asking) -> None:
    async with asyncio.timeout(RETURN_S_MAX):
        await one.succeeded.wait()


async def is_said(server: RunningServer, reason: str) -> bool:
    return bool((await readiness(server))[2]["database"] == reason)


def bound_s(settings: Settings) -> float:
    """A statement that was under way, or a connection that was waited for and then tried for."""
    return max(settings.statement_timeout_ms / 1000 + ANSWER_GRACE_S, 2 * settings.pool_timeout_ms / 1000)


async def assert_nothing_is_lost(ailing: Ailing, world: World, end: int, writers: list[Asking], socket: Any) -> None:
    """What was acknowledged is there once, in the log and in the feed that was open all the time."""
    connection = await asyncpg.connect(driver_url(ailing.url))
    try:
        # One look: what a writer that was stopped had handed in may still be on its way.
        log = (await read_log(connection, world.acme))[end:]
    finally:
        await connection.close()
    received = [(await socket.next("feed"))["data"]["activityLogged"] for _ in log]
    assert [(int(event["sequence"]), event["message"]) for event in received] == log
    assert [sequence for sequence, _ in log] == list(range(end + 1, end + len(log) + 1))
    written = Counter(key for _, key in log)
    told = {key for one in writers for key in one.acknowledged}
    assert set(written.values()) == {1}
    assert told <= set(written)
    # What was stopped in the middle of its last attempt may be there unacknowledged.
    assert len(set(written) - told) <= len(writers)


async def test_after_a_restart_that_nobody_noticed_the_first_who_ask_are_answered(
    ailing: Ailing, settings: Settings
) -> None:
    database = Database(ailing.url, settings)

    async def look() -> None:
        for lent in (database.reading(None), database.writing([]), database.looking_up()):
            async with lent as connection:
                await connection.execute(text("SELECT 1"))

    try:
        await asyncio.gather(*(look() for _ in range(3)))
        await asyncio.to_thread(ailing.postgres.stop)
        await asyncio.to_thread(ailing.start)
        await asyncio.gather(*(look() for _ in range(3)))
    finally:
        await database.dispose()


async def test_while_it_is_silent_one_tries_and_the_others_are_told_at_once(ailing: Ailing, settings: Settings) -> None:
    async with Proxy(ailing.url) as proxy:
        patient = settings.model_copy(update={"pool_timeout_ms": 60_000, "statement_timeout_ms": 200})
        database = Database(proxy.url, patient)
        try:

            async def look() -> None:
                async with database.reading(None) as connection:
                    await connection.execute(text("SELECT 1"))

            await asyncio.gather(*(look() for _ in range(3)))
            proxy.fall_silent()
            assert not await answers_again(look)
            # Those at rest are given up with the one that did not answer: what hangs is not a connection.
            await until(lambda: proxy.connections == 0)
            trial: asyncio.Task[None] | None = None

            async def is_tried() -> bool:
                """The first that is not told at once connects, and hears nothing for a minute."""
                nonlocal trial
                trial = asyncio.create_task(look())
                await asyncio.wait([trial], timeout=0.05)
                return not trial.done() or trial.exception() is None

            await until(is_tried)
            assert trial is not None
            for _ in range(20):
                with pytest.raises(Unavailable) as told:
                    async with asyncio.timeout(SLACK_S):
                        await look()
                assert told.value.reason == "PostgreSQL does not answer"
            assert not trial.done()
            assert proxy.connections == 1
            proxy.speak()
            await proxy.cut()
            with pytest.raises(Unavailable):
                await trial
            await until(lambda: answers_again(look))
        finally:
            await database.dispose()


async def answers_again(look: Step) -> bool:
    try:
        await look()
    except Unavailable:
        return False
    return True
