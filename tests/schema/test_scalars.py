"""DateTime, JSON and BigInt as they cross the border: a bad value is refused with the reason, in the document and in variables."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schema.scalars import BIG_INT_MAX, parse_big_int, parse_datetime
from tests.schema.conftest import Reading
from tests.support.clients import Client
from tests.support.world import World

OFFSET = "A DateTime is RFC 3339 with an offset, such as 2026-11-22T09:30:00Z or 2026-11-22T10:30:00.5+01:00."
NO_MOMENT = "There is no such moment: check the day, the time and the offset."


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T09:30:00Z", datetime(2026, 11, 22, 9, 30, tzinfo=UTC)),
        ("2026-11-22t09:30:00z", datetime(2026, 11, 22, 9, 30, tzinfo=UTC)),
        ("2026-11-22 10:30:00.5+01:00", datetime(2026, 11, 22, 9, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-11-22T09:30:00.123456Z", datetime(2026, 11, 22, 9, 30, 0, 123_456, tzinfo=UTC)),
        ("2026-11-22T09:30:00.123456999Z", datetime(2026, 11, 22, 9, 30, 0, 123_456, tzinfo=UTC)),
        ("2026-11-21T23:30:00-10:00", datetime(2026, 11, 22, 9, 30, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_moment_is_read_with_its_offset(text: str, moment: datetime) -> None:
    assert parse_datetime(text) == moment


BAD_TIMES: list[tuple[Any, str]] = [
    *((text, OFFSET) for text in (
        "2026-11-22T09:30:00", "2026-11-22", "2026-11-22T09:30Z", "2026-11-22T09:30:00+0100", "2026-11-22T09:30:00 Z", "now", "",
        "2026-11-22T09:30:00,5Z", "2026-11-22T09:30:00.Z", "٢٠٢٦-11-22T09:30:00Z", 1763803800, 1.5, True, ["2026-11-22T09:30:00Z"],
    )),
    *((text, NO_MOMENT) for text in (
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-22T24:30:00Z", "2026-11-22T09:61:00Z",
        "2026-11-22T09:30:00+24:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
    )),
]  # fmt: skip


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(("value", "message"), BAD_TIMES, ids=str)
async def test_time_that_is_none_is_refused_wherever_it_stands(read: Reading, value: Any, message: str) -> None:
    document = "query($since: DateTime!) { activityMetrics(since: $since) { total } }"
    refusal = await read.refusal(document, {"since": value})
    assert refusal["code"] == "BAD_USER_INPUT"
    assert refusal["message"].endswith(message)
    inside = "query($filter: ActivityEventFilter) { activityEvents(filter: $filter) { nodes { id } } }"
    refusal = await read.refusal(inside, {"filter": {"until": value}})
    assert refusal["code"] == "BAD_USER_INPUT"
    assert refusal["message"].endswith(message)
    if isinstance(value, str):
        refusal = await read.refusal(f'{{ activityMetrics(since: "{value}") {{ total }} }}')
        assert refusal["code"] == "BAD_USER_INPUT"
        assert refusal["message"].endswith(message)


@pytest.mark.asyncio(loop_scope="session")
async def test_times_are_answered_in_utc_with_their_offset_to_the_microsecond(read: Reading) -> None:
    document = "{ activityEvents(first: 200) { nodes { createdAt occurredAt } } }"
    for node, (_, moment) in zip(
        (await read.data(document))["activityEvents"]["nodes"][::-1], read.recorded(), strict=True
    ):
        assert node == {"createdAt": moment.isoformat(), "occurredAt": moment.isoformat()}
        assert node["createdAt"].endswith("+00:00")


@pytest.mark.parametrize(
    "value", [True, 1.0, "1.0", "", " 1", "1e3", "٣", str(BIG_INT_MAX + 1), BIG_INT_MAX + 1, None, "9" * 40]
)
def test_big_int_that_is_none_is_refused(value: object) -> None:
    from graphql import GraphQLError

    with pytest.raises(GraphQLError, match="whole number of up to 64 bits"):
        parse_big_int(value)


@pytest.mark.parametrize(("value", "number"), [("0", 0), (7, 7), ("-12", -12), (str(BIG_INT_MAX), BIG_INT_MAX)])
def test_big_int_is_read_from_text_and_number(value: object, number: int) -> None:
    assert parse_big_int(value) == number


@pytest.mark.asyncio(loop_scope="session")
async def test_big_int_is_answered_as_text(read: Reading) -> None:
    assert await read.data("{ activityEvents(first: 1) { nodes { sequence } } }") == {
        "activityEvents": {"nodes": [{"sequence": "20"}]}
    }


async def test_json_comes_back_as_it_was_given(gql: Client, world: World) -> None:
    metadata = {
        "text": "é💥",
        "zero": 0,
        "float": 0.1,
        "big": 2**63,
        "null": None,
        "list": [1, [2, {"x": []}]],
        "": {},
        "a.b": True,
    }
    changes = [
        {"path": "status", "before": None, "after": {"a": [1.5, "x"]}},
        {"path": "n", "before": 1, "after": False},
    ]
    document = """mutation($input: LogActivityInput!) { logActivity(input: $input) {
      event { metadata changes { path before after } } errors { message } } }"""
    given = {"eventType": "custom.noted", "metadata": metadata, "changes": changes}
    answer = await gql.data(document, {"input": given}, token=world.token("owner"))
    assert answer == {"logActivity": {"event": {"metadata": metadata, "changes": changes}, "errors": []}}
