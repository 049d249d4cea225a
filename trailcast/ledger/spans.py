"""Which part of a range of time can be answered by counts made beforehand, and of which width each.

Quarters of an hour, because every zone's clocks differ from UTC by a multiple of one (those of Kolkata by half an hour, of
Kathmandu by three quarters), so that the buckets of a series begin where a quarter does. Days in UTC, because they are up to a
hundred times fewer: whatever lies between two cuts and is a whole day is read as one. What is left over at both ends is counted
from the events.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
FAR = datetime(9999, 1, 1, tzinfo=UTC)  # beyond all that can be asked for
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Span:
    """From `start` up to `end`, in parts that follow on each other, each with the width of its counts in minutes."""

    start: datetime
    end: datetime
    starts: list[datetime] = field(default_factory=list)
    ends: list[datetime] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)

    def add(self, start: datetime, end: datetime, width: timedelta) -> None:
        """Go on up to `end`."""
        minutes = width // _MINUTE
        if start >= end:
            return
        if self.widths and self.widths[-1] == minutes:
            self.ends[-1] = end
            return
        self.starts.append(start)
        self.ends.append(end)
        self.widths.append(minutes)


def find_span(since: datetime, until: datetime | None, cuts: Iterable[datetime], finest: timedelta) -> Span | None:
    """The longest span within the range that is made of whole counts, none of which lies across a cut; None where there is none."""
    start, end = _floor(since + finest - timedelta.resolution, finest), FAR if until is None else _floor(until, finest)
    if start >= end:
        return None
    inside = [cut for cut in cuts if start < cut < end]
    if any(_floor(cut, finest) != cut for cut in inside):
        return None
    span = Span(start, end)
    here = start
    # Days that are not whole: the first, those with a cut inside, the last.
    broken = {_floor(moment, DAY) for moment in (start, *inside, end) if _floor(moment, DAY) != moment}
    for day in sorted(broken):
        span.add(here, day, DAY)
        here = min(day + DAY, end)
        span.add(max(day, start), here, QUARTER)
    span.add(here, end, DAY)
    return span


def _floor(moment: datetime, width: timedelta) -> datetime:
    return _EPOCH + (moment - _EPOCH) // width * width
