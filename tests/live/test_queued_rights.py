"""What waits in a queue is held against the rights of the moment when it is handed out, not of the moment when it was queued."""

from contextlib import closing
from uuid import UUID

import asyncpg

from resolvers.context import Caller
from tests.support.clients import Client
from tests.support.serving import RunningServer
from tests.support.waiting import until
from tests.support.world import World
from trailcast.access.principal import Credentials
from trailcast.access.tokens import parse_token
from trailcast.ledger.database import driver_url
from trailcast.live.feed import Start
from trailcast.live.subscription import Channel, Subscription
from trailcast.records import EventFilter

COMMENT = "mutation($task: ID!, $message: String!) { addTaskComment(taskId: $task, message: $message) { errors { message } } }"


def _only_member(server: RunningServer) -> Subscription:
    [follower] = server.services.feed._shared.hub._followers.values()
    [member] = follower.members
    assert isinstance(member, Subscription)
    return member


async def test_event_that_waits_is_dropped_when_the_right_to_it_ends_and_the_others_come(
    gql: Client, server: RunningServer, world: World, database_url: str
) -> None:
    token = parse_token(world.token("member"))
    assert token is not None
    caller = Caller(server.services.principals, Credentials(token), memo=False)
    feed = await server.services.feed.follow(caller, EventFilter(), Start())
    with closing(feed):
        feed.attach(channel := Channel())
        member = _only_member(server)
        for task, message in (("alpha_task", "stays"), ("beta_task", "goes")):
            await gql.data(COMMENT, {"task": world.id(task), "message": message}, token=world.token("owner"))
        await until(lambda: len(member._queue) == 2)
        connection = await asyncpg.connect(driver_url(database_url))
        await connection.execute("DELETE FROM board_grants WHERE board_id = $1", world.id("beta"))
        await connection.close()
        await until(lambda: UUID(world.id("beta")) not in member.scope.boards)
        await gql.data(COMMENT, {"task": world.id("alpha_task"), "message": "comes"}, token=world.token("owner"))
        received = [delivery.event.message for delivery in (await channel.take(), await channel.take()) if delivery]
    assert received == ["stays", "comes"]
