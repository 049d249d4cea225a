"""The messages of graphql-transport-ws: which are well-formed, and how those that we send are written.

Source of the protocol: PROTOCOL.md of the npm package graphql-ws.
"""

from collections.abc import Iterable

import orjson
from graphql import GraphQLError

ACKNOWLEDGED = b'{"type":"connection_ack"}'
PONG = b'{"type":"pong"}'
KINDS = frozenset(["connection_init", "ping", "pong", "subscribe", "complete"])


def find_malformation(message: object) -> str | None:
    """What makes this no message of the protocol; None for one that is."""
    if not isinstance(message, dict):
        return "A message must be a JSON object"
    kind = message.get("type")
    if not isinstance(kind, str):
        return "The type must be a string"
    if kind not in KINDS:
        return f"Unknown message type: {kind[:100]}"
    if kind == "connection_init" and not isinstance(message.get("payload", {}), dict):
        return "Invalid connection init payload"
    if kind in {"subscribe", "complete"} and not (isinstance(message.get("id"), str) and message["id"]):
        return "The id must be a string that is not empty"
    return _find_malformed_operation(message.get("payload")) if kind == "subscribe" else None


def _find_malformed_operation(payload: object) -> str | None:
    if not isinstance(payload, dict) or not isinstance(payload.get("extensions"), dict | None):
        return "The payload must be an object with a query, and its extensions an object"
    is_named = payload.get("query") is None and "persistedQuery" in (payload.get("extensions") or {})
    if not is_named and not isinstance(payload.get("query"), str):
        return "The payload must be an object with a query"
    if not isinstance(payload.get("variables"), dict | None) or not isinstance(
        payload.get("operationName"), str | None
    ):
        return "variables must be an object, and operationName a string"
    return None


def next_head(operation_id: str) -> bytes:
    """What comes before the payload of a `next` message; a closing brace comes after it."""
    return b'{"id":%b,"type":"next","payload":' % orjson.dumps(operation_id)


def complete(operation_id: str) -> bytes:
    return b'{"id":%b,"type":"complete"}' % orjson.dumps(operation_id)


def refusal(operation_id: str, errors: Iterable[GraphQLError]) -> bytes:
    """The `error` message: the operation did not begin."""
    return orjson.dumps({"id": operation_id, "type": "error", "payload": [error.formatted for error in errors]})
