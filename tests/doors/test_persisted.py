"""Persisted queries: a document by its name, over HTTP and sockets, as Apollo's clients ask."""

import hashlib
from typing import Any

import httpx
import pytest

from tests.support.clients import open_socket
from tests.support.serving import RunningServer, running_server
from tests.support.world import World
from trailcast.doors.asked import ENTRY_BYTES, Persisted
from trailcast.settings import Settings

ASK = "query Who { viewer { actor { name } } }"
OLIVE = {"data": {"viewer": {"actor": {"name": "Olive"}}}}


def name_of(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def named(document: str, **more: Any) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": name_of(document), **more}}


async def post(server: RunningServer, world: World, body: dict[str, Any]) -> tuple[int, Any]:
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {world.token('owner')}"}) as client:
        response = await client.post(server.http, json=body)
    answer = response.json()
    for error in answer.get("errors", ()):
        error["extensions"].pop("requestId")
    return response.status_code, answer


async def test_a_document_is_sent_once_and_then_named(server: RunningServer, world: World) -> None:
    unknown = {"errors": [{"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}]}
    assert await post(server, world, {"extensions": named(ASK)}) == (200, unknown)
    assert await post(server, world, {"query": ASK, "extensions": named(ASK)}) == (200, OLIVE)
    assert await post(server, world, {"extensions": named(ASK)}) == (200, OLIVE)
    assert await post(server, world, {"extensions": named(ASK), "operationName": "Who"}) == (200, OLIVE)


async def test_over_a_socket_and_by_get_it_is_the_same_document(settings: Settings, world: World) -> None:
    async with (
        running_server(settings.model_copy(update={"queries_by_get": True})) as server,
        open_socket(server.ws, world.token("owner")) as socket,
    ):
        await socket.send({"id": "1", "type": "subscribe", "payload": {"extensions": named(ASK)}})
        refused = await socket.receive()
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "PERSISTED_QUERY_NOT_FOUND")
        await socket.send({"id": "2", "type": "subscribe", "payload": {"query": ASK, "extensions": named(ASK)}})
        assert await socket.next("2") == OLIVE
        assert (await socket.receive())["type"] == "complete"
        await socket.send({"id": "3", "type": "subscribe", "payload": {"extensions": named(ASK)}})
        assert await socket.next("3") == OLIVE
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {world.token('owner')}"}) as client:
            given = f'{{"persistedQuery":{{"version":1,"sha256Hash":"{name_of(ASK)}"}}}}'
            response = await client.get(
                server.http, params={"extensions": given}, headers={"accept": "application/json"}
            )
        assert (response.status_code, response.json()) == (200, OLIVE)


@pytest.mark.parametrize(
    ("extensions", "status", "code"),
    [
        (named("{ other }"), 400, "BAD_REQUEST"),
        ({"persistedQuery": {"version": 1}}, 400, "BAD_REQUEST"),
        ({"persistedQuery": {"version": 1, "sha256Hash": "ß"}}, 400, "BAD_REQUEST"),
        ({"persistedQuery": {"version": 1, "sha256Hash": 7}}, 400, "BAD_REQUEST"),
        (named(ASK, version=2), 200, "PERSISTED_QUERY_NOT_SUPPORTED"),
        ({"persistedQuery": "x"}, 200, "PERSISTED_QUERY_NOT_SUPPORTED"),
    ],
)
async def test_a_name_that_is_none_is_told(
    server: RunningServer, world: World, extensions: dict[str, Any], status: int, code: str
) -> None:
    found, answer = await post(server, world, {"query": ASK, "extensions": extensions})
    assert (found, [error["extensions"] for error in answer["errors"]]) == (status, [{"code": code}])


async def test_other_extensions_mean_nothing(server: RunningServer, world: World) -> None:
    assert await post(server, world, {"query": ASK, "extensions": {"clientLibrary": {"name": "x"}}}) == (200, OLIVE)


def test_what_is_kept_is_bounded_and_the_oldest_goes_first() -> None:
    documents = [f"{{ a{number} }}" for number in range(4)]
    persisted = Persisted(bytes_max=3 * (len(documents[0]) + ENTRY_BYTES))
    for document in (documents[0], documents[1], documents[2], documents[1]):
        assert persisted.find(document, named(document)) == document
    assert persisted.find(None, named(documents[0])) == documents[0]  # and is the youngest again
    persisted.find(documents[3], named(documents[3]))
    assert len(persisted) == 3
    with pytest.raises(Exception, match="PersistedQueryNotFound"):
        persisted.find(None, named(documents[1]))
    assert persisted.find(None, named(documents[0])) == documents[0]
