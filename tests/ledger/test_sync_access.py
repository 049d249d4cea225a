"""`syncDirectory` and access: what a membership becomes counts at once, and each change of it is an event that says what changed."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.ledger.drafts import last_sequence
from tests.ledger.test_sync import sync
from tests.support.clients import Client, open_socket
from tests.support.serving import RunningServer
from tests.support.world import World, identity
from trailcast.ledger.cursor import encode_sequence

MEMBER, STRANGER = identity("member"), identity("stranger")
ALPHA, BETA, GAMMA = identity("alpha"), identity("beta"), identity("gamma")
EVENTS = """
query ($after: String!) {
  activityEvents(direction: ASC, after: $after) {
    nodes {
      eventType category action outcome actor { kind name } entityType entityId entityName
      changes { path before after } metadata
    }
  }
}
"""
READABLE = "{ viewer { role boards { board { name } canRead canWrite } } }"


def membership(user: str, *grants: dict[str, Any], role: str = "MEMBER", **others: Any) -> dict[str, Any]:
    return {"userId": user, "role": role, "grants": list(grants), **others}


def grant(board: str, **rights: bool) -> dict[str, Any]:
    return {"boardId": board, **rights}


async def logged_since(gql: Client, world: World, sequence: int) -> list[dict[str, Any]]:
    after = encode_sequence(UUID(world.acme), sequence)
    data = await gql.data(EVENTS, {"after": after}, token=world.token("owner"))
    events: list[dict[str, Any]] = data["activityEvents"]["nodes"]
    return events


def access_event(what: str, action: str, user: str, name: str, changes: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
    return {
        "eventType": f"workspace.{what}",
        "category": "workspace",
        "action": action,
        "outcome": "SUCCESS",
        "actor": {"kind": "SERVICE", "name": "service"},
        "entityType": "user",
        "entityId": user,
        "entityName": name,
        "changes": [{"path": path, "before": before, "after": after} for path, (before, after) in changes.items()],
        "metadata": {},
    }


@pytest.fixture
async def end(owner: asyncpg.Connection, world: World) -> int:
    """Where the log ends before the test."""
    return await last_sequence(owner, world.acme)


async def test_a_new_member_is_an_event_with_all_of_its_rights(gql: Client, world: World, end: int) -> None:
    nina = identity("nina")
    rows = [membership(nina, grant(BETA, canWrite=True), allBoardsRead=True)]
    payload = await sync(gql, world, users=[{"id": nina, "name": "Nina"}], memberships=rows)
    assert payload == {"upserted": 2, "errors": []}
    changes = {
        "role": (None, "MEMBER"),
        "allBoardsRead": (None, True),
        "allBoardsWrite": (None, False),
        f"grants.{BETA}": (None, {"canRead": True, "canWrite": True}),
    }
    assert await logged_since(gql, world, end) == [access_event("member_added", "created", nina, "Nina", changes)]


async def test_grants_are_replaced_by_those_given(gql: Client, world: World, end: int) -> None:
    await sync(gql, world, memberships=[membership(MEMBER, grant(ALPHA), grant(GAMMA, canRead=False, canWrite=True))])
    [event] = await logged_since(gql, world, end)
    assert (event["eventType"], event["entityId"]) == ("workspace.member_updated", MEMBER)
    assert {change["path"]: (change["before"], change["after"]) for change in event["changes"]} == {
        f"grants.{ALPHA}": ({"canRead": True, "canWrite": True}, {"canRead": True, "canWrite": False}),
        f"grants.{BETA}": ({"canRead": True, "canWrite": False}, None),
        f"grants.{GAMMA}": (None, {"canRead": False, "canWrite": True}),
    }
    viewer = (await gql.data(READABLE, token=world.token("member")))["viewer"]
    assert viewer["boards"] == [
        {"board": {"name": "Alpha"}, "canRead": True, "canWrite": False},
        {"board": {"name": "Gamma"}, "canRead": True, "canWrite": True},
    ]


async def test_grants_that_are_left_out_stay_and_an_empty_list_ends_them(gql: Client, world: World, end: int) -> None:
    await sync(gql, world, memberships=[{"userId": MEMBER, "role": "MEMBER"}])
    assert await logged_since(gql, world, end) == []
    await sync(gql, world, memberships=[membership(MEMBER)])
    [event] = await logged_since(gql, world, end)
    assert sorted(change["path"] for change in event["changes"]) == sorted([f"grants.{ALPHA}", f"grants.{BETA}"])
    assert (await gql.data(READABLE, token=world.token("member")))["viewer"]["boards"] == []


async def test_a_role_counts_at_once_and_is_an_event(gql: Client, world: World, end: int) -> None:
    await sync(gql, world, memberships=[{"userId": STRANGER, "role": "ADMIN"}])
    assert await logged_since(gql, world, end) == [
        access_event("member_updated", "updated", STRANGER, "Sten", {"role": ("MEMBER", "ADMIN")})
    ]
    viewer = (await gql.data(READABLE, token=world.token("stranger")))["viewer"]
    assert (viewer["role"], [entry["board"]["name"] for entry in viewer["boards"]]) == (
        "ADMIN",
        ["Alpha", "Beta", "Gamma"],
    )


async def test_a_membership_that_ends_takes_its_grants_along_and_is_an_event(
    gql: Client, world: World, owner: asyncpg.Connection, end: int
) -> None:
    gone = {"userId": MEMBER, "role": "MEMBER", "isDeleted": True}
    for expected in (1, 1):
        assert await sync(gql, world, memberships=[gone]) == {"upserted": expected, "errors": []}
    changes = {
        "role": ("MEMBER", None),
        "allBoardsRead": (False, None),
        "allBoardsWrite": (False, None),
        **{
            f"grants.{board}": ({"canRead": True, "canWrite": write}, None)
            for board, write in sorted(((ALPHA, True), (BETA, False)))
        },
    }
    assert await logged_since(gql, world, end) == [access_event("member_removed", "deleted", MEMBER, "Mia", changes)]
    assert await owner.fetchval("SELECT count(*) FROM board_grants WHERE user_id = $1", UUID(MEMBER)) == 0
    assert await gql.codes(READABLE, token=world.token("member")) == ["UNAUTHENTICATED"]


async def test_changes_of_several_members_are_written_in_one_transaction_in_their_order(
    gql: Client, world: World, owner: asyncpg.Connection, end: int
) -> None:
    rows = [membership(STRANGER, grant(ALPHA)), membership(MEMBER), {"userId": identity("owner"), "role": "OWNER"}]
    await sync(gql, world, memberships=rows)
    events = await logged_since(gql, world, end)
    assert [event["entityName"] for event in events] == ["Sten", "Mia"]
    times = await owner.fetch("SELECT DISTINCT created_at FROM events WHERE sequence > $1", end)
    assert len(times) == 1


async def test_a_change_of_access_reaches_those_who_follow(
    gql: Client, server: RunningServer, world: World, end: int
) -> None:
    document = 'subscription ($after: String!) { activityLogged(after: $after, filter: {category: ["workspace"]}) { eventType } }'
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(document, {"after": encode_sequence(UUID(world.acme), end)})
        await sync(gql, world, memberships=[membership(STRANGER, grant(ALPHA))])
        assert await socket.next() == {"data": {"activityLogged": {"eventType": "workspace.member_updated"}}}


async def test_a_change_made_with_plain_sql_moves_the_access_version_too(
    world: World, owner: asyncpg.Connection
) -> None:
    async def version() -> int:
        found: int = await owner.fetchval("SELECT access_version FROM heads WHERE workspace_id = $1", UUID(world.acme))
        return found

    changes = (
        ("DELETE FROM board_grants WHERE user_id = $1", MEMBER),
        ("UPDATE memberships SET role = 'ADMIN' WHERE user_id = $1", MEMBER),
        ("UPDATE users SET is_deleted = true WHERE id = $1", MEMBER),
        ("UPDATE agents SET board_id = NULL WHERE id = $1", identity("builder")),
        ("UPDATE agents SET is_deleted = true WHERE id = $1", identity("bot")),
        ("UPDATE credentials SET revoked_at = now() WHERE subject_id = $1", identity("bot")),
        ("UPDATE credentials SET expires_at = now() WHERE subject_id = $1", MEMBER),
    )
    for statement, subject in changes:
        before = await version()
        await owner.execute(statement, UUID(subject))
        assert await version() > before, statement
    before = await version()
    await owner.execute("UPDATE users SET name = 'Renamed' WHERE id = $1", UUID(MEMBER))
    await owner.execute("UPDATE credentials SET last_used_at = now()")
    assert await version() == before
