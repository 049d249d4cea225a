"""A run of the soak: writers, readers and faults on one stage, all at once; then the lists are read, and the readers catch up.

What happened is in the history. Whether it should have happened is the checker's affair: only what leaves no history, such as an
answer that no plan foresees, is raised here.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tests.soak.door import Door, HttpDoor, SocketDoor, ask
from tests.soak.faults import break_things, kill_bells
from tests.soak.history import History
from tests.soak.plan import Plan
from tests.soak.readers import Reader
from tests.soak.stage import Stage, staged
from tests.soak.views import VIEWS, View
from tests.soak.writers import Writer, write_late, write_through_door
from tests.support.waiting import until
from trailcast.ledger.database import Database
from trailcast.settings import Settings

CATCH_UP_S_MAX = 60.0  # how long readers may take for the last events, once nothing breaks any more


async def soak(plan: Plan, directory: Path, history: History) -> None:
    """Run the plan, with the database in this directory."""
    async with asyncio.timeout(plan.deadline_s), staged(plan, directory, history) as stage:
        readers = [Reader(number, stage) for number in range(plan.readers)]
        async with asyncio.TaskGroup() as background:
            following = [background.create_task(reader.follow(), name=reader.name) for reader in readers]
            bells = background.create_task(kill_bells(stage))
            await _write_and_break(stage)
            bells.cancel()
            ends = {name: await _list(stage, view) for name, view in {view.name: view for view in VIEWS}.items()}
            await _catch_up(readers, ends)
            for task in following:
                task.cancel()


async def _write_and_break(stage: Stage) -> None:
    plan, url = stage.plan, stage.postgres.url()
    database = Database(url, Settings(database_url=url, writer_pool_size=max(1, plan.late_writers)))
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(break_things(stage))
            for number in range(plan.writers):
                writer = Writer(number, stage)
                writing = write_late(writer, database) if writer.is_late else _write_through_door(stage, writer)
                tasks.create_task(writing, name=writer.name)
    finally:
        await database.dispose()


async def _write_through_door(stage: Stage, writer: Writer) -> None:
    token = stage.world.token(writer.caller)
    async with AsyncExitStack() as connection:
        door: Door = HttpDoor(stage.clients, token, writer.chance)
        if writer.over_socket:
            door = SocketDoor(stage.servers, token, writer.chance, connection)
        await write_through_door(writer, door)


async def _list(stage: Stage, view: View) -> str:
    """Note the whole list of a view since the run began; the cursor of its last item."""
    door = HttpDoor(stage.clients, stage.world.token(view.caller), stage.plan.chance(view.name))
    after, more = stage.starts[view.workspace], True
    while more:
        data = await ask(door, view.list, {**view.given, "after": after}, lambda: asyncio.sleep(stage.plan.pause_s_max))
        for node in data["page"]["nodes"]:
            place = {"sequence": int(node["sequence"])} if "sequence" in node else {}
            stage.history.write(
                "list", "listed", view=view.name, cursor=node["cursor"], id=node["id"], key=node["message"], **place
            )
        info = data["page"]["pageInfo"]
        more, after = info["hasNextPage"], info["endCursor"] or after
    return after


async def _catch_up(readers: Sequence[Reader], ends: Mapping[str, str]) -> None:
    """Return when each reader has the last item of its view, or has had time enough."""
    # What does not come is lost, and the checker says so.
    with contextlib.suppress(AssertionError):
        await until(lambda: all(reader.cursor == ends[reader.view.name] for reader in readers), CATCH_UP_S_MAX)
