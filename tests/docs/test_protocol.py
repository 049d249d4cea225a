"""What docs/protocol.md says of spellings, starts and bounds, held against the code and a server."""

import re
from typing import Any

import pytest

from tests.docs.markdown import blocks, documents, section, table
from tests.support.clients import Client, open_socket
from tests.support.serving import RunningServer
from tests.support.world import World
from trailcast.doors import credentials
from trailcast.settings import Settings, field_names

PAGE = "docs/protocol.md"
SAY = """
mutation($task: ID!, $message: String!) {
  logActivity(input: { eventType: "task.comment", taskId: $task, message: $message }) { event { cursor } errors { code } }
}"""
SYNC = "mutation($input: SyncDirectoryInput!) { syncDirectory(input: $input) { upserted errors { code } } }"


def document(beginning: str) -> str:
    [text] = [block.text for block in blocks(PAGE, "graphql") if block.text.startswith(beginning)]
    return text


def test_spellings_are_those_that_the_door_knows() -> None:
    rows = table(section(PAGE, "Connecting"))
    listed = [tuple(sorted(name.lower() for name in re.findall(r"`([\w-]+)`", row[1]))) for row in rows]
    known = (credentials.AUTHORIZATION, credentials.AGENT_TOKEN, credentials.WORKSPACE)
    assert listed == [tuple(sorted(names)) for names in known]


async def test_an_empty_page_is_gone_on_from_by_a_time_before_all(
    gql: Client, server: RunningServer, world: World
) -> None:
    owner, board, task = world.token("owner"), world.id("new_board"), world.id("new_task")
    rows = {"boards": [{"id": board, "name": "New"}], "tasks": [{"id": task, "title": "New", "boardId": board}]}
    synced = await gql.data(SYNC, {"input": rows}, token=world.token("service"))
    assert synced == {"syncDirectory": {"upserted": 2, "errors": []}}
    page = await gql.data(document("query Page"), {"boardId": board}, token=owner)
    assert page == {"taskComments": {"nodes": [], "pageInfo": {"startCursor": None}}}
    cursor = await say(gql, world, task, "after the page was read")
    [since] = re.findall(r'`since: "([^"]+)"`', section(PAGE, "From a query to a subscription"))
    async with open_socket(server.ws, owner) as socket:
        await socket.subscribe(document("subscription Comments"), {"boardId": board, "since": since})
        item = (await socket.next())["data"]["commentAdded"]
    assert item == {"cursor": cursor, "message": "after the page was read", "author": {"name": "Olive"}}


async def test_an_own_event_is_a_start_for_what_comes_after_it(
    gql: Client, server: RunningServer, world: World
) -> None:
    task, board = world.id("alpha_task"), world.id("alpha")
    first, second = [await say(gql, world, task, message) for message in ("first", "second")]
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(document("subscription Comments"), {"boardId": board, "after": first})
        item = (await socket.next())["data"]["commentAdded"]
    assert item == {"cursor": second, "message": "second", "author": {"name": "Olive"}}


async def say(gql: Client, world: World, task: str, message: str) -> str:
    data = await gql.data(SAY, {"task": task, "message": message}, token=world.token("owner"))
    assert data["logActivity"]["errors"] == []
    cursor: str = data["logActivity"]["event"]["cursor"]
    return cursor


def default(setting: str) -> Any:
    """The default of a setting by its name in the environment, whatever the environment says now."""
    [field] = [field for field, name in field_names().items() if name == setting]
    return Settings.model_fields[field].default


@pytest.mark.parametrize("name", documents())
def test_seconds_beside_a_setting_are_its_default(name: str) -> None:
    said = re.findall(r"`(TRAILCAST_\w+_(?:S|MS))` \(([\d.]+) s\)", documents()[name])
    wrong = [
        setting for setting, seconds in said if default(setting) != float(seconds) * (1000 if "_MS" in setting else 1)
    ]
    assert wrong == []


def test_bounds_are_the_defaults() -> None:
    said = {row[2].split(",")[0].strip("`"): re.split("[;,]", row[1])[0] for row in table(section(PAGE, "Bounds"))}
    size = f"{default('TRAILCAST_FEED_ITEMS_MAX')} items and {default('TRAILCAST_FEED_BYTES_MAX') // 1024**2} MiB"
    assert said == {
        "TRAILCAST_SUBSCRIPTIONS_PER_SOCKET_MAX": f"{default('TRAILCAST_SUBSCRIPTIONS_PER_SOCKET_MAX')}",
        "TRAILCAST_SOCKETS_PER_PRINCIPAL_MAX": f"{default('TRAILCAST_SOCKETS_PER_PRINCIPAL_MAX')}",
        "TRAILCAST_SUBSCRIPTIONS_MAX": f"{default('TRAILCAST_SUBSCRIPTIONS_MAX')}",
        "TRAILCAST_REQUESTS_BURST": f"{default('TRAILCAST_REQUESTS_BURST')} at once",
        "TRAILCAST_COST_BURST": f"{default('TRAILCAST_COST_BURST')} at once",
        "TRAILCAST_REQUEST_TIMEOUT_S": f"{default('TRAILCAST_REQUEST_TIMEOUT_S'):g} s",
        "TRAILCAST_SOCKET_LIFETIME_S": f"{default('TRAILCAST_SOCKET_LIFETIME_S'):g} s",
        "TRAILCAST_SOCKET_MESSAGE_BYTES_MAX": f"{default('TRAILCAST_SOCKET_MESSAGE_BYTES_MAX') // 1024} KiB",
        "TRAILCAST_FEED_ITEMS_MAX": size,
        "TRAILCAST_SOCKET_PING_S": f"every {default('TRAILCAST_SOCKET_PING_S'):g} s",
    }
