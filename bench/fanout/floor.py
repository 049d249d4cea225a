"""The floor: the least that a Python server on uvicorn can do. No framework, no GraphQL, no queue: a loop over `send`.

It shakes hands as graphql-transport-ws does and notes each subscriber's `send` under its board. On
`POST /fire?board=…&serial=…` it sends one ready text to all of the board, one after the other. The answer to the POST goes first,
since a publisher does not wait for readers.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from bench.fanout.comments import AGENT_NAME, CURSOR, board_name, identity, message, task_title
from bench.fanout.plain import serve

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

subscribers: dict[str, set[Send]] = {}


def delivery(board: int, serial: int) -> str:
    """What every subscriber of the board gets for a comment."""
    comment = {
        "id": identity("comment", serial),
        "cursor": CURSOR,
        "message": message(serial),
        "createdAt": "2026-01-01T00:00:00.000000+00:00",
        "author": {"kind": "AGENT", "name": AGENT_NAME},
        "taskId": identity("task", board),
        "taskTitle": task_title(board),
        "boardId": identity("board", board),
        "boardName": board_name(board),
        "agentName": AGENT_NAME,
    }
    answer = {"id": "1", "type": "next", "payload": {"data": {"commentAdded": comment}}}
    return json.dumps(answer, separators=(",", ":"))


async def application(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await live(receive, send)
    elif scope["type"] == "websocket":
        await follow(receive, send)
    else:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
        if scope["path"] == "/fire":
            asked = parse_qs(scope["query_string"].decode())
            await fire(int(asked["board"][0]), int(asked["serial"][0]))


async def live(receive: Receive, send: Send) -> None:
    """Start and stop, with nothing to do at either."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def follow(receive: Receive, send: Send) -> None:
    """One socket from its handshake to its end."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
    board = ""
    while (received := await receive())["type"] == "websocket.receive":
        said = json.loads(received["text"])
        if said["type"] == "connection_init":
            await send({"type": "websocket.send", "text": '{"type":"connection_ack"}'})
        elif said["type"] == "subscribe":
            board = said["payload"]["variables"]["board"]
            subscribers.setdefault(board, set()).add(send)
    subscribers.get(board, set()).discard(send)


async def fire(board: int, serial: int) -> None:
    """Hand the comment to all who follow its board."""
    ready = {"type": "websocket.send", "text": delivery(board, serial)}
    for send in list(subscribers.get(identity("board", board), ())):
        await send(ready)


if __name__ == "__main__":
    serve(application)
