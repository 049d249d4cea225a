"""The history of one entity: its order, its ends, who contributed, and how an entity may be named."""

from typing import Any

import pytest

from tests.schema.conftest import Reading
from tests.support.clients import Client
from tests.support.world import World

TRAIL = """query($type: String!, $id: ID!, $filter: ActivityEventFilter, $direction: OrderDirection! = ASC, $first: Int) {
  auditTrail(entityType: $type, entityId: $id) { entityType entityId entityName
    firstEvent { id eventType } lastEvent { id eventType }
    contributors { actor { kind name role } count failed lastEventAt }
    events(filter: $filter, direction: $direction, first: $first) { nodes { id } totalCount { count isExact } } } }"""
LOG = "mutation($inputs: [LogActivityInput!]!) { logActivities(inputs: $inputs) { events { id } errors { message } } }"


@pytest.mark.asyncio(loop_scope="session")
async def test_trail_of_a_task_is_its_whole_history_the_oldest_first(read: Reading) -> None:
    task = read.world.id("alpha_task")
    names = ["owner_alpha", "member_alpha", "bot_alpha", "bot_status"]
    answer = (await read.data(TRAIL, {"type": "task", "id": task}))["auditTrail"]
    assert read.names(answer["events"]["nodes"]) == names
    assert answer["events"]["totalCount"] == {"count": 4, "isExact": True}
    assert (answer["entityType"], answer["entityId"], answer["entityName"]) == ("task", task, "Alpha task")
    assert answer["firstEvent"] == {"id": read.world.events["owner_alpha"], "eventType": "task.comment"}
    assert answer["lastEvent"] == {"id": read.world.events["bot_status"], "eventType": "task.status_changed"}
    by_name = {entry["actor"]["name"]: entry for entry in answer["contributors"]}
    assert answer["contributors"][0] == {
        "actor": {"kind": "AGENT", "name": "Bot", "role": "researcher"},
        "count": 2,
        "failed": 0,
        "lastEventAt": read.created_at("bot_status").isoformat(),
    }
    assert {name: entry["count"] for name, entry in by_name.items()} == {"Bot": 2, "Olive": 1, "Mia": 1}
    newest_first = await read.data(TRAIL, {"type": "task", "id": task, "direction": "DESC"})
    assert read.names(newest_first["auditTrail"]["events"]["nodes"]) == names[::-1]


@pytest.mark.asyncio(loop_scope="session")
async def test_filter_narrows_the_events_of_a_trail_and_nothing_else_of_it(read: Reading) -> None:
    task = read.world.id("gamma_task")
    answer = await read.data(
        TRAIL, {"type": "task", "id": task, "filter": {"actorKind": ["AGENT"], "outcome": ["FAILURE"]}}
    )
    trail = answer["auditTrail"]
    assert read.names(trail["events"]["nodes"]) == ["bot_failed"]
    assert trail["events"]["totalCount"] == {"count": 1, "isExact": True}
    assert [trail["firstEvent"]["id"], trail["lastEvent"]["id"]] == [
        read.world.events["bot_failed"],
        read.world.events["owner_gamma"],
    ]
    assert {entry["actor"]["name"]: (entry["count"], entry["failed"]) for entry in trail["contributors"]} == {
        "Bot": (2, 1),
        "Olive": (1, 0),
    }


@pytest.mark.asyncio(loop_scope="session")
async def test_entity_inside_the_filter_of_a_trail_is_refused(read: Reading) -> None:
    wanted = {"entity": {"type": "task", "id": read.world.id("beta_task")}}
    refusal = await read.refusal(TRAIL, {"type": "task", "id": read.world.id("alpha_task"), "filter": wanted})
    assert refusal == {
        "message": "A trail is of one entity: leave entity out of its filter.",
        "code": "BAD_USER_INPUT",
        "path": ["filter", "entity"],
    }


@pytest.mark.asyncio(loop_scope="session")
async def test_trail_of_nothing_is_empty(read: Reading) -> None:
    assert await read.data(TRAIL, {"type": "invoice", "id": "none"}) == {
        "auditTrail": {
            "entityType": "invoice",
            "entityId": "none",
            "entityName": None,
            "firstEvent": None,
            "lastEvent": None,
            "contributors": [],
            "events": {"nodes": [], "totalCount": {"count": 0, "isExact": True}},
        }
    }


@pytest.mark.asyncio(loop_scope="session")
async def test_id_of_a_known_entity_is_found_in_any_spelling(read: Reading) -> None:
    usual = read.world.id("alpha_task")
    for spelled in (usual.upper(), usual.replace("-", ""), f"{{{usual}}}", f"urn:uuid:{usual}"):
        trail = (await read.data(TRAIL, {"type": "task", "id": spelled}))["auditTrail"]
        assert (trail["entityId"], len(trail["events"]["nodes"])) == (usual, 4)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("variables", "path"),
    [
        ({"type": "x" * 201, "id": "1"}, ["entityType"]),
        ({"type": "task", "id": "x" * 201}, ["entityId"]),
        ({"type": "a\0", "id": "1"}, ["entityType"]),
    ],
)
async def test_entity_out_of_bounds_is_refused(read: Reading, variables: dict[str, str], path: list[str]) -> None:
    assert await read.refusal(TRAIL, variables) == {
        "message": f"{path[0]} may have 200 characters, none of them NUL.",
        "code": "BAD_USER_INPUT",
        "path": path,
    }


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("first", [0, 201])
async def test_number_of_contributors_has_bounds(read: Reading, first: int) -> None:
    document = f'{{ auditTrail(entityType: "task", entityId: "1") {{ contributors(first: {first}) {{ count }} }} }}'
    assert await read.refusal(document) == {
        "message": "first must be 1 to 200.",
        "code": "BAD_USER_INPUT",
        "path": ["first"],
    }


async def test_platforms_own_entities_have_trails_and_names_as_they_were(gql: Client, world: World) -> None:
    """Renamed, touched by several, one of whom was renamed too: the newest name counts, and each actor's own."""

    def event(name: str, **more: Any) -> dict[str, Any]:
        return {
            "eventType": "invoice.sent",
            "entity": {"type": "invoice", "id": "É \"'%_\\ 1"},
            "entityName": name,
            **more,
        }

    bot = {"actor": {"kind": "AGENT", "id": world.id("bot")}}
    inputs = [
        event("Draft", **bot),
        event("Sent"),
        event("Sent again", **bot),
        event("Failed", **bot, outcome="FAILURE"),
    ]
    await gql.data(LOG, {"inputs": inputs}, token=world.token("service"))
    sync = "mutation($input: SyncDirectoryInput!) { syncDirectory(input: $input) { upserted } }"
    rows = {"agents": [{"id": world.id("bot"), "name": "Robot", "role": "accountant"}]}
    await gql.data(sync, {"input": rows}, token=world.token("service"))
    await gql.data(LOG, {"inputs": [event("Paid", **bot)]}, token=world.token("service"))
    variables = {"type": "invoice", "id": "É \"'%_\\ 1"}
    trail = (await gql.data(TRAIL, variables, token=world.token("owner")))["auditTrail"]
    assert trail["entityName"] == "Paid"
    assert [(entry["actor"], entry["count"], entry["failed"]) for entry in trail["contributors"]] == [
        ({"kind": "AGENT", "name": "Robot", "role": "accountant"}, 4, 1),
        ({"kind": "SERVICE", "name": "service", "role": None}, 1, 0),
    ]
    document = """query($type: String!, $id: ID!) { auditTrail(entityType: $type, entityId: $id) {
      contributors(first: 1) { actor { name } } firstEvent { actor { name role } entityName } } }"""
    assert await gql.data(document, variables, token=world.token("owner")) == {
        "auditTrail": {
            "contributors": [{"actor": {"name": "Robot"}}],
            "firstEvent": {"actor": {"name": "Bot", "role": "researcher"}, "entityName": "Draft"},
        }
    }
