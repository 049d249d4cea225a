"""Documents that would cost much, at all doors: refused with a code and a sentence before they are validated, and not kept."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from schema.build import build
from schema.errors import ERRORS_MAX, MESSAGE_LENGTH_MAX
from schema.limits import Limits
from tests.conftest import TEMPLATE
from tests.schema.servers import Shared, shared_server
from tests.schema.test_limits import NESTED, count_calls, doubling, nested
from tests.support.clients import RECEIVE_TIMEOUT_S, Socket, content_of, open_socket
from tests.support.world import World
from trailcast.embedded import EmbeddedPostgres

pytestmark = pytest.mark.asyncio(loop_scope="session")

DOORS = ("http", "socket", "stream")
VIEWER = "{ viewer { role } }"
# Smaller than by default where a document at the bound would take long to send, or where none could be valid.
SETTINGS = {
    "document_bytes_max": 8192,
    "document_words_length_max": 4096,
    "document_depth_max": 5,
    "document_fields_max": 300,
    "document_cost_max": 1000,
    "variables_values_max": 1000,
    "socket_message_bytes_max": 16_777_216,
    "request_bytes_max": 16_777_216,
}
Errors = list[dict[str, Any]]


@dataclass
class Doors:
    """One server, asked as Acme's owner through any of its doors."""

    shared: Shared
    headers: dict[str, str]
    socket: Socket
    http: httpx.AsyncClient

    async def errors(self, door: str, document: str, variables: dict[str, Any] | None = None) -> Errors:
        """The errors of the answer; none where it was answered."""
        ask = {"http": self._by_http, "socket": self._by_socket, "stream": self._by_stream}[door]
        async with asyncio.timeout(RECEIVE_TIMEOUT_S):  # an answer that goes on and on is none of these
            return await ask({"query": document, "variables": variables})

    async def post(self, *, accept: str, **body: Any) -> httpx.Response:
        headers = {**self.headers, "content-type": "application/json", "accept": accept}
        return await self.http.post(self.shared.server.http, headers=headers, **body)

    async def _by_http(self, body: dict[str, Any]) -> Errors:
        response = await self.post(json=body, accept="application/graphql-response+json")
        errors: Errors = json.loads(content_of(response)).get("errors", [])
        assert response.status_code == (400 if errors else 200)
        return errors

    async def _by_socket(self, body: dict[str, Any]) -> Errors:
        await self.socket.send({"id": "1", "type": "subscribe", "payload": body})
        frame = await self.socket.receive()
        if frame["type"] == "error":
            errors: Errors = frame["payload"]
            return errors
        assert (await self.socket.receive())["type"] == "complete"
        return frame["payload"].get("errors", [])  # type: ignore[no-any-return]

    async def _by_stream(self, body: dict[str, Any]) -> Errors:
        response = await self.post(json=body, accept="text/event-stream")
        assert response.status_code == 200
        [answer] = [line for line in content_of(response).decode().splitlines() if line.startswith("data: ")]
        return json.loads(answer.removeprefix("data: ")).get("errors", [])  # type: ignore[no-any-return]


@asynccontextmanager
async def _doors(postgres: EmbeddedPostgres, world: World, **settings: Any) -> AsyncIterator[Doors]:
    token = world.token("owner")
    async with (
        shared_server(postgres, TEMPLATE, **settings) as shared,
        open_socket(shared.server.ws, token) as socket,
        httpx.AsyncClient(timeout=60) as http,
    ):
        yield Doors(shared, {"authorization": f"Bearer {token}"}, socket, http)
        # It saw every refusal, and serves.
        await socket.subscribe(VIEWER, operation="last")
        assert await socket.next("last") == {"data": {"viewer": {"role": "OWNER"}}}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def doors(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Doors]:
    """With the bounds of SETTINGS."""
    async with _doors(postgres, templates, **SETTINGS) as doors:
        yield doors


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def wide_doors(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[Doors]:
    """With the bounds of documents that are set by default, but those on bytes of requests and messages as wide as they go."""
    wide = {"socket_message_bytes_max": 16_777_216, "request_bytes_max": 16_777_216}
    async with _doors(postgres, templates, **wide) as doors:
        yield doors


# -- each bound: as much as there may be, and one more

SCALARS = (
    "id sequence cursor workspaceId eventType category action outcome message actorId agentId userId boardId taskId entityType "
    "entityId entityName metadata"
)  # 18
DEEP = "{ activityEvents(first: 1) { %s { task { board { id } } } } }"


def _fields(count: int) -> str:
    """287 selections, and as many more as are missing."""
    more = ["__typename", "ipAddress", "userAgent", "correlationId", "occurredAt", "createdAt", "actor { id kind name role }",
            "route { name }", "onBehalfOf { id"]  # fmt: skip
    assert count in {300, 301}
    rest = " ".join(more[:8]) + (" o: __typename" if count == 301 else "")
    return f"{{ activityEvents(first: 1) {{ nodes {{ {'...f ' * 15} {rest} }} }} }} fragment f on ActivityEvent {{ {SCALARS} }}"


def _cost(first: int) -> str:
    return f"{{ __typename viewer {{ role }} activityEvents(first: {first}) {{ nodes {{ id sequence cursor action category }} }} }}"


AT_BOUNDS: dict[str, tuple[int, Callable[[int], str]]] = {
    "document_bytes_max": (8192, VIEWER.ljust),
    "document_tokens_max": (1000, lambda count: VIEWER + "#\n" * (count - 6)),
    "document_words_length_max": (4096, lambda length: VIEWER + "#" * (length - 10)),
    "document_nesting_max": (50, lambda levels: "{ viewer {" + " ... {" * (levels - 2) + " role " + "}" * levels),
    "document_depth_max": (5, lambda levels: DEEP % ("nodes" if levels == 5 else "edges { node") + "}" * (levels - 5)),
    "document_fields_max": (300, _fields),
    "document_repeats_max": (15, lambda times: "{ viewer {" + " role" * times + "} }"),
    "document_aliases_max": (
        15,
        lambda count: "{ viewer { ...a ...a" + " c: role" * (count - 14) + "} } fragment a on Viewer {" + "b: role " * 7 + "}",
    ),
    "document_directives_max": (10, lambda count: "{ viewer {" + " role @include(if: true)" * count + "} }"),
    "document_root_fields_max": (
        10,
        lambda count: "{ ...a ...a" + " __typename" * (count - 8) + "} fragment a on Query {" + " viewer { role }" * 4 + "}",
    ),
    "document_cost_max": (166, _cost),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("bound", AT_BOUNDS)
async def test_as_much_as_there_may_be_is_answered_and_one_more_is_not(doors: Doors, bound: str, door: str) -> None:
    most, document = AT_BOUNDS[bound]
    assert await doors.errors(door, document(most)) == []
    [error] = await doors.errors(door, document(most + 1))
    assert error["extensions"] == {"code": "DOCUMENT_TOO_COMPLEX"}
    assert f"{getattr(doors.shared.server.services.settings, bound):,}" in error["message"]
    assert f"(TRAILCAST_{bound.upper()}): " in error["message"]


@pytest.mark.parametrize("door", DOORS)
async def test_numbers_have_a_length(doors: Doors, door: str) -> None:
    document = "{ activityEvents(first: %s) { nodes { id } } }"
    [fits] = await doors.errors(door, document % ("9" * 100))
    assert fits["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    [too_long] = await doors.errors(door, document % ("9" * 101))
    assert too_long["extensions"]["code"] == "DOCUMENT_TOO_COMPLEX"
    assert "(TRAILCAST_NUMBER_DIGITS_MAX)" in too_long["message"]


@pytest.mark.parametrize("door", DOORS)
async def test_what_a_list_costs_is_also_counted_from_variables(doors: Doors, door: str) -> None:
    document = _cost(0).replace("first: 0", "first: $first").replace("{", "query ($first: Int = 200) {", 1)
    assert await doors.errors(door, document, {"first": 166}) == []
    for variables in ({"first": 167}, {}):
        [error] = await doors.errors(door, document, variables)
        assert error["extensions"] == {"code": "DOCUMENT_TOO_COMPLEX"}


@pytest.mark.parametrize("door", DOORS)
async def test_variables_are_bounded_in_depth_and_number(doors: Doors, door: str) -> None:
    assert await doors.errors(door, VIEWER, nested(32)) == []
    assert await doors.errors(door, VIEWER, {"values": [0] * 999}) == []
    for variables, bound in ((nested(33), "VARIABLES_DEPTH_MAX"), ({"values": [0] * 1000}, "VARIABLES_VALUES_MAX")):
        [error] = await doors.errors(door, VIEWER, variables)
        assert error["extensions"] == {"code": "BAD_USER_INPUT"}
        assert f"(TRAILCAST_{bound})" in error["message"]


@pytest.mark.parametrize("door", ["socket", "stream"])
async def test_subscriptions_have_the_same_bounds(doors: Doors, door: str) -> None:
    follow = "subscription { activityLogged { %s } }"
    for selected, variables, code in (
        ("id " * 16, None, "DOCUMENT_TOO_COMPLEX"),
        (" ".join(f"a{number}: id" for number in range(16)), None, "DOCUMENT_TOO_COMPLEX"),
        ("changes { path before after } " * 15, None, "DOCUMENT_TOO_COMPLEX"),
        ("id", nested(33), "BAD_USER_INPUT"),
        ("nothing " * 10, None, "GRAPHQL_VALIDATION_FAILED"),
    ):
        errors = await doors.errors(door, follow % selected, variables)
        assert {error["extensions"]["code"] for error in errors} == {code}, selected
        assert len(errors) <= ERRORS_MAX


# -- whatever is sent

K = 1024
OVERLAPPING = "{ viewer {" + " actor { ...a ...b }" * 7 + "} } fragment a on Actor {%s } fragment b on Actor {%s }"
HOSTILE: dict[str, tuple[str, str]] = {
    "60 doublings of a fragment": (doubling(60), "FIELDS_MAX"),
    "a fragment in itself": ("{ ...a } fragment a on Query { viewer { role } ...a }", ""),
    "a fragment in itself by way of 80 others": (
        "{ ...f0 }" + " ".join(f"fragment f{n} on Query {{ ...f{(n + 1) % 80} }}" for n in range(80)),
        "",
    ),
    "10,000 aliases": ("{" + " ".join(f"a{number}: __typename" for number in range(10_000)) + "}", "TOKENS_MAX"),
    "300 aliases": ("{ viewer {" + " ".join(f"a{number}: role" for number in range(300)) + "} }", "ALIASES_MAX"),
    "1,000 repeated fields": ("{ viewer {" + " role" * 1000 + "} }", "TOKENS_MAX"),
    "490 repeated fields": ("{ viewer {" + " role" * 490 + "} }", "REPEATS_MAX"),
    "240 repeated objects": ("{ viewer {" + " actor { id }" * 240 + "} }", "REPEATS_MAX"),
    "fields that overlap by fragments": (OVERLAPPING % (" id" * 16, " id" * 16), "REPEATS_MAX"),
    "fields that overlap by many fragments": (OVERLAPPING % (" id" * 100, " id" * 100), "FIELDS_MAX"),
    "5 MB of spaces": (" " * 5_000_000 + VIEWER, "BYTES_MAX"),
    "5 MB of a comment": ("#" * 5_000_000, "BYTES_MAX"),
    "256 KiB of a comment": (VIEWER + "#" * (255 * K), "WORDS_LENGTH_MAX"),
    "130,000 comments": ("#\n" * 130_000 + VIEWER, "TOKENS_MAX"),
    "20,000 nested lists": (
        "{ activityEvents(filter: { eventType: " + "[" * 20_000 + "]" * 20_000 + " }) { nodes { id } } }",
        "NESTING_MAX",
    ),
    "20,000 nested objects": (
        "{ activityEvents(filter: " + "{ a: " * 20_000 + "1" + "}" * 20_000 + ") { nodes { id } } }",
        "NESTING_MAX",
    ),
    "20,000 nested selections": ("{" + "viewer {" * 20_000 + "role" + "}" * 20_001, "NESTING_MAX"),
    "20,000 nested lists without an end": ("{ a(b: " + "[" * 20_000, "NESTING_MAX"),
    "40 nested selections": ("{" + "viewer {" * 40 + "role" + "}" * 41, "DEPTH_MAX"),
    "a number of 5,000 digits": ("{ activityEvents(first: " + "9" * 5000 + ") { nodes { id } } }", "DIGITS_MAX"),
    "a fraction of 5,000 digits": ("{ activityEvents(first: 0." + "9" * 5000 + ") { nodes { id } } }", "DIGITS_MAX"),
    "10,000 directives": ("{ viewer" + " @include(if: true)" * 10_000 + " { role } }", "TOKENS_MAX"),
    "300 directives": ("{ viewer" + " @include" * 300 + " { role } }", "DIRECTIVES_MAX"),
    "1,000 unknown fields": ("{" + " ".join(f"x{number}" for number in range(1000)) + "}", "TOKENS_MAX"),
    "400 unknown root fields": ("{" + " ".join(f"x{number}" for number in range(400)) + "}", "ROOT_FIELDS_MAX"),
    "a text of 200 KiB": ('{ node(id: "' + "x" * 200 * K + '") { id } }', "WORDS_LENGTH_MAX"),
    "a text of 100,000 escapes": ('{ node(id: "' + "\\n" * 100_000 + '") { id } }', "WORDS_LENGTH_MAX"),
    "a block of 200 KiB without an end": ('{ node(id: """' + "\n" * 200 * K, "WORDS_LENGTH_MAX"),
    "a name of 200 KiB": ("{ " + "x" * 200 * K + " }", "WORDS_LENGTH_MAX"),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("what", HOSTILE)
async def test_a_hostile_document_is_refused_before_it_is_validated(
    wide_doors: Doors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: str, door: str
) -> None:
    document, bound = HOSTILE[what]
    calls = count_calls(monkeypatch, "parse", "validate")
    [error] = await wide_doors.errors(door, document)
    assert error["extensions"]["code"] == ("DOCUMENT_TOO_COMPLEX" if bound else "GRAPHQL_VALIDATION_FAILED")
    assert bound in error["message"]
    assert (calls["parse"] <= 1, calls["validate"]) == (True, 0)
    settings = wide_doors.shared.server.services.settings
    assert document not in build(Limits.of(settings), introspection=settings.introspection).documents._kept
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("door", DOORS)
async def test_lists_in_lists_of_introspection_are_refused_before_they_are_answered(
    wide_doors: Doors, door: str
) -> None:
    [error] = await wide_doors.errors(door, NESTED)
    assert error["extensions"] == {"code": "DOCUMENT_TOO_COMPLEX"}
    assert "introspection" in error["message"]


HOSTILE_VARIABLES: dict[str, tuple[bytes, set[str]]] = {
    "1,000 levels": (b'{"value": ' + b"[" * 1000 + b"]" * 1000 + b"}", {"BAD_USER_INPUT"}),
    "100,000 levels": (b'{"value": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", {"BAD_REQUEST"}),
    "a number of 5,000 digits": (b'{"first": ' + b"9" * 5000 + b"}", {"BAD_REQUEST"}),
    "a number of 300 digits": (b'{"first": ' + b"9" * 300 + b"}", {"BAD_USER_INPUT"}),
    "a million values": (b'{"value": [' + b"0," * 999_999 + b"0]}", {"BAD_USER_INPUT"}),
    "a text of 1 MB": (b'{"first": "' + b"x" * 1_000_000 + b'"}', {"BAD_USER_INPUT"}),
}


@pytest.mark.parametrize("what", HOSTILE_VARIABLES)
async def test_hostile_variables_are_refused_with_a_short_sentence(wide_doors: Doors, what: str) -> None:
    variables, codes = HOSTILE_VARIABLES[what]
    document = b"query ($first: Int) { activityEvents(first: $first) { nodes { id } } }"
    body = b'{"query": "' + document + b'", "variables": ' + variables + b"}"
    response = await wide_doors.post(content=body, accept="*/*")
    assert response.status_code in {200, 400}
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == codes
    assert len(response.content) < 2 * MESSAGE_LENGTH_MAX


# -- what errors tell

GUESSED: list[tuple[str, dict[str, Any] | None]] = [
    ("{ viewr { role } }", None),
    ("{ viewer { rol } }", None),
    ("{ viewer }", None),
    ("{ activityEvents(frst: 1) { nodes { id } } }", None),
    ("{ activityEvents(direction: DES) { nodes { id } } }", None),
    ('{ activityEvents(filter: { eventTyp: "a.b" }) { nodes { id } } }', None),
    ("{ node(id: 1) { id name } }", None),
    ("{ node(id: 1) { ... on Actr { id } } }", None),
    ("{ viewer @includ(if: true) { role } }", None),
    ("{ viewer { role @include(i: true) } }", None),
    ("query ($a: ActivityEventFiltr) { activityEvents(filter: $a) { nodes { id } } }", None),
    ("query ($a: OrderDirection!) { activityEvents(direction: $a) { nodes { id } } }", {"a": "DES"}),
    ("query ($a: ActivityEventFilter) { activityEvents(filter: $a) { nodes { id } } }", {"a": {"eventTyp": ["a"]}}),
    ("query ($a: ActivityEventFilter) { activityEvents(filter: $a) { nodes { id } } }", {"a": {"outcome": ["SUCCES"]}}),
]


@pytest.mark.parametrize("door", DOORS)
async def test_no_error_says_what_else_there_is(wide_doors: Doors, door: str) -> None:
    for document, variables in GUESSED:
        errors = await wide_doors.errors(door, document, variables)
        assert errors, document
        for error in errors:
            assert "did you mean" not in error["message"].lower()
            assert not {"viewer", "role", "first", "DESC", "eventType", "Actor", "SUCCESS"} & _words(error, document)


def _words(error: dict[str, Any], document: str) -> set[str]:
    """The words of a message that the document did not have."""
    split = str.maketrans(dict.fromkeys("'\"`.,:;!?(){}[]$@", " "))
    return set(error["message"].translate(split).split()) - set(document.translate(split).split())


@pytest.mark.parametrize("door", ["socket", "stream"])
async def test_no_error_of_a_subscription_says_what_else_there_is(wide_doors: Doors, door: str) -> None:
    follow = "subscription ($a: ActivityEventFilter) { activityLogged(filter: $a) { id } }"
    [error] = await wide_doors.errors(door, follow, {"a": {"outcome": ["SUCCES"]}})
    assert (error["extensions"]["code"], "did you mean" in error["message"].lower()) == ("BAD_USER_INPUT", False)


@pytest.mark.parametrize("door", DOORS)
async def test_an_answer_has_few_errors(wide_doors: Doors, door: str) -> None:
    wrong = "query ($a: ActivityEventFilter) { activityEvents(filter: $a) { nodes { id } } }"
    for document, variables in (
        ("{ viewer {" + " ".join(f"x{number}" for number in range(100)) + "} }", None),
        (wrong, {"a": {"outcome": ["x"] * 100}}),
    ):
        assert len(await wide_doors.errors(door, document, variables)) == ERRORS_MAX


async def test_a_field_that_failed_is_null_though_its_error_is_left_out(wide_doors: Doors) -> None:
    document = "{" + " ".join(f'a{number}: activityEvent(id: "x") {{ id }}' for number in range(10)) + "}"
    answer = (await wide_doors.post(json={"query": document}, accept="*/*")).json()
    assert answer["data"] == {f"a{number}": None for number in range(10)}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"] * ERRORS_MAX
