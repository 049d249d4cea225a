"""Stock Strawberry: its ASGI application and a subscription that is one generator per subscriber, as its documentation shows.

Comments come in by `POST /fire?board=…&serial=…` and go, in this process, into a queue of each subscriber of the board. So it is
spared what the product does beside: a log, rights, cursors, other processes. What is left is the way from there to the sockets.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from enum import Enum

import strawberry
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL

from bench.fanout.comments import AGENT_NAME, CURSOR, board_name, identity, message, task_title
from bench.fanout.plain import serve


@strawberry.enum
class ActorKind(Enum):
    AGENT = "AGENT"
    USER = "USER"


@strawberry.type
class Actor:
    kind: ActorKind
    name: str


@strawberry.type
class TaskComment:
    id: strawberry.ID
    cursor: str
    message: str
    created_at: datetime
    author: Actor
    task_id: strawberry.ID
    task_title: str
    board_id: strawberry.ID
    board_name: str
    agent_name: str


queues: dict[str, set[asyncio.Queue[TaskComment]]] = {}


@strawberry.type
class Query:
    @strawberry.field
    def version(self) -> str:
        return "1"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def comment_added(self, board_id: strawberry.ID) -> AsyncGenerator[TaskComment, None]:
        queue: asyncio.Queue[TaskComment] = asyncio.Queue()
        queues.setdefault(board_id, set()).add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            queues[board_id].discard(queue)


def comment(board: int, serial: int) -> TaskComment:
    return TaskComment(
        id=strawberry.ID(identity("comment", serial)),
        cursor=CURSOR,
        message=message(serial),
        created_at=datetime.now(UTC),
        author=Actor(kind=ActorKind.AGENT, name=AGENT_NAME),
        task_id=strawberry.ID(identity("task", board)),
        task_title=task_title(board),
        board_id=strawberry.ID(identity("board", board)),
        board_name=board_name(board),
        agent_name=AGENT_NAME,
    )


async def put(board: int, serial: int) -> None:
    """Hand the comment to the generators of all who follow its board."""
    said = comment(board, serial)
    for queue in list(queues.get(said.board_id, ())):
        queue.put_nowait(said)


async def fire(request: Request) -> Response:
    asked = request.query_params
    return Response(status_code=204, background=BackgroundTask(put, int(asked["board"]), int(asked["serial"])))


async def live(_request: Request) -> Response:
    return Response(status_code=204)


def application() -> Starlette:
    graphql = GraphQL[None, None](strawberry.Schema(query=Query, subscription=Subscription))
    return Starlette(
        routes=[
            Route("/graphql", graphql),
            WebSocketRoute("/graphql", graphql),
            Route("/fire", fire, methods=["POST"]),
            Route("/livez", live),
        ]
    )


if __name__ == "__main__":
    serve(application())
