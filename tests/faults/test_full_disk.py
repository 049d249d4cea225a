"""A full disk: writes are refused whole and in plain words, reads go on, /readyz says it, and afterwards the same calls succeed."""

import asyncio
import secrets
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from tests.faults.ailing import Scene, readiness
from tests.ledger.drafts import last_sequence, read_log
from tests.live.sockets import FOLLOW, cursor, until_waiting
from tests.support.clients import Client, open_socket
from tests.support.serving import RunningServer
from tests.support.waiting import until

LOG = """
mutation ($inputs: [LogActivityInput!]!) {
  logActivities(inputs: $inputs) { events { sequence message } errors { code } }
}
"""
READ = "{ activityEvents(first: 1) { nodes { sequence } } }"
REFUSED = "The log takes no writes at the moment; nothing was written: try again later, with the same idempotencyKey."
PADDING_BYTES = 15_000  # twice that in hexadecimal digits, which do not compress much: each needs pages of its own


def batches() -> list[list[dict[str, Any]]]:
    """Two calls; in each a small event before a large one."""
    return [
        [
            {"eventType": "a.said", "message": f"{call} small", "idempotencyKey": f"{call} small"},
            {
                "eventType": "a.said",
                "message": f"{call} large",
                "idempotencyKey": f"{call} large",
                "metadata": {"padding": secrets.token_hex(PADDING_BYTES)},
            },
        ]
        for call in ("one", "two")
    ]


async def test_what_does_not_fit_is_refused_whole_and_written_once_when_there_is_room_again(
    scene: Scene, server: RunningServer, gql: Client, caplog: pytest.LogCaptureFixture
) -> None:
    ailing, world, end = scene.ailing, scene.world, scene.end
    token, calls = world.token("service"), batches()
    with ailing.full():
        async with Client(server.http) as other:
            # At the same time, so that they may share a transaction: whoever does is refused with it.
            answers = await asyncio.gather(
                *(client(LOG, {"inputs": call}, token=token) for client, call in zip((gql, other), calls, strict=True))
            )
        for answer in answers:
            assert answer["data"] is None
            assert [(error["message"], error["extensions"]) for error in answer["errors"]] == [
                (REFUSED, {"code": "UNAVAILABLE"})
            ]
        assert gql.last.status_code == 503
        assert "disk full (53100): free space on the volume of PostgreSQL's data" in caplog.messages
        assert (await gql.data(READ, token=token))["activityEvents"]["nodes"] == [{"sequence": str(end)}]
        status, said, checks = await readiness(server)
        assert (status, said, checks["database"]) == (200, "degraded", "ok")
        assert checks["writes"] == "the last write failed: disk full"
    assert await last_sequence(scene.owner, world.acme) == end
    payloads = [(await gql.data(LOG, {"inputs": call}, token=token))["logActivities"] for call in calls]
    assert [(event["sequence"], event["message"]) for payload in payloads for event in payload["events"]] == [
        (str(end + 1 + place), message)
        for place, message in enumerate(("one small", "one large", "two small", "two large"))
    ]
    assert len(await read_log(scene.owner, world.acme)) == end + 4

    async def is_ready() -> bool:
        return (await readiness(server))[:2] == (200, "ok")

    await until(is_ready)


async def test_when_even_its_own_log_does_not_fit_postgresql_goes_and_comes_back_with_all_that_was_acknowledged(
    scene: Scene, server: RunningServer, gql: Client
) -> None:
    """It ends itself then, and whoever runs it starts it again. Readers stay, and miss nothing."""
    ailing, world, end = scene.ailing, scene.world, scene.end
    token = world.token("service")
    said: list[str] = []

    async def log(message: str) -> bool:
        given = {"inputs": [{"eventType": "a.said", "message": message, "idempotencyKey": message}]}
        answer = await gql(LOG, given, token=token)
        if "errors" not in answer:
            said.append(message)
            return True
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAVAILABLE"]
        assert gql.last.status_code == 503
        return False

    async def has_gone() -> bool:
        return not await log(f"message {len(said)}")

    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, {"after": cursor(world, end)})
        await until_waiting(server, 1)
        assert await log("before")
        with ailing.full():
            # The segment that is being written has room yet; the next one finds none, whoever needs it first.
            with suppress(asyncpg.PostgresConnectionError):
                await scene.owner.execute("SELECT pg_switch_wal()")
            await until(has_gone)

            async def is_known() -> bool:
                status, said, checks = await readiness(server)
                return (status, said, checks["database"]) == (503, "unavailable", "PostgreSQL cannot be reached")

            await until(is_known)
        await asyncio.to_thread(ailing.postgres.stop)
        await asyncio.to_thread(ailing.start)

        async def has_returned() -> bool:
            return await log(f"message {len(said)}")

        await until(has_returned, deadline_s=5)
        received = [(await socket.next())["data"]["activityLogged"] for _ in said]
    assert [(int(event["sequence"]), event["message"]) for event in received] == [
        (end + 1 + place, message) for place, message in enumerate(said)
    ]
