"""Each filter alone and several together, on both sides of every bound; bad values are refused with the path to them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

import pytest

from schema.activity_event import ActivityEventFilter
from tests.access.rules import LOG, Logged
from tests.schema.conftest import Reading
from tests.support.clients import Client
from tests.support.world import World, identity

pytestmark = pytest.mark.asyncio(loop_scope="session")

Fits: TypeAlias = Callable[[Logged], bool]
EVENTS = """query($filter: ActivityEventFilter, $direction: OrderDirection! = ASC) {
  activityEvents(filter: $filter, direction: $direction, first: 200) { nodes { id } totalCount { count isExact } } }"""
COMMENTS = ["owner_alpha", "member_alpha", "bot_alpha", "builder_alpha", "owner_beta", "bot_gamma", "owner_gamma"]

# Every field alone, and the events that it leaves, the oldest first.
ALONE: list[tuple[dict[str, Any], list[str]]] = [
    ({"eventType": ["task.comment"]}, COMMENTS),
    ({"eventType": ["task.status_changed", "agent.heartbeat"]}, ["bot_status", "service_for_bot"]),
    ({"eventType": ["task"]}, []),
    ({"eventTypePrefix": "task."}, [*COMMENTS[:4], "bot_status", "bot_failed", *COMMENTS[4:]]),
    ({"eventTypePrefix": "task.e"}, ["bot_failed"]),
    ({"eventTypePrefix": "auth.login"}, ["owner_login", "member_login", "denied"]),
    ({"eventTypePrefix": "a"}, ["owner_login", "approval_beta", "service_for_bot", "member_login", "denied"]),
    ({"eventTypePrefix": "task_"}, []),
    ({"eventTypePrefix": "t%"}, []),
    ({"category": ["auth", "board"]}, ["owner_login", "alpha_created", "member_login", "denied"]),
    ({"action": ["commented"]}, COMMENTS),
    ({"action": ["logged_in", "requested"]}, ["owner_login", "approval_beta", "member_login", "denied"]),
    ({"outcome": ["FAILURE"]}, ["bot_failed"]),
    ({"outcome": ["FAILURE", "DENIED"]}, ["bot_failed", "denied"]),
    ({"actorKind": ["AGENT"]}, ["bot_alpha", "builder_alpha", "bot_status", "bot_failed", "bot_gamma", "service_for_bot"]),
    ({"actorId": [identity("owner")]}, ["owner_login", "alpha_created", "owner_alpha", "owner_beta", "owner_gamma"]),
    ({"actorId": [identity("builder"), identity("member")]}, ["member_alpha", "builder_alpha", "member_login"]),
    ({"agentId": [identity("builder")]}, ["builder_alpha"]),
    ({"agentId": [identity("owner")]}, []),
    ({"userId": [identity("member")]}, ["member_alpha", "member_login"]),
    ({"userId": [identity("bot")]}, []),
    ({"boardId": [identity("beta")]}, ["owner_beta", "approval_beta"]),
    ({"boardId": [identity("beta").upper()]}, ["owner_beta", "approval_beta"]),
    ({"boardId": [identity("gamma"), identity("beta")]}, ["bot_failed", "owner_beta", "bot_gamma", "owner_gamma", "approval_beta"]),
    ({"taskId": [identity("alpha_task2"), identity("beta_task")]}, ["builder_alpha", "owner_beta", "approval_beta"]),
    ({"entity": {"type": "board", "id": identity("alpha")}}, ["alpha_created"]),
    ({"entity": {"type": "board", "id": identity("alpha").upper()}}, ["alpha_created"]),
    ({"entity": {"type": "board", "id": "alpha"}}, []),
    ({"correlationId": "run-1"}, ["bot_status"]),
    ({"correlationId": "run"}, []),
    ({"text": "invoice"}, ["owner_alpha", "member_alpha", "bot_alpha"]),
    ({"text": "INVOICE FIRST"}, ["member_alpha"]),
    ({"text": "PLA"}, ["owner_beta", "bot_gamma"]),
]  # fmt: skip
TOGETHER: list[tuple[dict[str, Any], list[str]]] = [
    ({"category": ["task"], "actorKind": ["AGENT"], "boardId": [identity("gamma")]}, ["bot_failed", "bot_gamma"]),
    ({"eventType": ["task.comment"], "eventTypePrefix": "task.", "text": "plan"}, ["owner_beta", "bot_gamma"]),
    ({"eventType": ["task.comment"], "eventTypePrefix": "auth."}, []),
    ({"outcome": ["SUCCESS"], "agentId": [identity("bot")], "taskId": [identity("alpha_task")]}, ["bot_alpha", "bot_status"]),
    ({"userId": [identity("owner")], "boardId": [identity("alpha"), identity("gamma")], "action": ["commented"]},
     ["owner_alpha", "owner_gamma"]),
    ({"agentId": [identity("bot")], "userId": [identity("owner")]}, []),
]  # fmt: skip
LIST_FIELDS = (
    "eventType",
    "category",
    "action",
    "outcome",
    "actorKind",
    "actorId",
    "agentId",
    "userId",
    "boardId",
    "taskId",
)
FIELDS = (*LIST_FIELDS, "eventTypePrefix", "entity", "correlationId", "since", "until", "text")


@pytest.mark.parametrize(
    ("wanted", "names"), [*ALONE, *TOGETHER], ids=lambda value: str(value)[:60] if isinstance(value, dict) else ""
)
async def test_filter_leaves_what_fits_in_both_directions_and_counts_it(
    read: Reading, wanted: dict[str, Any], names: list[str]
) -> None:
    count = {"count": len(names), "isExact": True}
    for direction, expected in (("ASC", names), ("DESC", names[::-1])):
        answer = (await read.data(EVENTS, {"filter": wanted, "direction": direction}))["activityEvents"]
        assert (read.names(answer["nodes"]), answer["totalCount"]) == (expected, count)


async def test_tables_know_every_field_of_the_filter() -> None:
    fields = {field.graphql_name or field.python_name for field in ActivityEventFilter.__strawberry_definition__.fields}  # type: ignore[attr-defined]
    camel = {name.split("_")[0] + "".join(word.capitalize() for word in name.split("_")[1:]) for name in fields}
    assert camel == set(FIELDS)
    assert {name for wanted, _ in ALONE for name in wanted} == set(FIELDS) - {"since", "until"}


@pytest.mark.parametrize("field", LIST_FIELDS)
async def test_empty_list_matches_nothing(read: Reading, field: str) -> None:
    answer = await read.data(EVENTS, {"filter": {field: []}})
    assert answer == {"activityEvents": {"nodes": [], "totalCount": {"count": 0, "isExact": True}}}


@pytest.mark.parametrize("wanted", [None, {}, *({field: None} for field in FIELDS)], ids=str)
async def test_null_is_the_same_as_left_out(read: Reading, wanted: dict[str, None] | None) -> None:
    answer = (await read.data(EVENTS, {"filter": wanted}))["activityEvents"]
    assert read.names(answer["nodes"]) == [event.name for event in LOG["acme"]]
    assert answer["totalCount"] == {"count": 20, "isExact": True}


async def test_range_of_time_takes_its_beginning_in_and_leaves_its_end_out(read: Reading) -> None:
    tick = timedelta(microseconds=1)
    # The first of five that share one moment, one in the middle, the last.
    some = [read.recorded()[place][1] for place in (0, 9, 19)]
    moments = [moment + step for moment in some for step in (-tick, timedelta(0), tick)]
    first, last = moments[0], moments[-1]
    ranges = [
        *((moment, None) for moment in moments),
        *((None, moment) for moment in moments),
        *zip(moments, moments[3:], strict=False),
    ]
    for since, until in [*ranges, (last, first), (first, last), (last, last)]:
        wanted = {"since": since and since.isoformat(), "until": until and until.isoformat()}
        expected = [
            event.name
            for event, moment in read.recorded()
            if (since is None or moment >= since) and (until is None or moment < until)
        ]
        answer = (await read.data(EVENTS, {"filter": wanted}))["activityEvents"]
        assert (read.names(answer["nodes"]), answer["totalCount"]["count"]) == (expected, len(expected)), wanted


async def test_time_means_the_same_in_any_offset(read: Reading) -> None:
    moment = read.created_at("member_login")
    for text in (
        moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        (moment + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:%S.%f+05:30"),
        (moment - timedelta(hours=8)).strftime("%Y-%m-%dt%H:%M:%S.%f-08:00"),
        moment.strftime("%Y-%m-%d %H:%M:%S.%fz"),
    ):
        answer = await read.data(EVENTS, {"filter": {"since": text}})
        assert read.names(answer["activityEvents"]["nodes"]) == ["member_login", "denied"], text


LONG = "x" * 201
TEXTS = ("eventType", "category", "action")
IDS = ("actorId", "agentId", "userId", "boardId", "taskId")
PREFIX = 'eventTypePrefix must have 1 to 100 ASCII characters, such as "task.".'
# A filter, the path to what is wrong in it, and the sentence.
BAD: list[tuple[dict[str, Any], list[Any], str]] = [
    *(({field: ["a"] * 201}, ["filter", field], "A list of a filter may have 200 values.") for field in TEXTS),
    *(({field: [identity("bot")] * 201}, ["filter", field], "A list of a filter may have 200 values.") for field in IDS),
    *(({field: [identity("bot"), "bot"]}, ["filter", field, 1], f"{field} must be a UUID.") for field in IDS),
    *(({field: ["a", LONG]}, ["filter", field, 1], f"{field} may have 200 characters, none of them NUL.") for field in TEXTS),
    ({"eventType": ["a\0"]}, ["filter", "eventType", 0], "eventType may have 200 characters, none of them NUL."),
    *(
        ({"eventTypePrefix": value}, ["filter", "eventTypePrefix"], PREFIX)
        for value in ("", "é", "x" * 101, "a\0")
    ),
    *(({"text": value}, ["filter", "text"], "text must have 3 to 200 characters.") for value in ("", "ab", LONG, "ab\0")),
    *(
        ({"correlationId": value}, ["filter", "correlationId"], "correlationId may have 200 characters, none of them NUL.")
        for value in (LONG, "a\0")
    ),
    ({"entity": {"type": LONG, "id": "1"}}, ["filter", "entity", "type"], "type may have 200 characters, none of them NUL."),
    ({"entity": {"type": "task", "id": LONG}}, ["filter", "entity", "id"], "id may have 200 characters, none of them NUL."),
    *(
        ({name: value}, ["filter", name], f"{name} must lie between 2 and 9998.")
        for name in ("since", "until")
        for value in ("0001-12-31T23:59:59Z", "9999-01-01T00:00:00Z")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "path", "message"), BAD, ids=lambda value: str(value)[:40])
async def test_bad_value_is_refused_with_the_path_to_it(
    read: Reading, wanted: dict[str, Any], path: list[Any], message: str
) -> None:
    refusal = {"message": message, "code": "BAD_USER_INPUT", "path": path}
    assert await read.refusal(EVENTS, {"filter": wanted}) == refusal
    metrics = """query($filter: ActivityEventFilter) { activityMetrics(since: "2026-01-01T00:00:00Z", filter: $filter) { total } }"""
    assert await read.refusal(metrics, {"filter": wanted}) == refusal


@pytest.mark.parametrize("values", [200, 199])
async def test_list_of_as_many_values_as_allowed_is_taken(read: Reading, values: int) -> None:
    wanted = {"eventType": [*(f"custom.n{number}" for number in range(values - 1)), "agent.heartbeat"]}
    answer = await read.data(EVENTS, {"filter": wanted})
    assert read.names(answer["activityEvents"]["nodes"]) == ["service_for_bot"]


@pytest.mark.asyncio(loop_scope="function")
async def test_text_is_taken_as_it_is_and_not_as_a_pattern(gql: Client, world: World) -> None:
    odd = [
        'it\'s "quoted"',
        "'; SELECT 1; --",
        "a/b",
        "$1 and :name",
        "%(x)s",
        "__[POSTCOMPILE_x]",
        "\\'x",
        "100% /sure",
    ]
    messages = ["100% sure", "100x sure", "a_b_c", "axbxc", "back\\slash", "ÄRGER mit Öl", "tab\there", *odd]
    inputs = [{"eventType": "custom.noted", "message": message} for message in messages]
    log = "mutation($inputs: [LogActivityInput!]!) { logActivities(inputs: $inputs) { errors { message } } }"
    await gql.data(log, {"inputs": inputs}, token=world.token("owner"))
    document = "query($text: String) { activityEvents(filter: { text: $text }) { nodes { message } } }"
    for text, found in (
        ("100%", ["100% /sure", "100% sure"]), ("0% s", ["100% sure"]), ("a_b", ["a_b_c"]), ("_b_", ["a_b_c"]),
        ("k\\s", ["back\\slash"]),
        ("ärger", ["ÄRGER mit Öl"]), ("b\th", ["tab\there"]), ("%%%", []), ("___", []),
        *((text, [text]) for text in odd),
    ):  # fmt: skip
        answer = await gql.data(document, {"text": text}, token=world.token("owner"))
        assert [node["message"] for node in answer["activityEvents"]["nodes"]] == found, text
