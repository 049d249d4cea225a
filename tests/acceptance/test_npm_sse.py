"""The npm graphql-sse client against a real server process: it goes on by itself over any cut, however it says where it was."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from tests.acceptance.acme import Acme, Received
from tests.acceptance.conftest import Serve
from tests.acceptance.npm import Node, running_node
from tests.acceptance.processes import ServerProcess
from tests.ledger.drafts import draft
from trailcast.ledger.append import Submission, append
from trailcast.ledger.database import Database


@asynccontextmanager
async def client(server: ServerProcess, acme: Acme, how: str) -> AsyncIterator[Node]:
    arguments = (server.http, acme.world.token("owner"), acme.cursor(acme.end), how)
    async with running_node("sse.mjs", *arguments) as process:
        yield Node(process)


async def commit(database: Database, acme: Acme, messages: Sequence[str]) -> None:
    """Written by somebody else, who rings no bell."""
    async with database.writing([UUID(acme.world.acme)]) as connection:
        await append(connection, [Submission([draft(acme.world.acme, message) for message in messages])])


async def test_it_follows_and_goes_on_after_a_kill_and_a_restart_without_loss_or_repeat(
    serve: Serve, acme: Acme, database: Database
) -> None:
    """Both in the variables of the document and in the header that browsers send."""
    server = await serve()
    said = acme.messages(3)
    await commit(database, acme, said)  # before they come: out of the log
    async with client(server, acme, "after") as one, client(server, acme, "Last-Event-ID") as two:
        received: dict[Node, Received] = {one: [], two: []}

        async def take(count: int) -> None:
            for node, by_node in received.items():
                by_node.extend(await node.events(count))

        for node in received:
            assert await node.value("connected") == "first"
        await take(3)
        for end in (server.kill, server.stop):
            live, missed, later = acme.messages(3), acme.messages(3), acme.messages(1)
            await acme.say(server, *live)
            await take(3)
            assert await end() in {None, 0}
            await commit(database, acme, missed)
            await server.start()
            await take(3)
            await commit(database, acme, later)
            await take(1)
            said += live + missed + later
    assert list(received.values()) == [acme.expected(said)] * 2
