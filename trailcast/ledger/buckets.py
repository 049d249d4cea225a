"""Buckets of time: where those of a series begin, by the clocks of a zone.

They are made here, in Python, from the zone's own rules, so that a day across a change of the clocks has 23 or 25 hours and
every bucket is there, counted or empty; the database only puts each event into its interval.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from trailcast.records import Bucket


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
