"""A log of forty days for tests of counts, and the same counts made by hand, in Python, from the events as a delivery has them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

from trailcast.access.scope import Scope, admits
from trailcast.ledger.filters import matches
from trailcast.records import Breakdown, Dimension, EventFilter, EventRecord, Outcome

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS, EVENTS = 40, 600
HERE, ELSEWHERE = UUID(int=1001), UUID(int=1002)
AGENTS, USERS, SERVICE = (UUID(int=2001), UUID(int=2002)), (UUID(int=3001), UUID(int=3002)), UUID(int=4001)
BOARDS, TASKS = (UUID(int=5001), UUID(int=5002), UUID(int=5003)), (UUID(int=6001), UUID(int=6002))
ACTORS = [*(("AGENT", agent) for agent in AGENTS), *(("USER", user) for user in USERS), ("SERVICE", SERVICE)]
TYPES = ("task.comment", "task.created", "task.execution.failed", "tasks.moved", "auth.login", "a.b", "a.b.c")
NAMES = {board: f"Board {number}" for number, board in enumerate(BOARDS[:2])} | {TASKS[0]: "Task"}
QUARTER = timedelta(minutes=15)


def make_log(workspace: UUID, events: int = EVENTS) -> list[dict[str, Any]]:
    """Rows for `events`, the same in every run: often just at or beside the beginning of a quarter or a day, several at once."""
    random = Random(workspace.int)
    moments = []
    for _ in range(events):
        moment = START + random.randrange(DAYS * 96) * QUARTER
        if random.random() < 0.3:
            moment = moment.replace(hour=0, minute=0)
        moments.append(
            moment + random.choice([timedelta(0), -timedelta.resolution, timedelta.resolution, timedelta(minutes=7)])
        )
    return [_row(random, workspace, number, moment) for number, moment in enumerate(sorted(moments), start=1)]


def _row(random: Random, workspace: UUID, sequence: int, moment: datetime) -> dict[str, Any]:
    kind, actor = random.choice(ACTORS)
    event_type = random.choice(TYPES)
    return {
        "workspace_id": workspace, "sequence": sequence, "id": uuid4(), "created_at": moment, "occurred_at": moment,
        "event_type": event_type, "category": event_type.partition(".")[0], "action": random.choice(["created", "moved"]),
        "outcome": random.choice([*Outcome]).value, "message": "said", "actor_kind": kind, "actor_id": actor,
        "actor_name": f"{kind.title()} at {sequence}", "agent_id": actor if kind == "AGENT" else None,
        "user_id": actor if kind == "USER" else None, "board_id": random.choice([None, *BOARDS]),
        "task_id": random.choice(TASKS) if event_type == "task.comment" else random.choice([None, *TASKS]),
        "entity_type": "a", "entity_id": "1", "changes": [], "metadata": {},
    }  # fmt: skip


def visible(events: Iterable[EventRecord], scope: Scope, wanted: EventFilter) -> list[EventRecord]:
    """What a scope sees of what a filter wants."""
    return [event for event in events if admits(scope, event) and matches(wanted, event)]


def outcomes(events: Sequence[EventRecord]) -> tuple[int, int]:
    """(total, failed)."""
    return len(events), sum(event.outcome is Outcome.FAILURE for event in events)


def breakdown(events: Iterable[EventRecord], by: Dimension, first: int) -> list[Breakdown]:
    """Most events first, then by key; named by the newest event, or by the directory."""
    groups: dict[str, list[EventRecord]] = defaultdict(list)
    for event in events:
        key = _key(event, by)
        if key is not None:
            groups[str(key)].append(event)
    found = [Breakdown(key, _label(key, group, by), *outcomes(group)) for key, group in groups.items()]
    return sorted(found, key=lambda entry: (-entry.total, entry.key))[:first]


def _key(event: EventRecord, by: Dimension) -> object:
    if by is Dimension.ACTOR:
        return event.actor.id if event.actor else None
    return getattr(
        event, f"{by.name.lower()}_id" if by in {Dimension.AGENT, Dimension.BOARD, Dimension.TASK} else by.name.lower()
    )


def _label(key: str, group: Sequence[EventRecord], by: Dimension) -> str | None:
    if by in {Dimension.ACTOR, Dimension.AGENT}:
        newest = max(group, key=lambda event: event.sequence or 0)
        return newest.actor.name if newest.actor else None
    return NAMES.get(UUID(key)) if by in {Dimension.BOARD, Dimension.TASK} else key


def series(events: Iterable[EventRecord], bounds: Sequence[datetime]) -> dict[int, tuple[int, int]]:
    """Outcomes by the number of the interval, where there are any."""
    groups: dict[int, list[EventRecord]] = defaultdict(list)
    for event in events:
        groups[sum(bound <= event.created_at for bound in bounds if event.created_at)].append(event)
    return {number: outcomes(group) for number, group in groups.items()}
