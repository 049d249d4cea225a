"""`syncDirectory`: who and what there is. The same call twice changes nothing, a bad row is named and keeps no other out."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from tests.ledger.drafts import last_sequence
from tests.support.clients import Client
from tests.support.world import ACME, World, identity

SYNC = """
mutation ($input: SyncDirectoryInput!) { syncDirectory(input: $input) { upserted errors { code path } } }
"""
TABLES = ("projects", "boards", "users", "agents", "tasks", "memberships", "board_grants")
ROWS_MAX = 1000


async def sync(gql: Client, world: World, caller: str = "service", **rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The payload of a call with these rows."""
    data = await gql.data(SYNC, {"input": rows}, token=world.token(caller))
    payload: dict[str, Any] = data["syncDirectory"]
    return payload


async def directory(owner: asyncpg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the directory, of all workspaces."""
    return {
        table: [tuple(row) for row in await owner.fetch(f"SELECT * FROM {table} ORDER BY 1, 2, 3")] for table in TABLES
    }


async def row(owner: asyncpg.Connection, table: str, name: str) -> dict[str, Any]:
    """One row of the world, without its times."""
    found = await owner.fetchrow(f"SELECT * FROM {table} WHERE id = $1", UUID(identity(name)))
    assert found is not None
    return {key: value for key, value in found.items() if key not in {"id", "workspace_id", "created_at"}}


def world_rows() -> dict[str, Any]:
    """The whole of Acme as it was made, in the API's own words."""
    camel = {
        "board_id": "boardId", "external_id": "externalId", "user_id": "userId", "can_read": "canRead", "can_write": "canWrite",
        "all_boards_read": "allBoardsRead", "all_boards_write": "allBoardsWrite",
    }  # fmt: skip

    def spelled(value: Any) -> Any:
        if isinstance(value, dict):
            return {camel.get(key, key): spelled(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [spelled(inner) for inner in value]
        return getattr(value, "value", value)

    rows: dict[str, Any] = spelled(ACME)
    return rows


async def test_the_same_call_again_changes_nothing_and_says_the_same(
    gql: Client, world: World, owner: asyncpg.Connection
) -> None:
    rows = world_rows()
    before = await directory(owner)
    end = await last_sequence(owner, world.acme)
    version = await owner.fetchval("SELECT access_version FROM heads WHERE workspace_id = $1", UUID(world.acme))
    for _ in range(2):
        assert await sync(gql, world, **rows) == {"upserted": sum(map(len, rows.values())), "errors": []}
    assert await directory(owner) == before
    assert await last_sequence(owner, world.acme) == end
    after = await owner.fetchval("SELECT access_version FROM heads WHERE workspace_id = $1", UUID(world.acme))
    assert after == version


async def test_rows_may_refer_to_others_of_the_same_call_in_any_order(
    gql: Client, world: World, owner: asyncpg.Connection
) -> None:
    payload = await sync(
        gql,
        world,
        memberships=[{"userId": identity("n_user"), "role": "MEMBER", "grants": [{"boardId": identity("n_board")}]}],
        tasks=[{"id": identity("n_task"), "title": "New", "boardId": identity("n_board"), "status": "todo"}],
        agents=[{"id": identity("n_agent"), "name": "Nora", "role": "tester", "boardId": identity("n_board")}],
        users=[{"id": identity("n_user"), "name": "Nick", "externalId": "sub|nick", "role": "lead"}],
        boards=[{"id": identity("n_board"), "name": "New board", "projectId": identity("n_project")}],
        projects=[{"id": identity("n_project"), "name": "New project"}],
    )
    assert payload == {"upserted": 6, "errors": []}
    board = UUID(identity("n_board"))
    assert await row(owner, "projects", "n_project") == {"name": "New project", "is_deleted": False}
    assert await row(owner, "boards", "n_board") == {
        "name": "New board", "project_id": UUID(identity("n_project")), "is_deleted": False,
    }  # fmt: skip
    assert await row(owner, "users", "n_user") == {
        "name": "Nick", "external_id": "sub|nick", "role": "lead", "is_deleted": False,
    }  # fmt: skip
    assert await row(owner, "agents", "n_agent") == {
        "name": "Nora", "role": "tester", "board_id": board, "is_deleted": False,
    }  # fmt: skip
    assert await row(owner, "tasks", "n_task") == {
        "title": "New", "status": "todo", "board_id": board, "is_deleted": False,
    }  # fmt: skip


async def test_what_is_left_out_stays_and_null_clears(gql: Client, world: World, owner: asyncpg.Connection) -> None:
    task, agent, user = identity("alpha_task"), identity("builder"), identity("member")
    assert (await sync(gql, world, users=[{"id": user}]))["upserted"] == 1
    assert await row(owner, "users", "member") == {
        "name": "Mia", "external_id": "sub|member", "role": "person", "is_deleted": False,
    }  # fmt: skip
    await sync(gql, world, tasks=[{"id": task, "title": "Renamed"}], agents=[{"id": agent, "name": "Bob"}])
    alpha = UUID(identity("alpha"))
    assert await row(owner, "tasks", "alpha_task") == {
        "title": "Renamed", "status": "todo", "board_id": alpha, "is_deleted": False,
    }  # fmt: skip
    assert (await row(owner, "agents", "builder"))["board_id"] == alpha
    await sync(
        gql,
        world,
        tasks=[{"id": task, "title": "Renamed", "status": None, "boardId": None}],
        agents=[{"id": agent, "name": "Bob", "role": None, "boardId": None, "isDeleted": None}],
        users=[{"id": user, "name": None, "externalId": None, "role": None}],
    )
    assert await row(owner, "tasks", "alpha_task") == {
        "title": "Renamed", "status": None, "board_id": None, "is_deleted": False,
    }  # fmt: skip
    assert await row(owner, "agents", "builder") == {"name": "Bob", "role": None, "board_id": None, "is_deleted": False}
    assert await row(owner, "users", "member") == {"name": "", "external_id": None, "role": None, "is_deleted": False}


async def test_what_was_deleted_can_come_back(gql: Client, world: World, owner: asyncpg.Connection) -> None:
    board = {"id": identity("alpha"), "name": "Alpha"}
    for deleted in (True, False):
        await sync(gql, world, boards=[{**board, "isDeleted": deleted}])
        assert (await row(owner, "boards", "alpha"))["is_deleted"] is deleted


async def test_each_bad_row_is_named_by_its_path_and_the_others_are_written(
    gql: Client, world: World, owner: asyncpg.Connection
) -> None:
    new, unknown = identity("new"), identity("nowhere")
    payload = await sync(
        gql,
        world,
        boards=[
            {"id": "x", "name": "B"},
            {"id": new, "name": ""},
            {"id": new, "name": "B", "projectId": unknown},
            {"id": new, "name": "Good"},
        ],
        users=[{"id": new, "name": "x" * 201}, {"id": new, "name": "a\0b"}, {"id": new, "externalId": "sub|owner"}],
        tasks=[{"id": new, "title": "t" * 1001}, {"id": new, "title": "t" * 1000, "boardId": identity("globex_board")}],
        memberships=[
            {"userId": unknown, "role": "MEMBER"},
            {"userId": identity("member"), "role": "MEMBER", "grants": [{"boardId": "x"}]},
            {"userId": identity("member"), "role": "MEMBER", "grants": [{"boardId": new}, {"boardId": unknown}]},
        ],
    )
    assert payload["upserted"] == 1
    assert sorted((error["code"], *error["path"]) for error in payload["errors"]) == [
        ("CONFLICT", "input", "users", "2", "externalId"),
        ("INVALID", "input", "boards", "0", "id"),
        ("INVALID", "input", "boards", "1", "name"),
        ("INVALID", "input", "memberships", "1", "grants", "0", "boardId"),
        ("INVALID", "input", "users", "1", "name"),
        ("NOT_FOUND", "input", "boards", "2", "projectId"),
        ("NOT_FOUND", "input", "memberships", "0", "userId"),
        ("NOT_FOUND", "input", "memberships", "2", "grants", "1", "boardId"),
        ("NOT_FOUND", "input", "tasks", "1", "boardId"),
        ("TOO_LARGE", "input", "tasks", "0", "title"),
        ("TOO_LARGE", "input", "users", "0", "name"),
    ]
    assert (await row(owner, "boards", "new"))["name"] == "Good"


async def test_an_external_id_has_one_owner_in_a_workspace(
    gql: Client, world: World, owner: asyncpg.Connection
) -> None:
    taken = {"id": identity("stranger"), "externalId": "sub|member"}
    twice = [{"id": identity("u1"), "externalId": "sub|new"}, {"id": identity("u2"), "externalId": "sub|new"}]
    payload = await sync(gql, world, users=[taken, *twice])
    assert payload == {
        "upserted": 1,
        "errors": [
            {"code": "CONFLICT", "path": ["input", "users", "0", "externalId"]},
            {"code": "CONFLICT", "path": ["input", "users", "2", "externalId"]},
        ],
    }
    assert (await row(owner, "users", "stranger"))["external_id"] == "sub|stranger"
    # Another workspace knows the same person under the same identity.
    elsewhere = await sync(gql, world, "globex_service", users=[{"id": identity("mia"), "externalId": "sub|member"}])
    assert elsewhere == {"upserted": 1, "errors": []}


async def test_the_bound_on_rows_is_exact(gql: Client, world: World) -> None:
    rows = [{"id": identity(f"p{number}"), "name": "P"} for number in range(ROWS_MAX + 1)]
    assert (await sync(gql, world, projects=rows[:ROWS_MAX]))["upserted"] == ROWS_MAX
    assert await gql.codes(SYNC, {"input": {"projects": rows}}, token=world.token("service")) == ["BAD_USER_INPUT"]


async def test_nobody_but_a_service_may_say_who_and_what_there_is(
    gql: Client, world: World, owner: asyncpg.Connection
) -> None:
    before = await directory(owner)
    rows = {"boards": [{"id": identity("alpha"), "name": "Mine"}]}
    for caller in ("owner", "admin", "member", "bot"):
        assert await gql.codes(SYNC, {"input": rows}, token=world.token(caller)) == ["FORBIDDEN"], caller
    assert await directory(owner) == before
