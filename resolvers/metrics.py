"""Counts over a range of time: what was asked for is checked here, what is counted in `trailcast.ledger.metrics`."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from resolvers import asked
from resolvers.context import Context
from trailcast.errors import BadUserInput
from trailcast.ledger.metrics import bucket_bounds, count_outcomes, read_breakdown, read_series
from trailcast.records import Breakdown, Bucket, Dimension, EventFilter, MetricPoint

ZONE_LENGTH_MAX = 64  # twice the longest there is


@dataclass(frozen=True, slots=True)
class MetricsRequest:
    """What to count: the filter already holds the range of time."""

    wanted: EventFilter
    since: datetime
    until: datetime
    now: datetime
    bucket: Bucket
    zone: ZoneInfo


async def metrics_request(
    context: Context, wanted: EventFilter, *, since: datetime, until: datetime | None, bucket: Bucket, time_zone: str
) -> MetricsRequest:
    """The range and the buckets, checked. `until` defaults to now. Raises BadUserInput, Unauthenticated."""
    await context.caller.principal()
    now = context.clock().astimezone(UTC)
    asked.moment(since, "since")
    end = asked.moment(until, "until") or now
    if end < since:
        raise BadUserInput("until must not lie before since.", ["until"])
    wanted = asked.event_filter(wanted, context.settings, "filter")
    starts = [moment for moment in (since, wanted.since) if moment is not None]
    ends = [moment for moment in (until, wanted.until) if moment is not None]
    wanted = replace(wanted, since=max(starts), until=min(ends) if ends else None)
    return MetricsRequest(wanted, since, end, now, bucket, zone(time_zone))


def zone(name: str) -> ZoneInfo:
    """The time zone by its IANA name. Raises BadUserInput."""
    try:
        # The library takes the name for a path, and descends it step by step, however many there are.
        found = ZoneInfo(name) if len(name) <= ZONE_LENGTH_MAX else None
    except (ValueError, LookupError, OSError):
        found = None
    if found is None:
        raise BadUserInput("timeZone must be an IANA name such as Europe/Berlin.", ["timeZone"])
    return found


async def outcomes(context: Context, request: MetricsRequest) -> tuple[int, int]:
    """(total, failed)."""
    principal = await context.caller.principal()
    async with context.database.reading(principal.workspace.id) as connection:
        return await count_outcomes(connection, principal.scope, request.wanted)


async def series(context: Context, request: MetricsRequest) -> list[MetricPoint]:
    """One point per bucket, the empty ones too. Raises BadUserInput where there are too many."""
    count_max = context.settings.buckets_max
    bounds = bucket_bounds(request.since, request.until, request.bucket, request.zone, count_max)
    if bounds is None:
        raise BadUserInput(
            f"A series may have {count_max} points: ask for a larger bucket or a shorter time.", ["bucket"]
        )
    principal = await context.caller.principal()
    async with context.database.reading(principal.workspace.id) as connection:
        return await read_series(connection, principal.scope, request.wanted, bounds, request.now)


async def breakdown(context: Context, request: MetricsRequest, by: Dimension, first: int) -> list[Breakdown]:
    """The most frequent values. Raises BadUserInput."""
    principal = await context.caller.principal()
    async with context.database.reading(principal.workspace.id) as connection:
        return await read_breakdown(
            connection, principal.scope, request.wanted, by, asked.rows(first, context.settings)
        )


class Outcomes:
    """Total and failed of one request, counted once however many fields ask, and not at all if none does."""

    def __init__(self, context: Context, request: MetricsRequest) -> None:
        self._context = context
        self._request = request
        self._lock = asyncio.Lock()
        self._counted: tuple[int, int] | None = None

    async def get(self) -> tuple[int, int]:
        """(total, failed)."""
        async with self._lock:
            if self._counted is None:
                self._counted = await outcomes(self._context, self._request)
            return self._counted
