"""The writers of a soak. Each writes a few events at once, each event under a key of its own, again until they are acknowledged.

Most go through the GraphQL door of whichever server lives, half of them over HTTP, half over sockets. The late ones do what no
client of the door can: in a transaction of their own they take a number, hold the commit back for a moment, and then commit
or roll back. They ring no bell, so that what they write is found by the next ring of others, or by the tick.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tests.ledger.drafts import draft
from tests.soak.door import Door, ask
from tests.soak.stage import Stage
from tests.support.world import identity
from trailcast.errors import Unavailable
from trailcast.ledger.append import Submission, append
from trailcast.ledger.database import Database
from trailcast.records import EventDraft

LOG = """
mutation ($inputs: [LogActivityInput!]!) {
  logActivities(inputs: $inputs) { events { sequence } errors { code } }
}
"""
BATCH_EVENTS_MAX = 4
PADDING_BYTES_MAX = 4_000  # in the metadata, which only slow readers ask for
COMMENT_SHARE = 0.5
# Who writes, and on which tasks it may comment. Every other writer writes in Globex.
CALLERS: Mapping[str, Sequence[tuple[str, Sequence[str]]]] = {
    "acme": (
        ("owner", ("alpha_task", "beta_task", "gamma_task")),
        ("bot", ("alpha_task", "gamma_task")),
        ("member", ("alpha_task", "alpha_task2")),
    ),
    "globex": (("globex_owner", ("globex_task",)),),
}
BOARDS = {
    "alpha_task": "alpha",
    "alpha_task2": "alpha",
    "beta_task": "beta",
    "gamma_task": "gamma",
    "globex_task": "globex_board",
}


@dataclass(frozen=True)
class Event:
    """What is to be written; a comment if it has a task. The key is the message too, which the lists show."""

    key: str
    task: str | None
    padding: str


class Writer:
    """One writer and what it has to write."""

    def __init__(self, number: int, stage: Stage) -> None:
        self.number = number
        self.plan = stage.plan
        self.is_late = number < self.plan.late_writers
        self.name = f"{'late' if self.is_late else 'door'}-{number}"
        self.workspace = "globex" if number % 2 else "acme"
        self.workspace_id = stage.workspaces[self.workspace]
        self.over_socket = number // 2 % 2 == 0
        callers = CALLERS[self.workspace]
        self.caller, self.tasks = callers[number // 2 % len(callers)]
        self.chance = self.plan.chance(self.name)
        self._history = stage.history
        self._made = 0

    def batch(self, events_max: int) -> list[Event]:
        """The next events, so many at most."""
        return [self._event() for _ in range(self.chance.randint(1, min(BATCH_EVENTS_MAX, events_max)))]

    def _event(self) -> Event:
        self._made += 1
        task = self.chance.choice(self.tasks) if self.chance.random() < COMMENT_SHARE else None
        return Event(f"{self.name}/{self._made}", task, "x" * self.chance.randrange(PADDING_BYTES_MAX))

    async def pause(self) -> None:
        """Before it tries again, not knowing what has become of the events."""
        self._history.write(self.name, "unanswered")
        await asyncio.sleep(self.chance.uniform(0, self.plan.pause_s_max))

    def note_acknowledged(self, batch: Sequence[Event], numbers: Sequence[int]) -> None:
        for event, number in zip(batch, numbers, strict=True):
            self._history.write(self.name, "acknowledged", workspace=self.workspace, key=event.key, sequence=number)

    def note_rolled_back(self, batch: Sequence[Event]) -> None:
        for event in batch:
            self._history.write(self.name, "rolled back", workspace=self.workspace, key=event.key)


async def write_through_door(writer: Writer, door: Door) -> None:
    """Its share of the events, through whichever server answers."""
    left = writer.plan.shared(writer.plan.events, writer.plan.writers, writer.number)
    while left:
        batch = writer.batch(left)
        data = await ask(door, LOG, {"inputs": [_input(event) for event in batch]}, writer.pause)
        payload = data["logActivities"]
        assert payload["errors"] == [], payload
        writer.note_acknowledged(batch, [int(event["sequence"]) for event in payload["events"]])
        left -= len(batch)


def _input(event: Event) -> dict[str, object]:
    return {
        "eventType": "task.comment" if event.task else "a.said",
        "taskId": identity(event.task) if event.task else None,
        "message": event.key,
        "metadata": {"padding": event.padding},
        "idempotencyKey": event.key,
    }


async def write_late(writer: Writer, database: Database) -> None:
    """Its share of the events, and of what is rolled back, in random order."""
    plan = writer.plan
    commits = plan.shared(plan.events, plan.writers, writer.number)
    rollbacks = plan.shared(plan.rollbacks, plan.late_writers, writer.number)
    while commits + rollbacks:
        if writer.chance.randrange(commits + rollbacks) < commits:
            batch = writer.batch(commits)
            writer.note_acknowledged(batch, await _commit(writer, database, batch))
            commits -= len(batch)
        else:
            batch = writer.batch(rollbacks)
            await _roll_back(writer, database, batch)
            writer.note_rolled_back(batch)
            rollbacks -= len(batch)


class _RolledBack(Exception):
    """Ends a transaction without a commit."""


async def _commit(writer: Writer, database: Database, batch: Sequence[Event]) -> list[int]:
    while True:
        try:
            return await _append(writer, database, batch, commit=True)
        except Unavailable:
            # Whether it was committed is not known. The keys will tell.
            await writer.pause()


async def _roll_back(writer: Writer, database: Database, batch: Sequence[Event]) -> None:
    try:
        await _append(writer, database, batch, commit=False)
    except _RolledBack:
        return
    except Unavailable:
        # Nobody asked for a commit, so there was none.
        await writer.pause()


async def _append(writer: Writer, database: Database, batch: Sequence[Event], *, commit: bool) -> list[int]:
    delay_s = writer.chance.uniform(0, writer.plan.commit_delay_ms_max) / 1000
    async with database.writing([UUID(writer.workspace_id)]) as connection:
        [receipt] = await append(connection, [Submission([_draft(writer, event) for event in batch])])
        await asyncio.sleep(delay_s)
        if not commit:
            raise _RolledBack
    assert not receipt.problems, receipt.problems
    return [appended.sequence for appended in receipt.appended]


def _draft(writer: Writer, event: Event) -> EventDraft:
    plain = draft(
        writer.workspace_id,
        event.key,
        metadata={"padding": event.padding},
        idempotency_key=event.key,
        content_sha256=hashlib.sha256(event.key.encode()).digest(),
    )
    if event.task is None:
        return plain
    return draft(
        writer.workspace_id,
        event.key,
        event_type="task.comment",
        category="task",
        action="commented",
        board_id=UUID(identity(BOARDS[event.task])),
        task_id=UUID(identity(event.task)),
        entity_type="task",
        entity_id=identity(event.task),
        metadata=plain.metadata,
        idempotency_key=plain.idempotency_key,
        content_sha256=plain.content_sha256,
    )
