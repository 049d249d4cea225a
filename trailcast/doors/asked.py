"""What a request asks: read from its body or its address, within its bounds, and found where it was asked before.

Persisted queries are Apollo's: `extensions.persistedQuery` names a document by its SHA-256. Who sends the name alone is answered from
the documents that came with theirs before, or told to send both once. What is kept is a cache of one process, bounded in bytes: any
other process, or this one after a while, asks for the document again, which clients do by themselves.
Source of the protocol: "Automatic Persisted Queries" in Apollo Server's documentation.
"""

import hashlib
import hmac
from collections import OrderedDict
from typing import Any, NamedTuple

import orjson
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from schema.errors import PERSISTED_NOT_FOUND, PERSISTED_NOT_SUPPORTED

PERSISTED_BYTES_MAX = 16_777_216
ENTRY_BYTES = 250  # of a kept document beside its text
PERSISTED_VERSION = 1


class Bad(Exception):
    """The request is not one. `status` is that of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Asked(NamedTuple):
    """An operation. `query` is None where none was sent."""

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None


class Persisted:
    """The documents of one process that have a name; those that were asked for longest ago are forgotten."""

    def __init__(self, bytes_max: int = PERSISTED_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._bytes = 0

    def find(self, query: str | None, extensions: dict[str, Any] | None) -> str | None:
        """The document that is meant. Raises Bad for a name that is not the document's, and GraphQLError for one that is not known."""
        named = extensions.get("persistedQuery") if extensions else None
        if named is None:
            return query
        if not isinstance(named, dict) or named.get("version") != PERSISTED_VERSION:
            raise GraphQLError("PersistedQueryNotSupported", extensions={"code": PERSISTED_NOT_SUPPORTED})
        name = named.get("sha256Hash")
        if not isinstance(name, str):
            raise Bad(400, "persistedQuery needs a sha256Hash: the SHA-256 of the document, in lower-case hexadecimal.")
        if query is None:
            found = self._kept.get(name)
            if found is None:
                raise GraphQLError("PersistedQueryNotFound", extensions={"code": PERSISTED_NOT_FOUND})
            self._kept.move_to_end(name)
            return found
        try:
            is_its_own = hmac.compare_digest(hashlib.sha256(query.encode()).hexdigest(), name.encode().decode("ascii"))
        except UnicodeError:
            is_its_own = False
        if not is_its_own:
            raise Bad(400, "sha256Hash is not the SHA-256 of the document that came with it.")
        self._keep(name, query)
        return query

    def __len__(self) -> int:
        return len(self._kept)

    def _keep(self, name: str, query: str) -> None:
        if name in self._kept:
            return
        self._kept[name] = query
        self._bytes += len(query) + ENTRY_BYTES
        while self._bytes > self._bytes_max:
            _, forgotten = self._kept.popitem(last=False)
            self._bytes -= len(forgotten) + ENTRY_BYTES


def read_json(text: str | bytes) -> Any:
    """What a body, or a part of an address, holds. Raises Bad."""
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Bad(400, "The body is not JSON that can be read.") from error


def read_asked(data: Any, persisted: Persisted) -> Asked:
    """The operation in a decoded body. Raises Bad, GraphQLError."""
    if isinstance(data, list):
        raise Bad(400, "Send one operation at a time: a list of them is not taken.")
    if not isinstance(data, dict):
        raise Bad(400, "The body must be a JSON object with a query.")
    query, variables, name = data.get("query"), data.get("variables"), data.get("operationName")
    extensions = data.get("extensions")
    if query is not None and type(query) is not str:
        raise Bad(400, "query must be a string.")
    if variables is not None and type(variables) is not dict:
        raise Bad(400, "variables must be an object or null.")
    if name is not None and type(name) is not str:
        raise Bad(400, "operationName must be a string or null.")
    if extensions is not None and type(extensions) is not dict:
        raise Bad(400, "extensions must be an object or null.")
    if extensions:
        query = persisted.find(query, extensions)
    return Asked(query, variables, name)


def read_address(request: Request) -> dict[str, Any]:
    """What the query of an address holds, as a body would. Raises Bad."""
    params = request.query_params
    data: dict[str, Any] = {name: params[name] for name in ("query", "operationName") if name in params}
    for name in ("variables", "extensions"):
        if params.get(name):
            data[name] = read_json(params[name])
    return data


class Body:
    """The body of a request, until it is too large. `is_awaited` while the client has to send more."""

    def __init__(self, receive: Receive, bytes_max: int) -> None:
        self._receive = receive
        self._bytes_max = bytes_max
        self._bytes = 0
        self.is_awaited = False

    async def read(self) -> bytes:
        """All of it. Raises Bad, and ClientDisconnect where the client goes before it has sent all."""
        parts = []
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def receive(self) -> Message:
        """The next message of it. Raises Bad."""
        self.is_awaited = True
        message = await self._receive()
        self.is_awaited = False
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._bytes_max:
            raise Bad(413, f"A request may have {self._bytes_max} bytes.")
        return message
