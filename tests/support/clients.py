"""Clients of a running server: GraphQL over HTTP, graphql-transport-ws frame by frame, and a recorder of SQL."""

import json
import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import asyncpg
import httpx
from sqlalchemy import event
from websockets.asyncio.client import ClientConnection, connect

from trailcast.ledger.database import Database

SUBPROTOCOL = "graphql-transport-ws"
RECEIVE_TIMEOUT_S = 15.0
# What begins and ends transactions, and what the driver asks on a new connection when it meets a type that it does not know.
ASIDE = re.compile(r"^(BEGIN|COMMIT|ROLLBACK|SET)\b|set_config\('jit'|typeinfo_tree")


def take_request_ids(errors: Iterable[dict[str, Any]]) -> set[str]:
    """The ids of the requests that these errors are of, taken out: every error has one, and it is never the same twice."""
    ids = {str(error["extensions"].pop("requestId")) for error in errors}
    assert all(re.fullmatch(r"[0-9a-f]{32}", found) for found in ids), ids
    return ids


def content_of(response: httpx.Response) -> bytes:
    """The bytes of an answer without the id of its request, which has to be the one of its headers."""
    content = response.content.replace(b',"requestId":"%b"' % response.headers["x-request-id"].encode(), b"")
    assert b"requestId" not in content
    return content


class Client:
    """Asks over HTTP. `last` is the last response, for tests of status and headers."""

    def __init__(self, url: str) -> None:
        # Left to verify, it reads all the authorities of the world first, in 20 ms of CPU for a client that speaks no TLS.
        self._http = httpx.AsyncClient(base_url=url, timeout=30, verify=False)
        self._url = url
        self.last: httpx.Response

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._http.aclose()

    async def __call__(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """The whole decoded answer."""
        sent = {**({"authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        self.last = await self._http.post(self._url, json={"query": document, "variables": variables}, headers=sent)
        answer: dict[str, Any] = self.last.json()
        assert take_request_ids(answer.get("errors", [])) <= {self.last.headers["x-request-id"]}
        return answer

    async def data(self, document: str, variables: dict[str, Any] | None = None, *, token: str) -> dict[str, Any]:
        """The data of an answer that must have no errors."""
        answer = await self(document, variables, token=token)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    async def codes(self, document: str, variables: dict[str, Any] | None = None, *, token: str | None) -> list[str]:
        """The codes of the errors of an answer."""
        answer = await self(document, variables, token=token)
        return [error["extensions"]["code"] for error in answer.get("errors", [])]


class Socket:
    """One graphql-transport-ws connection, frame by frame."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, message: object) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self, timeout_s: float = RECEIVE_TIMEOUT_S) -> dict[str, Any]:
        import asyncio

        async with asyncio.timeout(timeout_s):
            frame: dict[str, Any] = json.loads(await self.connection.recv())
            if frame["type"] == "error":
                assert len(take_request_ids(frame["payload"])) == 1
            elif frame["type"] == "next":
                assert len(take_request_ids(frame["payload"].get("errors", []))) <= 1
            return frame

    async def acknowledge(self, payload: dict[str, Any] | None = None) -> None:
        """Introduce oneself and be let in."""
        await self.send({"type": "connection_init", **({} if payload is None else {"payload": payload})})
        assert (await self.receive())["type"] == "connection_ack"

    async def subscribe(self, document: str, variables: dict[str, Any] | None = None, operation: str = "1") -> None:
        await self.send({"id": operation, "type": "subscribe", "payload": {"query": document, "variables": variables}})

    async def next(self, operation: str = "1") -> dict[str, Any]:
        """The payload of the next item of an operation."""
        frame = await self.receive()
        assert frame["type"] == "next", frame
        assert frame["id"] == operation
        payload: dict[str, Any] = frame["payload"]
        return payload


@asynccontextmanager
async def open_socket(url: str, token: str | None = None, **payload: Any) -> AsyncGenerator[Socket]:
    """A socket; with a token, one that was let in."""
    # Without a bound on what was received and not read yet: behind it, the answer to a close frame would not be read either.
    async with connect(url, subprotocols=[SUBPROTOCOL], open_timeout=15, close_timeout=5, max_queue=None) as connection:  # type: ignore[list-item]
        socket = Socket(connection)
        if token is not None:
            await socket.acknowledge({"Authorization": f"Bearer {token}", **payload})
        yield socket


class Statements:
    """The statements of a database while the block runs, those too that go past SQLAlchemy; not those ASIDE."""

    def __init__(self, database: Database) -> None:
        self._engines = tuple(engine.sync_engine for engine in database.engines)
        self._drivers: set[asyncpg.Connection] = set()
        self.texts: list[str] = []

    def __enter__(self) -> Self:
        for engine in self._engines:
            event.listen(engine, "before_cursor_execute", self._note)
            event.listen(engine, "checkout", self._note_driver)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for engine in self._engines:
            event.remove(engine, "before_cursor_execute", self._note)
            event.remove(engine, "checkout", self._note_driver)
        for driver in self._drivers:
            driver.remove_query_logger(self._note_raw)

    def of(self, table: str) -> list[str]:
        """Those that read or write this table."""
        return [text for text in self.texts if f" {table}" in text]

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.texts.append(statement)

    def _note_driver(self, connection: Any, _record: object, _proxy: object) -> None:
        # What SQLAlchemy runs is prepared first, and such statements the driver does not tell of: nothing is noted twice.
        self._drivers.add(connection.driver_connection)
        connection.driver_connection.add_query_logger(self._note_raw)

    def _note_raw(self, logged: asyncpg.connection.LoggedQuery) -> None:
        if not ASIDE.search(logged.query):
            self.texts.append(logged.query)
