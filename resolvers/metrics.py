"""Counts over a range of time: what was asked for is checked here, what is counted in `trailcast.ledger.metrics`.

All that one selection asks for is counted in one statement, however many fields and aliases ask, and nothing is if none does. What
is wrong with one field (too many points, too many rows) is that field's error alone, so it is said when the field is answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from resolvers import asked
from resolvers.context import Context
from trailcast.errors import BadUserInput
from trailcast.ledger.buckets import bucket_bounds
from trailcast.ledger.counting import Question
from trailcast.ledger.metrics import Counted, count, make_series
from trailcast.records import Breakdown, Bucket, Dimension, EventFilter, MetricPoint
from trailcast.settings import Settings

ZONE_LENGTH_MAX = 64  # twice the longest there is


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the metrics is selected."""

    outcomes: bool
    series: bool
    breakdowns: Sequence[tuple[Dimension, int]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was counted, and of what."""

    question: Question
    counted: Counted
    settings: Settings


async def activity_metrics(
    context: Context,
    wanted: EventFilter,
    selected: Asked,
    *,
    since: datetime,
    until: datetime | None,
    bucket: Bucket,
    time_zone: str,
) -> Answer:
    """Count. `until` defaults to now. Raises BadUserInput, Unauthenticated, Unavailable."""
    principal = await context.caller.principal()
    now = context.clock().astimezone(UTC)
    asked.moment(since, "since")
    end = asked.moment(until, "until") or now
    if end < since:
        raise BadUserInput("until must not lie before since.", ["until"])
    wanted = asked.event_filter(wanted, context.settings, "filter")
    starts = [moment for moment in (since, wanted.since) if moment is not None]
    ends = [moment for moment in (until, wanted.until) if moment is not None]
    wanted = replace(wanted, since=max(starts), until=min(ends) if ends else None)
    zone_asked = zone(time_zone)
    rows: dict[Dimension, int] = {}
    for by, first in selected.breakdowns:
        if 1 <= first <= context.settings.breakdown_max:
            rows[by] = max(first, rows.get(by, 0))
    question = Question(
        scope=principal.scope,
        wanted=wanted,
        now=now,
        outcomes=selected.outcomes,
        breakdowns=tuple(rows.items()),
        bounds=bucket_bounds(since, end, bucket, zone_asked, context.settings.buckets_max) if selected.series else None,
    )
    if not question.is_of_something:
        return Answer(question, Counted(), context.settings)
    return Answer(question, await count(context.database, question), context.settings)


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


def series(answer: Answer) -> list[MetricPoint]:
    """One point per bucket, the empty ones too. Raises BadUserInput where there are too many."""
    question = answer.question
    if question.bounds is None:
        count_max = answer.settings.buckets_max
        raise BadUserInput(
            f"A series may have {count_max} points: ask for a larger bucket or a shorter time.", ["bucket"]
        )
    return make_series(answer.counted, question.wanted, question.bounds, question.now)


def breakdown(answer: Answer, by: Dimension, first: int) -> list[Breakdown]:
    """The most frequent values. Raises BadUserInput."""
    rows = asked.rows(first, answer.settings)
    return answer.counted.breakdowns[by][:rows]
