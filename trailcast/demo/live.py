"""Keeps adding an event every second or so, so that a feed can be watched: through the writers, and ringing like any server.

It speaks as the demo's services, with the tokens of `demo.json`. An event that cannot be written is a line in the log, and the next
one is tried: a database that restarts must not end it.
"""

import asyncio
import logging
from collections.abc import Callable
from random import Random
from uuid import UUID

from trailcast.clock import utc_now
from trailcast.demo.company import Ids, companies
from trailcast.demo.handout import DemoWorkspace, Handout
from trailcast.demo.happening import Happenings
from trailcast.demo.loading import draft_all, speak_as
from trailcast.demo.story import PRIORITIES
from trailcast.errors import TrailcastError
from trailcast.ledger.database import Database
from trailcast.ledger.group import Writers
from trailcast.live.counters import Counters
from trailcast.live.doorbell import Doorbell
from trailcast.live.listener import make_bells
from trailcast.records import EventInput, FieldChange
from trailcast.settings import Settings

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1
LOOKS_MIN, LOOKS_MAX = 6, 14  # between two events
KINDS = ("comment", "failure", "edit", "heartbeat", "approval")
KIND_WEIGHTS = (60, 12, 12, 8, 8)
WATCHED_BOARD_SHARE = 0.5  # of the events are on the first board, whose comments the welcome tells people to watch


class Deaf:
    """An ear for who only rings."""

    def heard_log(self, workspace_id: UUID, sequence: int) -> None: ...

    def heard_access(self, workspace_id: UUID) -> None: ...

    def heard_resync(self) -> None: ...


async def keep_adding(url: str, settings: Settings, handout: Handout, is_over: Callable[[], bool]) -> None:
    """Add events to the demo's workspaces in turn until it is over, which is asked often, since a stop should not take long."""
    chance = Random()  # noqa: S311 - invents stories, guards nothing
    database = Database(url, settings)
    doorbell = Doorbell(make_bells(settings.broadcast_url, url, Counters())[0], Deaf())
    writers = Writers(database, doorbell.ring, settings)
    try:
        async with doorbell.connected():
            while True:
                for workspace in handout.workspaces:
                    for _ in range(chance.randint(LOOKS_MIN, LOOKS_MAX)):
                        if is_over():
                            return
                        await asyncio.sleep(LOOK_EVERY_S)
                    try:
                        await _add(database, writers, settings, workspace, chance)
                    except TrailcastError as error:
                        logger.warning("no live event for %s: %s", workspace.name, error.message)
    finally:
        await database.dispose()


async def _add(
    database: Database, writers: Writers, settings: Settings, workspace: DemoWorkspace, chance: Random
) -> None:
    given = invent(workspace, chance)
    async with database.looking_up() as connection:
        principal = await speak_as(connection, workspace.tokens.service, utc_now())
    async with database.reading(principal.workspace.id) as connection:
        drafts = await draft_all(connection, principal, settings, [given])
    await writers.append(drafts)


def invent(workspace: DemoWorkspace, chance: Random) -> EventInput:
    """Something that could happen in this workspace right now."""
    company = next(company for company in companies() if company.name == workspace.name)
    happenings = Happenings(company, Ids(workspace.id), chance)
    boards = [0] if chance.random() < WATCHED_BOARD_SHARE else range(len(company.boards))
    task = chance.choice([number for number, (board, _) in enumerate(company.tasks) if board in boards])
    board = company.tasks[task][0]
    person, agent = chance.choice(happenings.people_of(board)), chance.choice(happenings.agents_of(board))
    kind = chance.choices(KINDS, KIND_WEIGHTS)[0]
    if kind == "heartbeat":
        return happenings.heartbeat(agent)
    if kind == "failure":
        return happenings.failure(task, agent, happenings.run_id(), 1)
    if kind == "approval":
        return happenings.request(task, agent, person, happenings.run_id())
    if kind == "edit":
        before, after = chance.sample(PRIORITIES, 2)
        return happenings.change(task, person, "task.updated", FieldChange("priority", before, after))
    return happenings.comment(task, chance.choice((person, agent)))
