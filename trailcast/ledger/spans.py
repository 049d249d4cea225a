"""Which part of a range of time can be answered by counts made beforehand: whole days, and quarters of an hour of the others.

Quarters, because every zone's clocks differ from UTC by a multiple of one (those of Kolkata by half an hour, of Kathmandu by three
quarters), so that the buckets of a series begin where a quarter does. Days in UTC, because there are up to a hundred times fewer:
whatever lies between two cuts and is a whole day is read as one. What is left over at both ends is counted from the events.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to `end`: by whole days from `first_day` up to `end_day` but for those that are broken, and by the quarters
    of these."""

    start: datetime
    end: datetime
    first_day: datetime
    end_day: datetime
    broken: list[datetime]


def find_span(since: datetime, until: datetime, cuts: Iterable[datetime], finest: timedelta) -> Span | None:
    """The longest span within the range that is made of whole counts, none of which lies across a cut; None where there is none."""
    start, end = _floor(since + finest - timedelta.resolution, finest), _floor(until, finest)
    if start >= end:
        return None
    inside = [cut for cut in cuts if start < cut < end]
    if any(_floor(cut, finest) != cut for cut in inside):
        return None
    broken = {day for moment in (start, *inside, end) if (day := _floor(moment, DAY)) != moment}
    first_day, end_day = _floor(start + DAY - timedelta.resolution, DAY), _floor(end, DAY)
    if sum(first_day <= day < end_day for day in broken) * DAY >= end_day - first_day:
        end_day = first_day  # none is whole
    return Span(start, end, first_day, end_day, sorted(broken))


def _floor(moment: datetime, width: timedelta) -> datetime:
    return _EPOCH + (moment - _EPOCH) // width * width
