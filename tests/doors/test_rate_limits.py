"""How often, and at what cost, a caller may ask: whoever is over it is told when to come back, and nothing of the operation is run."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from graphql import get_introspection_query
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.doors.test_event_streams import messages, streaming
from tests.live.sockets import FOLLOW, say, until_waiting
from tests.support.clients import Client, Statements, open_socket, take_request_ids
from tests.support.serving import RunningServer, running_server
from tests.support.world import World
from trailcast.access.principal import Principal
from trailcast.doors.allowances import Allowances, Rate
from trailcast.errors import RateLimited
from trailcast.settings import Settings

VIEWER = "{ viewer { role } }"  # costs 2
ROLE = {"data": {"viewer": {"role": "OWNER"}}}
BOARDS = "{ boards(first: 5) { nodes { id } } }"  # costs 11
BURST, PER_S = 3, 2


class Stopwatch:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"requests_per_s": PER_S, "requests_burst": BURST})


@pytest.fixture
async def server(settings: Settings, stopwatch: Stopwatch) -> AsyncIterator[RunningServer]:
    async with running_server(settings, monotonic=stopwatch) as running:
        yield running


def refusal(what: str, burst: int, per_s: float, wait_ms: int) -> dict[str, Any]:
    """The one error of whoever is told to wait."""
    message = (
        f"Too many {what}: {burst} at once and then {per_s} a second are allowed: try again in {wait_ms / 1000:.2f} s."
    )
    return {"message": message, "extensions": {"code": "RATE_LIMITED", "retryAfterMs": wait_ms}}


def too_many(wait_ms: int) -> dict[str, Any]:
    return refusal("requests", BURST, PER_S, wait_ms)


def too_costly(burst: int, per_s: float, wait_ms: int) -> dict[str, Any]:
    return refusal("fields", burst, per_s, wait_ms)


# -- requests


async def test_each_caller_has_a_burst_and_then_so_many_a_second(
    gql: Client, world: World, stopwatch: Stopwatch
) -> None:
    owner = world.token("owner")
    for _ in range(BURST):
        assert await gql(VIEWER, token=owner) == ROLE
    assert await gql(VIEWER, token=owner) == {"errors": [too_many(500)]}
    assert (gql.last.status_code, gql.last.headers["retry-after"]) == (429, "1")
    # Each for itself: another person, an agent, the same person in another workspace.
    for caller, workspace in (
        ("admin", world.acme),
        ("bot", world.acme),
        ("double", world.acme),
        ("double", world.globex),
    ):
        for _ in range(BURST):
            answer = await gql(VIEWER, token=world.token(caller), headers={"x-workspace": workspace})
            assert "errors" not in answer, (caller, answer)
    stopwatch.now += 0.5
    assert await gql(VIEWER, token=owner) == ROLE
    stopwatch.now += 0.25
    assert await gql(VIEWER, token=owner) == {"errors": [too_many(250)]}
    # A rest gives back a burst, and never more.
    stopwatch.now += 3600
    answers = [await gql(VIEWER, token=owner) for _ in range(BURST + 1)]
    assert answers == [ROLE] * BURST + [{"errors": [too_many(500)]}]


async def test_a_write_that_is_refused_is_not_written(gql: Client, world: World) -> None:
    service = world.token("service")
    document = 'mutation ($key: String!) { logActivity(input: {eventType: "a.b", idempotencyKey: $key}) { event { sequence } } }'
    for number in range(BURST):
        assert await gql.data(document, {"key": str(number)}, token=service)
    assert await gql.codes(document, {"key": "refused"}, token=service) == ["RATE_LIMITED"]
    assert gql.last.status_code == 429
    newest = "{ activityEvents(first: 4) { nodes { eventType } } }"
    nodes = (await gql.data(newest, token=world.token("owner")))["activityEvents"]["nodes"]
    assert [node["eventType"] == "a.b" for node in nodes] == [True] * BURST + [False]


async def test_callers_without_a_credential_are_told_by_their_address(gql: Client, world: World) -> None:
    for _ in range(BURST):
        assert await gql("{ __typename }") == {"data": {"__typename": "Query"}}
    assert await gql("{ __typename }") == {"errors": [too_many(500)]}
    assert await gql(VIEWER, token=world.token("owner")) == ROLE


async def test_an_operation_of_a_socket_is_refused_alone_and_deliveries_are_not_counted(
    gql: Client, server: RunningServer, world: World, stopwatch: Stopwatch
) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, operation="feed")
        await until_waiting(server, 1)
        await say(gql, world, *(str(number) for number in range(10)))
        assert messages(*[await socket.next("feed") for _ in range(10)]) == [str(number) for number in range(10)]
        for number in range(BURST - 1):
            await socket.subscribe(VIEWER, operation=f"query {number}")
            assert await socket.next(f"query {number}") == ROLE
            assert await socket.receive() == {"id": f"query {number}", "type": "complete"}
        for document in (VIEWER, FOLLOW):
            await socket.subscribe(document, operation="refused")
            assert await socket.receive() == {"id": "refused", "type": "error", "payload": [too_many(500)]}
        # One account, whichever door it is: over HTTP there is nothing left either.
        assert await gql.codes(VIEWER, token=world.token("owner")) == ["RATE_LIMITED"]
        await say(gql, world, "still here")
        assert messages(await socket.next("feed")) == ["still here"]
        stopwatch.now += 0.5
        await socket.subscribe(VIEWER, operation="refused")
        assert await socket.next("refused") == ROLE


async def test_an_event_stream_is_refused_before_it_begins(server: RunningServer, world: World) -> None:
    for _ in range(BURST):
        async with streaming(server, world.token("owner"), VIEWER) as stream:
            assert await stream.item() == ROLE
    async with streaming(server, world.token("owner"), FOLLOW) as stream:
        assert (stream.response.status_code, stream.response.headers["retry-after"]) == (429, "1")
        await stream.response.aread()
        errors = stream.response.json()["errors"]
        assert len(take_request_ids(errors)) == 1
        assert errors == [too_many(500)]


# -- cost


async def test_what_an_operation_costs_is_counted_before_it_is_run(settings: Settings, world: World) -> None:
    stopwatch = Stopwatch()
    costs = settings.model_copy(update={"cost_per_s": 4, "cost_burst": 20, "requests_per_s": 0})
    async with running_server(costs, monotonic=stopwatch) as server, Client(server.http) as gql:
        owner = world.token("owner")
        for _ in range(4):
            assert await gql(VIEWER, token=owner) == ROLE
        # 12 are left.
        with Statements(server.database) as ran:
            assert "errors" not in await gql(BOARDS, token=owner)
            assert await gql(BOARDS, token=owner) == {"errors": [too_costly(20, 4, 2500)]}
        assert len(ran.of("boards")) == 1
        assert (gql.last.status_code, gql.last.headers["retry-after"]) == (429, "3")
        assert await gql(VIEWER, token=owner) == {"errors": [too_costly(20, 4, 250)]}
        assert await gql(VIEWER, token=world.token("admin")) == {"data": {"viewer": {"role": "ADMIN"}}}
        # What is no valid document costs nothing.
        assert await gql.codes("{ nothing }", token=owner) == ["GRAPHQL_VALIDATION_FAILED"]
        async with open_socket(server.ws, owner) as socket:
            for document in (VIEWER, "subscription { activityLogged { id } }"):
                await socket.subscribe(document)
                refused = {"id": "1", "type": "error", "payload": [too_costly(20, 4, 250)]}
                assert await socket.receive() == refused, document
            stopwatch.now += 0.25
            await socket.subscribe(VIEWER)
            assert await socket.next() == ROLE
        for document in (VIEWER, "subscription { activityLogged { id } }"):
            async with streaming(server, owner, document) as stream:
                [error] = (await stream.item())["errors"]
                assert error["extensions"]["code"] == "RATE_LIMITED"
                assert await stream.end() == [{"event": "complete", "data": ""}]
        # More than a bucket holds is given by a full one, and waited for afterwards.
        stopwatch.now += 5
        large = "{ boards(first: 100) { nodes { id } } }"
        assert "errors" not in await gql(large, token=owner)
        assert await gql(VIEWER, token=owner) == {"errors": [too_costly(20, 4, 45_750)]}
        # Introspection is work too, for whoever asks.
        assert "errors" not in await gql(get_introspection_query())
        assert await gql.codes("{ __typename }", token=None) == ["RATE_LIMITED"]


async def test_zero_is_no_limit(settings: Settings, world: World) -> None:
    free = settings.model_copy(update={"requests_per_s": 0, "cost_per_s": 0, "requests_burst": 1, "cost_burst": 1})
    async with running_server(free, monotonic=Stopwatch()) as server, Client(server.http) as gql:
        for _ in range(5):
            assert await gql(VIEWER, token=world.token("owner")) == ROLE


# -- the table


def caller(number: int) -> Principal:
    identity = SimpleNamespace(id=UUID(int=number))
    return cast("Principal", SimpleNamespace(workspace=identity, actor=identity))


def test_callers_at_rest_are_forgotten_and_of_the_others_those_that_were_away_longest(stopwatch: Stopwatch) -> None:
    rules = Settings(callers_max=4, requests_per_s=1, requests_burst=2)
    table = Allowances(rules, stopwatch)
    for number in range(4):
        table.of(caller(number), None).begin()
    table.of(caller(0), None).begin()
    assert len(table) == 4
    # Everybody has used something: the one that was away longest makes room, and the one that came again has not.
    table.of(caller(4), None).begin()
    assert len(table) == 4
    with pytest.raises(RateLimited):
        table.of(caller(0), None).begin()
    # A second later all buckets but one are full, and nothing is lost with those that are.
    stopwatch.now += 1
    with table.of(caller(5), None):
        assert len(table) == 2
        table.of(caller(6), None)
        assert len(table) == 3
        stopwatch.now += 100
        table.of(caller(7), None)
        assert len(table) == 3  # one is under way, and what came after it waits for it
    table.of(caller(8), None)
    assert len(table) == 1


def test_one_customer_of_ipv6_is_one_caller(stopwatch: Stopwatch) -> None:
    table = Allowances(Settings(), stopwatch)
    mine = table.of(None, "2001:db8::1")
    mine.begin()
    assert table.of(None, "2001:db8::ffff:2") is mine
    assert table.of(None, "2001:db8:0:1::1") is not mine
    assert table.of(None, "192.0.2.1") is not table.of(None, "192.0.2.2")


@hypothesis_settings(deadline=None)
@given(
    takes=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 12)), max_size=60),
    per_s=st.floats(0.1, 1000),
    burst=st.integers(1, 10),
)
def test_nobody_gets_more_than_a_burst_and_the_rate_over_any_time(
    takes: list[tuple[float, int]], per_s: float, burst: int
) -> None:
    """And whoever is refused passes when he comes back at the time that he was told, and not much before."""
    rate, now, full_at = Rate("things", per_s, burst), 5000.0, 0.0
    given: list[tuple[float, int]] = []
    for pause_s, amount in takes:
        now += pause_s
        try:
            full_at = rate.take(amount, full_at, now)
            given.append((now, amount))
        except RateLimited as refused:
            at_last = now + refused.retry_after_s
            with pytest.raises(RateLimited):
                rate.take(amount, full_at, at_last - 1e-5 - 1e-3 / per_s)
            rate.take(amount, full_at, at_last)
    for start in range(len(given)):
        total = 0
        for moment, amount in given[start:]:
            # What is more than a bucket holds is paid for afterwards: the last one may be beyond, by as much.
            assert (
                total + min(amount, burst)
                <= burst + (moment - given[start][0]) * per_s + max(0, given[start][1] - burst) + 0.01
            )
            total += amount
