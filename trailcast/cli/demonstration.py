"""The demo, as the commands use it: loaded once, remembered in `demo.json`, and if asked for, kept alive beside the server."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from trailcast.cli.database import Say
from trailcast.demo import handout
from trailcast.demo.handout import Address, DemoWorkspace, Handout
from trailcast.demo.live import keep_adding
from trailcast.demo.loading import load_demo
from trailcast.ledger.admin import list_workspaces
from trailcast.ledger.database import Database
from trailcast.settings import Settings


def load(url: str, settings: Settings, address: Address, say: Say) -> Handout | None:
    """Load the demo into a database without workspaces; None, and nothing done, where there is one."""
    made: list[Handout] = []

    def keep(workspaces: Sequence[DemoWorkspace]) -> None:
        made.append(Handout(http=address.http, ws=address.ws, workspaces=tuple(workspaces)))
        handout.write(settings.data_dir, made[0])

    return made[0] if asyncio.run(load_demo(url, settings, keep, say)) else None


def recall(url: str, settings: Settings, address: Address | None = None) -> Handout | None:
    """What was handed out when the demo was loaded into this database, if it is still there; at its new address, if that moved."""
    known = handout.read(settings.data_dir)
    if known is None or not {workspace.id for workspace in known.workspaces} <= asyncio.run(
        _workspace_ids(url, settings)
    ):
        return None
    if address is None or (known.http, known.ws) == (address.http, address.ws):
        return known
    moved = known.model_copy(update={"http": address.http, "ws": address.ws})
    handout.write(settings.data_dir, moved)
    return moved


@contextmanager
def adding_events(url: str, settings: Settings, known: Handout) -> Iterator[None]:
    """New events in the demo's workspaces for as long as the block runs. In a thread: the server's loop belongs to uvicorn."""
    stop = threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(keep_adding(url, settings, known, stop.is_set)), name="trailcast-live", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def _workspace_ids(url: str, settings: Settings) -> set[object]:
    database = Database(url, settings)
    try:
        async with database.looking_up() as connection:
            return {workspace.id for workspace in await list_workspaces(connection)}
    finally:
        await database.dispose()
