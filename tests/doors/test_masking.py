"""Whatever fails inside a resolver or a reader, no word of it gets out: the client has a code and an id, the log the story.

Every function that the use cases define or call is made to fail, one by one, under a document that reaches it, at all three doors.
Which document reaches what is found by running them all once. A root field without a document, and a function that no
document reaches, fail here.
"""

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any
from unittest import mock
from uuid import UUID

import asyncpg
import httpx
import pytest
from graphql import ExecutionResult, GraphQLError
from sqlalchemy.exc import ProgrammingError
from websockets.asyncio.client import ClientConnection, connect

from resolvers import activity, asked, audit, directory, log, metrics, principals, sync, viewer
from resolvers.context import Caller
from schema.build import build
from schema.execution import following
from tests.access.rules import ABSENT
from tests.support.clients import RECEIVE_TIMEOUT_S, SUBPROTOCOL
from tests.support.serving import RunningServer
from tests.support.world import World, identity
from trailcast.ledger import group
from trailcast.ledger.cursor import DIRECTORY, encode_name, encode_sequence
from trailcast.ledger.group import Writers
from trailcast.live import feed, subscription
from trailcast.live.feed import Feed

SECRET = "the secret of the vault"
MASKED = "Something went wrong on our side; quote the requestId when you report it."
STREAM = "text/event-stream"
FORMATTER = logging.Formatter()
MODULES = (activity, asked, audit, directory, log, metrics, principals, sync, viewer, feed, group)
OURS = ("resolvers", "trailcast.ledger", "trailcast.access", "trailcast.live")
METHODS: tuple[tuple[Any, str], ...] = (
    (Caller, "principal"), (Caller, "load"), (Feed, "follow"), (Writers, "draft_and_append"),
)  # fmt: skip
# A credential's use is noted behind its owner's back: a note that cannot be written is nobody's error.
UNSEEN = {"resolvers.principals.touch_credentials"}
# While a stream runs, where the log holds something for it.
WHILE_RUNNING = [
    *((subscription, name) for name in ("read_range", "deliver", "shown_as", "variant_for", "admits")),
    (following, "execute_subscription_event"),
]

ACME, BOARD, TASK, MEMBER = UUID(identity("Acme")), identity("alpha"), identity("alpha_task"), identity("member")
ALPHA = encode_name(DIRECTORY["boards"], ACME, "Alpha", UUID(BOARD))
START = f'after: "{encode_sequence(ACME, 0)}"'
PAGE = "nodes { id } edges { node { id } } pageInfo { hasNextPage }"
FILTER = f'filter: {{ boardId: ["{BOARD}"], text: "invoice", entity: {{ type: "task", id: "{TASK}" }} }}'
SINCE = 'since: "2026-01-01T00:00:00Z"'
EVENT = f"""{{ eventType: "task.status_changed", taskId: "{TASK}", boardId: "{BOARD}", metadata: {{ a: 1 }}
  changes: [{{ path: "status", after: "done" }}], actor: {{ kind: USER, id: "{MEMBER}" }}
  onBehalfOf: {{ kind: USER, id: "{MEMBER}" }} }}"""
# Written once, and from then on replayed: what is done with a new event it reaches at one door only.
KEYED = EVENT.removesuffix("}") + ' idempotencyKey: "once" }'
PEOPLE = f"""users: [{{ id: "{MEMBER}", name: "Mia" }}], memberships: [
  {{ userId: "{MEMBER}", role: MEMBER, grants: [{{ boardId: "{BOARD}" }}] }}]"""
# By root field; behind the comma, why there is another.
DOCUMENTS: dict[str, str] = {
    "Query.viewer": "{ viewer { role workspaces { id } boards { canRead } } }",
    "Query.node": f'{{ node(id: "{BOARD}") {{ id }} }}',
    "Query.activityEvents": f"{{ activityEvents({FILTER}, {START}) {{ {PAGE} totalCount {{ count }} }} }}",
    "Query.activityEvent": f'{{ activityEvent(id: "{BOARD}") {{ id }} }}',
    "Query.activityEvent, refused": '{ activityEvent(id: "none") { id } }',
    "Query.activityEvents, written": "{ activityEvents { nodes { id } } }",
    "Query.auditTrail": f"""{{ auditTrail(entityType: "task", entityId: "{TASK}") {{
        entityName firstEvent {{ id }} lastEvent {{ id }} contributors {{ count }} events {{ {PAGE} }} }} }}""",
    "Query.taskComments": f'{{ taskComments(boardId: "{BOARD}", {SINCE}, first: 0) {{ {PAGE} }} }}',
    "Query.activityMetrics": f"""{{ activityMetrics({SINCE}, until: "2026-02-01T00:00:00Z") {{
        total series {{ total }} breakdown(by: ACTOR) {{ total }} }} }}""",
    "Query.eventTypes": "{ eventTypes { name } }",
    "Query.boards": f"""{{ boards(text: "a", after: "{ALPHA}") {{ {PAGE} }} }}""",
    "Query.agents": f'{{ agents(text: "a", boardId: "{BOARD}") {{ {PAGE} }} }}',
    "Query.users": f"{{ users {{ {PAGE} }} }}",
    "Query.tasks": f"{{ tasks {{ {PAGE} }} }}",
    "Mutation.logActivity": f"mutation {{ logActivity(input: {EVENT}) {{ event {{ id }} errors {{ code }} }} }}",
    "Mutation.logActivity, refused": f"""mutation {{ logActivity(input: {{ eventType: "a.b", boardId: "{ABSENT}" }}) {{
        errors {{ code }} }} }}""",
    "Mutation.logActivity, malformed": f"""mutation {{ logActivity(input: {{ eventType: "none", boardId: "{ABSENT}" }}) {{
        errors {{ code }} }} }}""",
    "Mutation.logActivities": f"mutation {{ logActivities(inputs: [{KEYED}]) {{ events {{ id }} errors {{ code }} }} }}",
    "Mutation.addTaskComment": f"""mutation {{ addTaskComment(taskId: "{TASK}", message: "Hi") {{
        comment {{ id }} errors {{ code }} }} }}""",
    "Mutation.syncDirectory": f"mutation {{ syncDirectory(input: {{ {PEOPLE} }}) {{ upserted errors {{ code }} }} }}",
    "Subscription.commentAdded": f'subscription {{ commentAdded(boardId: "{BOARD}", {SINCE}) {{ cursor }} }}',
    "Subscription.activityLogged": f"subscription {{ activityLogged({FILTER}, {START}) {{ cursor }} }}",
}
CALLERS = {
    "Query.viewer": "owner"
}  # only people have several workspaces; all else the service asks, who may do everything


def failures() -> Iterator[Exception]:
    """Errors of all kinds that must not get out, each with the secret. What the database's trouble is called is no such error."""
    driver = asyncpg.UniqueViolationError(SECRET)
    kinds: list[Callable[[], Exception]] = [
        lambda: RuntimeError(SECRET),
        lambda: asyncpg.UniqueViolationError(SECRET),
        lambda: ProgrammingError(f"SELECT {SECRET}", {"secret": SECRET}, driver),
        lambda: AttributeError(f"'NoneType' object has no attribute '{SECRET}'"),
        lambda: GraphQLError(SECRET),
        lambda: UnicodeEncodeError("utf-8", SECRET, 0, 1, SECRET),
    ]
    return (make() for make in itertools.cycle(kinds))


@dataclass(frozen=True)
class Target:
    """A function where it is looked up when it is called."""

    owner: Any
    name: str

    def __str__(self) -> str:
        return f"{getattr(self.owner, '__module__', '') or ''}.{self.owner.__name__}.{self.name}".lstrip(".")

    @property
    def is_use_case(self) -> bool:
        """Whether the schema calls it, not only what it calls."""
        function = getattr(self.owner, self.name)
        return not self.name.startswith("_") and function.__module__ == getattr(self.owner, "__name__", "")

    @contextmanager
    def replaced(self, by: Callable[..., Any]) -> Iterator[None]:
        with mock.patch.object(self.owner, self.name, by):
            yield


def targets() -> list[Target]:
    """Every function that a use case has, or has imported from below."""
    functions = [
        Target(module, name)
        for module in MODULES
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__.startswith(OURS)
    ]
    return [one for one in functions if str(one) not in UNSEEN] + [Target(*method) for method in METHODS]


class Doors:
    """A server, asked through each of its doors; what comes back is all bytes of it."""

    def __init__(
        self, server: RunningServer, world: World, http: httpx.AsyncClient, sockets: dict[str, ClientConnection]
    ) -> None:
        self._server, self._world, self._http, self._sockets = server, world, http, sockets

    async def ask(self, door: str, case: str) -> tuple[int, str]:
        """Status (200 for sockets) and text, up to where a stream has nothing more to say for now."""
        async with asyncio.timeout(RECEIVE_TIMEOUT_S):
            return await self._ask(door, CALLERS.get(case, "service"), DOCUMENTS[case])

    async def _ask(self, door: str, caller: str, document: str) -> tuple[int, str]:
        if door == "socket":
            return 200, await self._by_socket(self._sockets[caller], document)
        headers = {
            "authorization": f"Bearer {self._world.token(caller)}",
            "accept": STREAM if door == "stream" else "application/json",
        }
        async with self._http.stream("POST", self._server.http, json={"query": document}, headers=headers) as response:
            text = ""
            async for part in response.aiter_text():
                text += part
                if "event: next" in text:
                    break
            assert response.headers["x-request-id"]
            return response.status_code, text

    async def _by_socket(self, socket: ClientConnection, document: str) -> str:
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": document}}))
        text = str(await socket.recv())
        await socket.send(json.dumps({"id": "1", "type": "complete"}))
        await socket.send(json.dumps({"type": "ping"}))
        while json.loads(said := str(await socket.recv()))["type"] != "pong":
            text += said
        return text


@pytest.fixture
async def doors(server: RunningServer, world: World) -> AsyncIterator[Doors]:
    async with (
        httpx.AsyncClient(timeout=30) as http,
        connect(server.ws, subprotocols=[SUBPROTOCOL]) as as_owner,  # type: ignore[list-item]
        connect(server.ws, subprotocols=[SUBPROTOCOL]) as as_service,  # type: ignore[list-item]
    ):
        sockets = {"owner": as_owner, "service": as_service}
        for caller, socket in sockets.items():
            payload = {"Authorization": f"Bearer {world.token(caller)}"}
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        yield Doors(server, world, http, sockets)


def doors_of(case: str) -> tuple[str, ...]:
    return ("socket", "stream") if case.startswith("Subscription") else ("http", "socket", "stream")


def errors_in(text: str) -> list[dict[str, Any]]:
    """The errors of an answer in whatever form."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    for piece in text.replace("data: ", "\n").replace("}{", "}\n{").splitlines():
        if piece.startswith("{"):
            answer, _ = decoder.raw_decode(piece)
            payload = answer.get("payload", answer)
            found += payload if isinstance(payload, list) else payload.get("errors", [])
    return found


def assert_masked(text: str, caplog: pytest.LogCaptureFixture, what: object) -> None:
    """Nothing but the code and an id arrived, and the log has the secret under that id."""
    errors = errors_in(text)
    assert errors, (what, text)
    assert SECRET not in text, what
    for error in errors:
        request_id = error["extensions"].pop("requestId")
        assert (error["message"], error["extensions"]) == (MASKED, {"code": "INTERNAL"}), what
        told = [record for record in caplog.records if record.getMessage().startswith(f"request {request_id}: ")]
        assert told, what
        assert all(record.exc_info and SECRET in FORMATTER.formatException(record.exc_info) for record in told), what
    caplog.clear()


def test_every_root_field_has_a_document() -> None:
    core = build()._schema
    roots = [core.query_type, core.mutation_type, core.subscription_type]
    fields = {f"{root.name}.{field}" for root in roots if root is not None for field in root.fields}
    assert {case.partition(",")[0] for case in DOCUMENTS} == fields


async def test_whatever_fails_inside_a_use_case_is_masked_at_every_door(
    doors: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    # For each door the first document that reached it there.
    reached: dict[Target, dict[str, str]] = {target: {} for target in targets()}
    with ExitStack() as stack:
        running = ["", ""]
        for target, found in reached.items():
            stack.enter_context(target.replaced(noting(target, found, running)))
        for case in DOCUMENTS:
            for door in doors_of(case):
                running[:] = door, case
                _, text = await doors.ask(door, case)
                codes = {error["extensions"]["code"] for error in errors_in(text)}
                assert codes <= {"NOT_FOUND", "BAD_USER_INPUT"}, (case, text)
    assert [str(target) for target, found in reached.items() if not found] == []
    errors = failures()
    for number, (target, found) in enumerate(reached.items()):
        # A use case at every door; what it is made of, at one door after the other.
        chosen = list(found.items()) if target.is_use_case else [list(found.items())[number % len(found)]]
        for door, case in chosen:
            error = next(errors)
            with target.replaced(raising(error)):
                status, text = await doors.ask(door, case)
            assert status == 200 or target.owner in {principals, Caller}, (str(target), door, case)
            assert_masked(text, caplog, (str(target), door, case, error))


@pytest.mark.parametrize("door", ["socket", "stream"])
async def test_whatever_fails_in_a_running_stream_is_masked(
    doors: Doors, caplog: pytest.LogCaptureFixture, door: str
) -> None:
    errors = failures()
    for owner, name in WHILE_RUNNING:
        with Target(owner, name).replaced(raising(next(errors))):
            _, text = await doors.ask(door, "Subscription.activityLogged")
        assert_masked(text, caplog, name)
    # What fails in one field of an item is that item's, and the stream goes on.
    failed = ExecutionResult({"activityLogged": None}, [GraphQLError("", original_error=next(errors))])
    with Target(following, "execute_subscription_event").replaced(lambda _executor: failed):
        _, text = await doors.ask(door, "Subscription.activityLogged")
    assert_masked(text, caplog, "a field of an item")


def noting(target: Target, found: dict[str, str], running: list[str]) -> Callable[..., Any]:
    """The function itself, which tells the first time that it is called at each door."""
    original = getattr(target.owner, target.name)

    def note(*args: Any, **kwargs: Any) -> Any:
        found.setdefault(*running)
        return original(*args, **kwargs)

    return note


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return fail
