"""Counts over time: every bucket is there, days are those of the asked time zone, and a rate of nothing is null."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import EMPTY_TEMPLATE
from tests.schema.scratch import Scratch, found_workspace
from tests.schema.servers import Shared, shared_server
from tests.support.world import World
from trailcast.embedded import EmbeddedPostgres

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SERIES = """query($since: DateTime!, $until: DateTime, $bucket: Bucket!, $zone: String!, $filter: ActivityEventFilter) {
  activityMetrics(since: $since, until: $until, bucket: $bucket, timeZone: $zone, filter: $filter) {
    total failed errorRatePct series { start total failed errorRatePct isPartial } } }"""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Shared]:
    """A server for which it is always the same moment."""
    async with shared_server(postgres, EMPTY_TEMPLATE, clock=lambda: NOW) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def scratch(shared: Shared) -> Scratch:
    return await found_workspace(shared)


async def series(scratch: Scratch, **variables: Any) -> list[dict[str, Any]]:
    answer = await scratch.ask(SERIES, {"bucket": "DAY", "zone": "UTC", **variables})
    points: list[dict[str, Any]] = answer["activityMetrics"]["series"]
    assert sum(point["total"] for point in points) == answer["activityMetrics"]["total"]
    assert sum(point["failed"] for point in points) == answer["activityMetrics"]["failed"]
    return points


# Zone, days around a change of the clocks, and the hours from one start to the next.
CHANGES: list[tuple[str, str, str, list[tuple[str, float]]]] = [
    ("Europe/Berlin", "2026-03-28T00:00:00+01:00", "2026-03-31T00:00:00+02:00",
     [("2026-03-27T23:00", 24), ("2026-03-28T23:00", 23), ("2026-03-29T22:00", 24)]),
    ("Europe/Berlin", "2026-10-24T00:00:00+02:00", "2026-10-27T00:00:00+01:00",
     [("2026-10-23T22:00", 24), ("2026-10-24T22:00", 25), ("2026-10-25T23:00", 24)]),
    ("America/New_York", "2026-03-07T00:00:00-05:00", "2026-03-10T00:00:00-04:00",
     [("2026-03-07T05:00", 24), ("2026-03-08T05:00", 23), ("2026-03-09T04:00", 24)]),
    ("America/New_York", "2026-10-31T00:00:00-04:00", "2026-11-03T00:00:00-05:00",
     [("2026-10-31T04:00", 24), ("2026-11-01T04:00", 25), ("2026-11-02T05:00", 24)]),
    ("Australia/Lord_Howe", "2026-04-04T00:00:00+11:00", "2026-04-07T00:00:00+10:30",
     [("2026-04-03T13:00", 24), ("2026-04-04T13:00", 24.5), ("2026-04-05T13:30", 24)]),
    ("Australia/Lord_Howe", "2026-10-03T00:00:00+10:30", "2026-10-06T00:00:00+11:00",
     [("2026-10-02T13:30", 24), ("2026-10-03T13:30", 23.5), ("2026-10-04T13:00", 24)]),
    ("Africa/Cairo", "2026-04-23T00:00:00+02:00", "2026-04-26T00:00:00+03:00",  # the clocks leave out midnight itself
     [("2026-04-22T22:00", 24), ("2026-04-23T22:00", 23), ("2026-04-24T21:00", 24)]),
    ("America/Havana", "2026-10-31T00:00:00-04:00", "2026-11-03T00:00:00-05:00",  # the clocks show midnight twice
     [("2026-10-31T04:00", 24), ("2026-11-01T04:00", 25), ("2026-11-02T05:00", 24)]),
    ("Asia/Kathmandu", "2026-03-28T00:00:00+05:45", "2026-03-30T00:00:00+05:45",
     [("2026-03-27T18:15", 24), ("2026-03-28T18:15", 24)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "since", "until", "days"), CHANGES, ids=[f"{case[0]} {case[1][:10]}" for case in CHANGES]
)
async def test_days_are_those_of_the_zone_also_where_the_clocks_change(
    scratch: Scratch, zone: str, since: str, until: str, days: list[tuple[str, float]]
) -> None:
    """An event at the first and at the last moment of each day: none falls into the next or is lost."""
    starts = [(at(start), timedelta(hours=hours)) for start, hours in days]
    tick = timedelta(microseconds=1)
    await scratch.write(
        [{"created_at": moment} for start, length in starts for moment in (start, start + length - tick)]
    )
    assert await series(scratch, since=since, until=until, zone=zone) == [
        {
            "start": start.isoformat(timespec="microseconds"),
            "total": 2,
            "failed": 0,
            "errorRatePct": 0.0,
            "isPartial": False,
        }
        for start, _ in starts
    ]


# An hour that the clocks show twice is two, one that they leave out is none.
HOURS: list[tuple[str, str, str, list[str]]] = [
    ("Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z", ["2026-03-29T00:00", "2026-03-29T01:00", "2026-03-29T02:00"]),
    ("Europe/Berlin", "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z",
     ["2026-10-24T23:00", "2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"]),
    ("Asia/Kathmandu", "2026-03-28T18:15:00Z", "2026-03-28T20:15:00Z", ["2026-03-28T18:15", "2026-03-28T19:15"]),
    # Half an hour is left out at two, or shown twice before it: the hour around it has ninety minutes.
    ("Australia/Lord_Howe", "2026-10-03T14:30:00Z", "2026-10-03T17:00:00Z", ["2026-10-03T14:30", "2026-10-03T16:00"]),
    ("Australia/Lord_Howe", "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z", ["2026-04-04T14:00", "2026-04-04T15:30"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "since", "until", "starts"), HOURS, ids=[f"{case[0]} {case[1][:10]}" for case in HOURS]
)
async def test_hours_begin_with_their_first_minute_in_the_zone(
    scratch: Scratch, zone: str, since: str, until: str, starts: list[str]
) -> None:
    await scratch.write([{"created_at": at(start)} for start in starts])
    points = await series(scratch, since=since, until=until, zone=zone, bucket="HOUR")
    assert [(point["start"], point["total"], point["isPartial"]) for point in points] == [
        (at(start).isoformat(timespec="microseconds"), 1, False) for start in starts
    ]


@pytest.mark.parametrize(
    ("bucket", "since", "until", "starts"),
    [
        # Mondays, across a change of the clocks and across the year.
        ("WEEK", "2026-03-23T00:00:00+01:00", "2026-04-06T00:00:00+02:00", ["2026-03-22T23:00", "2026-03-29T22:00"]),
        ("WEEK", "2026-12-28T00:00:00+01:00", "2027-01-11T00:00:00+01:00", ["2026-12-27T23:00", "2027-01-03T23:00"]),
        ("MONTH", "2026-03-01T00:00:00+01:00", "2026-05-01T00:00:00+02:00", ["2026-02-28T23:00", "2026-03-31T22:00"]),
        ("MONTH", "2024-02-01T00:00:00+01:00", "2024-03-31T00:00:00+01:00", ["2024-01-31T23:00", "2024-02-29T23:00"]),
    ],
)
async def test_weeks_begin_on_monday_and_months_on_their_first(
    scratch: Scratch, bucket: str, since: str, until: str, starts: list[str]
) -> None:
    points = await series(scratch, since=since, until=until, zone="Europe/Berlin", bucket=bucket)
    assert [point["start"] for point in points] == [at(start).isoformat(timespec="microseconds") for start in starts]


async def test_empty_buckets_are_there_and_a_rate_of_nothing_is_null(scratch: Scratch) -> None:
    failed = {"outcome": "FAILURE"}
    await scratch.write(
        [
            {"created_at": at("2026-11-02T00:00")},
            {"created_at": at("2026-11-02T23:59:59.999999"), **failed},
            {"created_at": at("2026-11-04T12:00"), **failed},
            {"created_at": at("2026-11-04T13:00"), "outcome": "DENIED"},
            {"created_at": at("2026-11-04T14:00"), "event_type": "auth.login_failed", "category": "auth"},
        ]
    )
    points = await series(scratch, since="2026-11-01T00:00:00Z", until="2026-11-06T00:00:00Z")
    assert [(point["start"][:10], point["total"], point["failed"], point["errorRatePct"]) for point in points] == [
        ("2026-11-01", 0, 0, None),
        ("2026-11-02", 2, 1, 50.0),
        ("2026-11-03", 0, 0, None),
        ("2026-11-04", 3, 1, pytest.approx(100 / 3)),  # the outcome counts, and not how a type is called
        ("2026-11-05", 0, 0, None),
    ]
    assert [point["isPartial"] for point in points] == [False] * 5
    for wanted, expected in (
        ({}, {"total": 5, "failed": 2, "errorRatePct": 40.0}),
        ({"outcome": ["DENIED"]}, {"total": 1, "failed": 0, "errorRatePct": 0.0}),
        ({"category": ["none"]}, {"total": 0, "failed": 0, "errorRatePct": None}),
    ):
        document = SERIES.replace(" series { start total failed errorRatePct isPartial }", "")
        variables = {"since": "2026-11-01T00:00:00Z", "bucket": "DAY", "zone": "UTC", "filter": wanted}
        assert await scratch.ask(document, variables) == {"activityMetrics": expected}


async def test_buckets_that_the_range_or_the_present_cuts_short_say_so(scratch: Scratch) -> None:
    async def partial(**variables: Any) -> list[tuple[str, bool]]:
        return [(point["start"][5:13], point["isPartial"]) for point in await series(scratch, **variables)]

    assert await partial(since="2026-11-19T12:00:00Z", until="2026-11-21T12:00:00Z") == [
        ("11-19T00", True), ("11-20T00", False), ("11-21T00", True),
    ]  # fmt: skip
    # Without an end it ends now, and so does the last bucket.
    assert await partial(since="2026-11-21T00:00:00Z") == [("11-21T00", False), ("11-22T00", True)]
    # What is yet to come is there, and partial.
    assert await partial(since="2026-11-22T00:00:00Z", until="2026-11-24T00:00:00Z") == [
        ("11-22T00", True),
        ("11-23T00", True),
    ]
    # A filter's own range cuts as well.
    assert await partial(
        since="2026-11-19T00:00:00Z",
        until="2026-11-22T00:00:00Z",
        filter={"since": "2026-11-19T01:00:00Z", "until": "2026-11-21T23:00:00Z"},
    ) == [("11-19T00", True), ("11-20T00", False), ("11-21T00", True)]
    assert await partial(since="2026-11-19T00:00:00Z", until="2026-11-19T00:00:00Z") == []


async def test_range_is_that_of_the_arguments_and_of_the_filter_together(scratch: Scratch) -> None:
    await scratch.write([{"created_at": at(f"2026-11-{day:02}T12:00")} for day in range(1, 11)])
    document = """query($since: DateTime!, $until: DateTime, $filter: ActivityEventFilter) {
      activityMetrics(since: $since, until: $until, filter: $filter) { total } }"""

    def day(number: int) -> str:
        return f"2026-11-{number:02}T12:00:00Z"

    for since, until, wanted, total in (
        (day(1), None, {}, 10),
        (day(3), None, {}, 8),
        (day(3), day(6), {}, 3),
        (day(3), day(3), {}, 0),
        (day(1), None, {"since": day(4), "until": day(6)}, 2),
        (day(5), None, {"since": day(4), "until": day(6)}, 1),
        (day(1), day(5), {"since": day(4), "until": day(6)}, 1),
        (day(7), None, {"until": day(6)}, 0),
    ):
        answer = await scratch.ask(document, {"since": since, "until": until, "filter": wanted})
        assert answer == {"activityMetrics": {"total": total}}, (since, until, wanted)


async def test_breakdown_gives_the_most_frequent_first_and_no_more_than_asked(scratch: Scratch) -> None:
    moment = at("2026-11-01T00:00")
    types = ["a.b"] * 3 + ["c.d"] * 2 + ["e.f"] * 2 + ["g.h"]
    await scratch.write(
        [{"created_at": moment, "event_type": name, "category": name[0], "outcome": "FAILURE"} for name in types]
    )
    document = """query($first: Int!, $by: Dimension!) { activityMetrics(since: "2026-11-01T00:00:00Z") {
      breakdown(by: $by, first: $first) { key label total failed } } }"""
    entries = [
        {"key": key, "label": key, "total": total, "failed": total}
        for key, total in (("a.b", 3), ("c.d", 2), ("e.f", 2), ("g.h", 1))
    ]
    for first in (1, 3, 200):
        answer = await scratch.ask(document, {"first": first, "by": "EVENT_TYPE"})
        assert answer == {"activityMetrics": {"breakdown": entries[:first]}}
    # What has no value of a dimension is left out of it.
    for dimension in ("AGENT", "BOARD", "TASK"):
        answer = await scratch.ask(document, {"first": 200, "by": dimension})
        assert answer == {"activityMetrics": {"breakdown": []}}, dimension


@pytest.mark.parametrize(
    ("arguments", "message", "path"),
    [
        ('timeZone: "Mars/Olympus"', "timeZone must be an IANA name such as Europe/Berlin.", ["timeZone"]),
        ('timeZone: ""', "timeZone must be an IANA name such as Europe/Berlin.", ["timeZone"]),
        (f'timeZone: "{"Pacific/Apia" * 3000}"', "timeZone must be an IANA name such as Europe/Berlin.", ["timeZone"]),
        ('timeZone: "../etc/passwd"', "timeZone must be an IANA name such as Europe/Berlin.", ["timeZone"]),
        ('until: "2025-12-31T00:00:00Z"', "until must not lie before since.", ["until"]),
        (
            'since: "2024-01-01T00:00:00Z", bucket: HOUR',
            "A series may have 10000 points: ask for a larger bucket or a shorter time.",
            ["bucket"],
        ),
    ],
)
async def test_bad_argument_is_refused(scratch: Scratch, arguments: str, message: str, path: list[str]) -> None:
    since = "" if "since:" in arguments else 'since: "2026-01-01T00:00:00Z", '
    answer = await scratch.shared.gql(
        f"{{ activityMetrics({since}{arguments}) {{ series {{ total }} }} }}", token=scratch.token
    )
    assert answer["data"] is None
    [error] = answer["errors"]
    assert (error["message"], error["extensions"]) == (message, {"code": "BAD_USER_INPUT", "path": path})


@pytest.mark.parametrize("first", [0, 201])
async def test_number_of_entries_of_a_breakdown_has_bounds(scratch: Scratch, first: int) -> None:
    document = (
        f'{{ activityMetrics(since: "2026-01-01T00:00:00Z") {{ breakdown(by: ACTOR, first: {first}) {{ key }} }} }}'
    )
    answer = await scratch.shared.gql(document, token=scratch.token)
    assert [error["extensions"] for error in answer["errors"]] == [{"code": "BAD_USER_INPUT", "path": ["first"]}]
