"""Buckets of time: they cover the asked range without gap or overlap, and begin where the zone's clocks say, whatever those did."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trailcast.ledger.buckets import bucket_bounds
from trailcast.records import Bucket

# Half-hour offsets, half-hour changes, changes at midnight, a skipped day (Apia 2011), none at all.
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"),
    *("Asia/Beirut", "Pacific/Apia", "America/Havana", "Africa/Casablanca", "Asia/Kolkata", "America/St_Johns"),
)
LONGEST = {
    Bucket.HOUR: timedelta(hours=1, minutes=30),
    Bucket.DAY: timedelta(hours=48),
    Bucket.WEEK: timedelta(days=8),
    Bucket.MONTH: timedelta(days=32),
}
COUNT_MAX = 500
EXAMPLES = 300  # times, zones and buckets are a large room

moments = st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware
zones = st.sampled_from(ZONES).map(ZoneInfo)
buckets = st.sampled_from(Bucket)


def begins(moment: datetime, bucket: Bucket, zone: ZoneInfo) -> bool:
    """Whether the wall clock shows a full hour here, or no earlier instant is in the same day, week or month."""
    local = moment.astimezone(zone)
    if bucket is Bucket.HOUR:
        return (local.minute, local.second, local.microsecond) == (0, 0, 0)
    return _label(moment, bucket, zone) != _label(moment - timedelta(microseconds=1), bucket, zone)


def _label(moment: datetime, bucket: Bucket, zone: ZoneInfo) -> tuple[object, ...]:
    local = moment.astimezone(zone)
    if bucket is Bucket.DAY:
        return (local.date(),)
    return tuple(local.isocalendar()[:2]) if bucket is Bucket.WEEK else (local.year, local.month)


@settings(max_examples=EXAMPLES)
@given(moments, st.timedeltas(timedelta(microseconds=1), timedelta(days=20)), buckets, zones)
def test_buckets_cover_the_range_in_order_and_begin_on_the_zones_clock(
    since: datetime, length: timedelta, bucket: Bucket, zone: ZoneInfo
) -> None:
    until = since + length
    bounds = bucket_bounds(since, until, bucket, zone, COUNT_MAX)
    assert bounds is not None
    assert bounds[0] <= since < bounds[1]
    assert bounds[-2] < until <= bounds[-1]
    assert all(timedelta(0) < end - start <= LONGEST[bucket] for start, end in pairwise(bounds))
    assert all(begins(bound, bucket, zone) for bound in bounds)
    assert all(bound.tzinfo is UTC for bound in bounds)


@settings(max_examples=EXAMPLES)
@given(moments, st.timedeltas(timedelta(microseconds=1), timedelta(days=9)), buckets, zones)
def test_buckets_do_not_depend_on_where_the_range_begins(
    since: datetime, length: timedelta, bucket: Bucket, zone: ZoneInfo
) -> None:
    whole = bucket_bounds(since, since + length, bucket, zone, COUNT_MAX)
    assert whole is not None
    for start, end in pairwise(whole):
        last = end - timedelta(microseconds=1)
        assert bucket_bounds(start, last, bucket, zone, COUNT_MAX) == [start, end]
        assert bucket_bounds(last, end, bucket, zone, COUNT_MAX) == [start, end]


@given(moments, buckets, zones)
def test_an_empty_range_has_no_bucket(since: datetime, bucket: Bucket, zone: ZoneInfo) -> None:
    start = bucket_bounds(since, since + timedelta(seconds=1), bucket, zone, COUNT_MAX)
    assert start is not None
    assert bucket_bounds(start[0], start[0], bucket, zone, COUNT_MAX) == [start[0]]


@pytest.mark.parametrize("bucket", Bucket)
def test_the_bound_on_buckets_is_exact(bucket: Bucket) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    bounds = bucket_bounds(since, since + timedelta(days=70), bucket, ZoneInfo("UTC"), 10_000)
    assert bounds is not None
    count = len(bounds) - 1
    assert bucket_bounds(since, since + timedelta(days=70), bucket, ZoneInfo("UTC"), count) == bounds
    assert bucket_bounds(since, since + timedelta(days=70), bucket, ZoneInfo("UTC"), count - 1) is None


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)])
def test_a_day_is_as_long_as_its_clock_says(day: tuple[int, int, int], hours: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(*day, tzinfo=zone).astimezone(UTC)
    days = bucket_bounds(start, start + timedelta(hours=1), Bucket.DAY, zone, COUNT_MAX)
    assert days == [start, start + timedelta(hours=hours)]
    inside = bucket_bounds(start, start + timedelta(hours=hours), Bucket.HOUR, zone, COUNT_MAX)
    assert inside == [start + timedelta(hours=hour) for hour in range(hours + 1)]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    since = datetime(2026, 2, 25, 13, 45, tzinfo=UTC)
    weeks = bucket_bounds(since, since + timedelta(days=7), Bucket.WEEK, ZoneInfo("UTC"), COUNT_MAX)
    months = bucket_bounds(since, since + timedelta(days=7), Bucket.MONTH, ZoneInfo("UTC"), COUNT_MAX)
    assert weeks == [
        datetime(2026, 2, 23, tzinfo=UTC),
        datetime(2026, 3, 2, tzinfo=UTC),
        datetime(2026, 3, 9, tzinfo=UTC),
    ]
    assert months == [
        datetime(2026, 2, 1, tzinfo=UTC),
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 4, 1, tzinfo=UTC),
    ]
