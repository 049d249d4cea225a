"""What goes wrong during a soak: doorbells that die all the time, servers that are killed, a database that stops at once.

When a server or the database dies is said in parts of the work that is done, so that a slow machine sees the same as a quick one.
"""

import asyncio
import contextlib
import os
import random
import signal

import asyncpg

from tests.acceptance.test_lost_notices import KILL_BELLS
from tests.soak.stage import Stage
from tests.support.waiting import until
from trailcast.ledger.database import driver_url

NAME = "faults"
DOWN_S_MAX = 0.5
RECOVERED = "database system was not properly shut down"


async def kill_bells(stage: Stage) -> None:
    """Terminate the connections of all doorbells, again and again, for ever."""
    while True:
        # Without a database there is no bell to kill; it comes back.
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(driver_url(stage.postgres.url()))
            try:
                while True:
                    await asyncio.sleep(stage.plan.bells_every_s)
                    count = len(await connection.fetch(KILL_BELLS))
                    stage.history.write(NAME, "fault", fault="bells terminated", count=count)
            finally:
                connection.terminate()
        await asyncio.sleep(stage.plan.pause_s_max)


async def break_things(stage: Stage) -> None:
    """All kills and restarts of the plan, one after the other, at random points of the work."""
    plan, counts = stage.plan, stage.history.counts
    chance = plan.chance(NAME)
    faults = [_kill_server] * plan.kills + [_restart_database] * plan.restarts
    chance.shuffle(faults)
    work = plan.events + plan.rollbacks
    points = sorted(chance.uniform(0.1, 0.9) * work for _ in faults)
    for fault, point in zip(faults, points, strict=True):
        await until(lambda: counts["acknowledged"] + counts["rolled back"] >= point, plan.deadline_s)  # noqa: B023
        await fault(stage, chance)


async def _kill_server(stage: Stage, chance: random.Random) -> None:
    number = chance.randrange(len(stage.servers))
    await stage.servers[number].kill()
    stage.history.write(NAME, "fault", fault="server killed", count=1, server=number)
    await asyncio.sleep(chance.uniform(0, DOWN_S_MAX))
    await stage.servers[number].start()


async def _restart_database(stage: Stage, _chance: random.Random) -> None:
    """What `pg_ctl stop -m immediate` and `start` do: no checkpoint, no goodbye; what was committed is in the write-ahead log."""
    recoveries = _recoveries(stage)
    os.kill(int((stage.directory / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
    stage.history.write(NAME, "fault", fault="database stopped", count=1)
    # It waits for the end; what it asks for in doing so is milder and changes nothing any more.
    await asyncio.to_thread(stage.postgres.stop)
    await asyncio.to_thread(stage.postgres.start)
    assert _recoveries(stage) == recoveries + 1, "PostgreSQL had nothing to recover: it was not stopped at once"


def _recoveries(stage: Stage) -> int:
    return (stage.directory / "postgres.log").read_text(errors="replace").count(RECOVERED)
