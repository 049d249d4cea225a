"""Counts over the log: totals, series in a time zone, breakdowns, contributors. Exact up to the last event; one statement each.

Buckets are made here, in Python, from the zone's own rules, so that a day across a change of the clocks has 23 or 25 hours
and every bucket is there, counted or empty; the database only puts each event into its interval. What failed is what has
the outcome FAILURE, never what a type's name looks like.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import DateTime, Subquery, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.functions import coalesce

import models
from models import Event
from models.base import AnySelect
from trailcast.access.scope import Scope
from trailcast.ledger.filters import conditions
from trailcast.records import (
    Actor,
    ActorActivity,
    ActorKind,
    Breakdown,
    Bucket,
    Dimension,
    EventFilter,
    MetricPoint,
    Outcome,
)  # fmt: skip

_TOTAL = func.count()
_FAILED = func.count().filter(Event.outcome == Outcome.FAILURE.value)
_KEYS: dict[Dimension, Any] = {
    Dimension.EVENT_TYPE: Event.event_type,
    Dimension.CATEGORY: Event.category,
    Dimension.ACTION: Event.action,
    Dimension.ACTOR: Event.actor_id,
    Dimension.AGENT: Event.agent_id,
    Dimension.BOARD: Event.board_id,
    Dimension.TASK: Event.task_id,
}


async def count_outcomes(connection: AsyncConnection, scope: Scope, wanted: EventFilter) -> tuple[int, int]:
    """(total, failed)."""
    row = (await connection.execute(select(_TOTAL, _FAILED).where(*conditions(scope, wanted)))).one()
    return row[0], row[1]


async def read_series(
    connection: AsyncConnection, scope: Scope, wanted: EventFilter, bounds: Sequence[datetime], now: datetime
) -> list[MetricPoint]:
    """One point for each interval between two neighbouring bounds; `wanted` has the asked since and until."""
    starts = bindparam("starts", list(bounds), type_=ARRAY(DateTime(timezone=True)))
    place = func.width_bucket(Event.created_at, starts).label("place")
    query = select(place, _TOTAL, _FAILED).where(*conditions(scope, wanted)).group_by(place)
    counts = {row[0]: (row[1], row[2]) for row in await connection.execute(query)}
    since = wanted.since or bounds[0]
    until = min(wanted.until or now, now)
    return [
        MetricPoint(start, *counts.get(index, (0, 0)), is_partial=start < since or end > until)
        for index, (start, end) in enumerate(pairwise(bounds), start=1)
    ]


async def read_breakdown(
    connection: AsyncConnection, scope: Scope, wanted: EventFilter, by: Dimension, first: int
) -> list[Breakdown]:
    """The most frequent values of a dimension, most events first; events without a value are left out."""
    key = _KEYS[by]
    top = (
        select(
            key.label("key"), _TOTAL.label("total"), _FAILED.label("failed"), func.max(Event.sequence).label("latest")
        )
        .where(*conditions(scope, wanted), key.is_not(None))
        .group_by(key)
        .order_by(_TOTAL.desc(), key)
        .limit(first)
        .subquery("top")
    )
    rows = await connection.execute(_labelled(scope.workspace_id, by, top).order_by(top.c.total.desc(), top.c.key))
    return [Breakdown(str(key), label, total, failed) for key, total, failed, label in rows]


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


def _labelled(workspace_id: UUID, by: Dimension, top: Subquery) -> AnySelect:
    """`top` with a name for people: that of the newest event for actors, today's for what the directory holds."""
    columns = (top.c.key, top.c.total, top.c.failed)
    if by in {Dimension.ACTOR, Dimension.AGENT}:
        newest = (Event.workspace_id == workspace_id) & (Event.sequence == top.c.latest)
        return select(*columns, Event.actor_name).join(Event, newest)
    if by in {Dimension.BOARD, Dimension.TASK}:
        model: Any = models.Board if by is Dimension.BOARD else models.Task
        name = models.Board.name if by is Dimension.BOARD else models.Task.title
        return select(*columns, name).outerjoin(model, (model.workspace_id == workspace_id) & (model.id == top.c.key))
    return select(*columns, coalesce(top.c.key.cast(Text), ""))


def bucket_bounds(
    since: datetime, until: datetime, bucket: Bucket, zone: ZoneInfo, count_max: int
) -> list[datetime] | None:
    """The starts of the buckets that cover [since, until), and the end of the last, in UTC; None beyond `count_max`."""
    start = _floor(since, bucket, zone)
    bounds = [start]
    while bounds[-1] < until:
        if len(bounds) > count_max:
            return None
        bounds.append(_next(bounds[-1], bucket, zone))
    return bounds


def _floor(moment: datetime, bucket: Bucket, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    if bucket is Bucket.HOUR:
        # Not through the wall clock, which shows some hours twice: back by what has passed of this one.
        passed = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        start = moment.astimezone(UTC) - passed
        # An hour in which the clocks changed by half an hour is longer by it.
        return start if start.astimezone(zone).minute == 0 else _floor(start, bucket, zone)
    day = local.date()
    if bucket is Bucket.WEEK:
        day -= timedelta(days=day.weekday())
    elif bucket is Bucket.MONTH:
        day = day.replace(day=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _next(start: datetime, bucket: Bucket, zone: ZoneInfo) -> datetime:
    if bucket is Bucket.HOUR:
        following = start + timedelta(hours=1)
        return following + timedelta(minutes=-following.astimezone(zone).minute % 60)
    # Well inside the next bucket, whatever the clocks did, and back to its start.
    inside = {Bucket.DAY: timedelta(hours=36), Bucket.WEEK: timedelta(days=10), Bucket.MONTH: timedelta(days=45)}
    return _floor(start + inside[bucket], bucket, zone)
