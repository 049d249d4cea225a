"""The floor: raw asyncpg and orjson behind bare Starlette routes. No GraphQL, no rights, no bounds, no checks of what comes in.

What the workloads need is known at the start: the workspace, the member's boards, the writer. A connection is taken from a stack, its
statements are prepared, nothing is reset when it goes back.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.fanout.plain import serve
from bench.growth import shape
from bench.growth.sql import READS, WRITES
from trailcast.ledger.database import driver_url

CONNECTIONS = 10
HOME = shape.identity("workspace", shape.MAIN, 0)
MEMBER = shape.identity("user", shape.MAIN, shape.MEMBER)
WRITER = shape.identity("agent", shape.MAIN, shape.WRITER)
ACTIONS = {"task.comment": "commented", "task.updated": "updated"}
EMPTY: list[Any] = []

Prepared: TypeAlias = "Mapping[str, asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]]"
free: asyncio.LifoQueue[Prepared] = asyncio.LifoQueue()
boards: list[UUID] = []
writer: list[Any] = []


async def fetch(path: str, *arguments: object) -> list[asyncpg.Record]:
    """The rows of the path's statement."""
    prepared = await free.get()
    try:
        return await prepared[path].fetch(*arguments)
    finally:
        free.put_nowait(prepared)


def answer(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


def page(rows: Sequence[asyncpg.Record], limit: int, name: str) -> Response:
    """A page, of rows that were read with one more than it has."""
    nodes = [dict(row) for row in rows[:limit]]
    info = {"hasNextPage": len(rows) > limit, "endCursor": nodes[-1]["sequence"] if nodes else None}
    return answer({name: {"nodes": nodes, "pageInfo": info}})


async def board_page(request: Request) -> Response:
    asked = orjson.loads(await request.body())
    return page(await fetch(request.url.path, HOME, asked["filter"]["boardId"][0]), 50, "activityEvents")


async def deep_page(request: Request) -> Response:
    asked = orjson.loads(await request.body())
    return page(await fetch(request.url.path, HOME, boards, MEMBER, asked["after"]), 50, "activityEvents")


async def whole_page(request: Request) -> Response:
    await request.body()
    return page(await fetch(request.url.path, HOME), 50, "activityEvents")


async def feed(request: Request) -> Response:
    limit: int = orjson.loads(await request.body())["first"]
    return page(await fetch(request.url.path, HOME, boards, MEMBER, limit + 1), limit, "taskComments")


async def trail(request: Request) -> Response:
    asked = orjson.loads(await request.body())
    rows = await fetch(request.url.path, HOME, asked["task"], asked["first"])
    return answer({"auditTrail": {"events": {"nodes": [dict(row) for row in rows]}}})


async def trail_json(request: Request) -> Response:
    asked = orjson.loads(await request.body())
    rows = await fetch(request.url.path, HOME, asked["task"], asked["first"])
    text = '{"auditTrail":{"events":{"nodes":[' + rows[0][0] + "]}}}"
    return Response(text.encode(), media_type="application/json")


async def metrics(request: Request) -> Response:
    asked = orjson.loads(await request.body())
    bounds = (datetime.fromisoformat(asked["since"]), datetime.fromisoformat(asked["until"]))
    rows = await fetch(request.url.path, HOME, asked["agents"][0], *bounds)
    total, failed = sum(row["total"] for row in rows), sum(row["failed"] for row in rows)
    counts = {"total": total, "failed": failed, "errorRatePct": failed / total * 100 if total else None}
    return answer({"activityMetrics": {**counts, "breakdown": [dict(row) for row in rows]}})


async def log_one(request: Request) -> Response:
    columns = _columns(orjson.loads(await request.body())["input"])
    rows = await fetch(request.url.path, HOME, *writer, *columns)
    return answer({"logActivity": {"event": dict(rows[0])}})


async def log_many(request: Request) -> Response:
    inputs = orjson.loads(await request.body())["inputs"]
    columns = zip(*map(_columns, inputs), strict=True)
    rows = await fetch(request.url.path, HOME, *writer, *map(list, columns))
    return answer({"logActivities": {"events": [dict(row) for row in rows]}})


def _columns(given: dict[str, Any]) -> tuple[object, ...]:
    event_type = given["eventType"]
    changes, metadata = orjson.dumps(given.get("changes", EMPTY)).decode(), orjson.dumps(given["metadata"]).decode()
    return event_type, ACTIONS[event_type], given["message"], changes, metadata, given["correlationId"], given["taskId"]


async def live(_request: Request) -> Response:
    return Response(status_code=204)


@asynccontextmanager
async def connected(_application: Starlette) -> AsyncGenerator[None]:
    """All connections, with everything prepared."""
    url = driver_url(os.environ["TRAILCAST_DATABASE_URL"])
    opened = [await asyncpg.connect(url, server_settings={"timezone": "UTC"}) for _ in range(CONNECTIONS)]
    for connection in opened:
        statements = {**READS, **WRITES}
        free.put_nowait({path: await connection.prepare(statement) for path, statement in statements.items()})
    grants = await opened[0].fetch("SELECT board_id FROM board_grants WHERE user_id = $1", MEMBER)
    boards.extend(row["board_id"] for row in grants)
    writer.extend(await opened[0].fetchrow("SELECT id, name, role FROM agents WHERE id = $1", WRITER) or ())
    yield
    for connection in opened:
        await connection.close()


HANDLERS = {
    "/w1": board_page, "/w8": board_page, "/w2": deep_page, "/w2-boards": deep_page, "/w3": feed, "/w3-boards": feed,
    "/w4": trail, "/w4-json": trail_json, "/w5": metrics, "/w9": whole_page, "/w6": log_one, "/w7": log_many,
}  # fmt: skip


def application() -> Starlette:
    routes = [Route(path, handler, methods=["POST"]) for path, handler in HANDLERS.items()]
    return Starlette(routes=[*routes, Route("/livez", live)], lifespan=connected)


if __name__ == "__main__":
    serve(application())
