"""Notices that are lost or were never given: readers get every event all the same, once, in order, a tick later at most."""

import asyncio
from contextlib import AsyncExitStack
from uuid import UUID

import asyncpg
import pytest

from tests.acceptance.acme import Acme, Received, take
from tests.acceptance.conftest import Serve
from tests.ledger.drafts import draft
from trailcast.ledger.append import Submission, append
from trailcast.ledger.database import Database

KILL_BELLS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'trailcast-doorbell' AND datname = current_database()
"""
INSERT = """
    WITH head AS (
        UPDATE heads SET last_sequence = last_sequence + 1, last_created_at = greatest(last_created_at, clock_timestamp())
        WHERE workspace_id = $1 RETURNING workspace_id, last_sequence, last_created_at
    )
    INSERT INTO events (workspace_id, sequence, id, created_at, occurred_at, event_type, category, action, outcome, message,
                        actor_kind, actor_id, entity_type, entity_id, changes, metadata)
    SELECT workspace_id, last_sequence, gen_random_uuid(), last_created_at, last_created_at, 'a.said', 'a', 'said', 'SUCCESS',
           $2, 'SYSTEM', gen_random_uuid(), 'service', 'x', '[]', '{}' FROM head
"""


async def test_every_reader_gets_every_event_once_and_in_order_while_bells_die_again_and_again(
    serve: Serve, acme: Acme, owner: asyncpg.Connection
) -> None:
    servers = [await serve(), await serve()]
    count, readers, step, kills = 240, 6, 10, 0
    sent = acme.messages(count)
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(acme.reading(servers[number % 2])) for number in range(readers)]
        taking = [asyncio.create_task(take(socket, count)) for socket in sockets]
        # Two writers at once; bells die again and again, whatever they are doing.
        for start in range(0, count, 2 * step):
            halves = sent[start : start + step], sent[start + step : start + 2 * step]
            await asyncio.gather(*(acme.say(server, *half) for server, half in zip(servers, halves, strict=True)))
            kills += len(await owner.fetch(KILL_BELLS))
        received = await asyncio.gather(*taking)
    assert kills > count / (2 * step)
    assert [sequence for sequence, _ in received[0]] == list(range(acme.end + 1, acme.end + 1 + count))
    assert sorted(message for _, message in received[0]) == sorted(sent)
    assert received == [received[0]] * readers


async def test_bells_that_died_are_heard_again(serve: Serve, acme: Acme, owner: asyncpg.Connection) -> None:
    """With a tick that nobody lives to see, what comes can only have been rung for, or found when the bell was back."""
    one, two = await serve(TRAILCAST_TICK_MS="60000"), await serve(TRAILCAST_TICK_MS="60000")
    received: Received = []
    sent = acme.messages(20)
    async with acme.reading(two) as socket:
        for message in sent:
            await owner.execute(KILL_BELLS)
            await acme.say(one, message)
            received += await take(socket, 1)
    assert received == acme.expected(sent)


@pytest.mark.parametrize("how", ["plain SQL", "the engine"])
async def test_what_nobody_rang_for_comes_with_the_tick(
    serve: Serve, acme: Acme, owner: asyncpg.Connection, database: Database, how: str
) -> None:
    server = await serve(TRAILCAST_TICK_MS="100")
    received: Received = []
    sent = acme.messages(10)
    async with acme.reading(server) as socket:
        for message in sent:
            if how == "plain SQL":
                await owner.execute(INSERT, UUID(acme.world.acme), message)
            else:
                async with database.writing([UUID(acme.world.acme)]) as connection:
                    await append(connection, [Submission([draft(acme.world.acme, message)])])
            received += await take(socket, 1)
    assert received == acme.expected(sent)
