"""Counts over the log: totals, series in a time zone, breakdowns, contributors. Exact up to the last event; one statement each.

What failed is what has the outcome FAILURE, never what a type's name looks like. How it is counted: `trailcast.ledger.counting`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Event
from trailcast.access.scope import Scope
from trailcast.ledger.counting import Question, find_statement
from trailcast.ledger.database import Database
from trailcast.ledger.filters import conditions
from trailcast.records import Actor, ActorActivity, ActorKind, Breakdown, Dimension, EventFilter, MetricPoint, Outcome

_TOTAL = func.count()
_FAILED = func.count().filter(Event.outcome == Outcome.FAILURE.value)
_OUTCOMES, _SERIES = 0, -1  # parts of the answer; the others are the breakdowns, in their order


@dataclass(slots=True)
class Counted:
    """The answer to a question. `points`: total and failed of a series by the number of their interval, the first is 1."""

    total: int = 0
    failed: int = 0
    points: dict[int, tuple[int, int]] = field(default_factory=dict)
    breakdowns: dict[Dimension, list[Breakdown]] = field(default_factory=dict)


async def count(database: Database, question: Question) -> Counted:
    """All that is asked, in one statement. Raises Unavailable."""
    counted = Counted(breakdowns={dimension: [] for dimension, _ in question.breakdowns})
    statement = find_statement(question)
    found = await statement.fetch(database, question)
    lists = list(counted.breakdowns.values())
    for part, key, label, total, failed in found:
        if part > 0:
            lists[part - 1].append(Breakdown(key, label, total, failed))
        elif part == _OUTCOMES:
            counted.total, counted.failed = total or 0, failed or 0
        else:
            counted.points[int(key)] = total, failed
    return counted


def make_series(counted: Counted, wanted: EventFilter, bounds: Sequence[datetime], now: datetime) -> list[MetricPoint]:
    """One point for each interval between two neighbouring bounds; `wanted` has the asked since and until."""
    since = wanted.since or bounds[0]
    until = min(wanted.until or now, now)
    return [
        MetricPoint(start, *counted.points.get(index, (0, 0)), is_partial=start < since or end > until)
        for index, (start, end) in enumerate(pairwise(bounds), start=1)
    ]


async def read_contributors(
    connection: AsyncConnection, scope: Scope, wanted: EventFilter, first: int
) -> list[ActorActivity]:
    """Who did it, most events first, each with the name and role of its newest event."""
    top = (
        select(
            Event.actor_kind, Event.actor_id, _TOTAL.label("total"), _FAILED.label("failed"),
            func.max(Event.sequence).label("latest"),
        )
        .where(*conditions(scope, wanted))
        .group_by(Event.actor_kind, Event.actor_id)
        .order_by(_TOTAL.desc(), Event.actor_id)
        .limit(first)
        .subquery("top")
    )  # fmt: skip
    query = (
        select(top, Event.actor_name, Event.actor_role, Event.created_at)
        .join(Event, (Event.workspace_id == scope.workspace_id) & (Event.sequence == top.c.latest))
        .order_by(top.c.total.desc(), top.c.actor_id)
    )
    return [
        ActorActivity(
            Actor(ActorKind(row.actor_kind), row.actor_id, row.actor_name, row.actor_role),
            row.total,
            row.failed,
            row.created_at,
        )
        for row in await connection.execute(query)
    ]
