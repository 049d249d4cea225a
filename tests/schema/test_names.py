"""The lists by name to choose filters from: their order, their pages, their search, and what is refused."""

from typing import Any

import pytest

from tests.schema.conftest import Reading
from tests.support.clients import Client
from tests.support.world import World, identity

SYNC = "mutation($input: SyncDirectoryInput!) { syncDirectory(input: $input) { upserted errors { message } } }"
# Names that are alike, that sort in ways of their own, and that hold what a pattern would take for a sign.
NAMES = ["Same"] * 7 + ["same", "100%", "100x", "a_b", "axb", "back\\slash", "Ärger", "Zoë", "zebra", "  space", "Ω"]
FIELDS = {"boards": "name", "agents": "name", "users": "name", "tasks": "title"}


def rows(field: str) -> list[dict[str, Any]]:
    return [{"id": identity(f"{field} {place}"), FIELDS[field]: name} for place, name in enumerate(NAMES)]


async def filled(gql: Client, world: World) -> None:
    answer = await gql.data(
        SYNC, {"input": {field: rows(field) for field in FIELDS}}, token=world.token("globex_service")
    )
    assert answer == {"syncDirectory": {"upserted": 4 * len(NAMES), "errors": []}}


@pytest.mark.parametrize("size", [1, 5, 200])
async def test_walk_by_pages_finds_every_entry_once_in_one_order(gql: Client, world: World, size: int) -> None:
    await filled(gql, world)
    for field, name in FIELDS.items():
        document = f"""query($first: Int, $after: String) {{ {field}(first: $first, after: $after) {{
          nodes {{ id {name} }} edges {{ cursor }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"""
        found: list[tuple[str, str]] = []
        after = None
        while True:
            page = (await gql.data(document, {"first": size, "after": after}, token=world.token("globex_owner")))[field]
            found += [(node[name], node["id"]) for node in page["nodes"]]
            cursors = [edge["cursor"] for edge in page["edges"]]
            assert page["pageInfo"] == {
                "hasNextPage": page["pageInfo"]["hasNextPage"],
                "hasPreviousPage": after is not None,
                "startCursor": cursors[0],
                "endCursor": cursors[-1],
            }
            after = cursors[-1]
            if not page["pageInfo"]["hasNextPage"]:
                break
            assert len(cursors) == size
        there = {"boards": 1, "agents": 1, "users": 2, "tasks": 1}[field]
        assert len(found) == len(set(found)) == len(NAMES) + there
        assert {row["id"] for row in rows(field)} <= {entry for _, entry in found}
        # Those of one name stand together, by id.
        same = [entry for shown, entry in found if shown == "Same"]
        assert [entry for shown, entry in found if shown == "Same"] == sorted(same)
        places = [place for place, (shown, _) in enumerate(found) if shown == "Same"]
        assert places == list(range(places[0], places[0] + 7))


async def test_search_takes_text_as_it_is_in_any_case(gql: Client, world: World) -> None:
    await filled(gql, world)
    for field, name in FIELDS.items():
        document = f"query($text: String) {{ {field}(text: $text) {{ nodes {{ {name} }} }} }}"
        for text, expected in (
            ("SAME", ["Same"] * 7 + ["same"]), ("100%", ["100%"]), ("0%", ["100%"]), ("a_b", ["a_b"]), ("k\\s", ["back\\slash"]),
            ("ärger", ["Ärger"]), ("zo", ["Zoë"]), ("Ω", ["Ω"]), ("none of them", []),
        ):  # fmt: skip
            answer = await gql.data(document, {"text": text}, token=world.token("globex_owner"))
            assert sorted(node[name] for node in answer[field]["nodes"]) == sorted(expected), (field, text)


async def test_deleted_entries_are_listed_as_deleted(gql: Client, world: World) -> None:
    """Their history stays, so they can be chosen as a filter."""
    for field in FIELDS:
        given = [{**row, "isDeleted": True} for row in rows(field)[:1]]
        await gql.data(SYNC, {"input": {field: given}}, token=world.token("globex_service"))
        answer = await gql.data(f"{{ {field} {{ nodes {{ id isDeleted }} }} }}", token=world.token("globex_owner"))
        deleted = {node["id"]: node["isDeleted"] for node in answer[field]["nodes"]}
        assert {entry for entry, is_deleted in deleted.items() if is_deleted} == {given[0]["id"]}
        assert len(deleted) > 1


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("field", FIELDS)
async def test_empty_page_still_says_whether_there_is_more(read: Reading, field: str) -> None:
    document = (
        f"{{ {field}(first: 0) {{ nodes {{ id }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    )
    info = {"hasNextPage": True, "hasPreviousPage": False, "startCursor": None, "endCursor": None}
    assert await read.data(document) == {field: {"nodes": [], "pageInfo": info}}


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    ("argument", "message", "path"),
    [
        ("first: 201", "first must be 0 to 200.", ["first"]),
        ("first: -1", "first must be 0 to 200.", ["first"]),
        ('text: ""', "text must have 1 to 200 characters.", ["text"]),
        (f'text: "{"x" * 201}"', "text must have 1 to 200 characters.", ["text"]),
        ('text: "\\u0000"', "text must have 1 to 200 characters.", ["text"]),
    ],
    ids=["first too large", "first below zero", "no text", "long text", "NUL"],
)
async def test_argument_out_of_bounds_is_refused(
    read: Reading, field: str, argument: str, message: str, path: list[str]
) -> None:
    assert await read.refusal(f"{{ {field}({argument}) {{ nodes {{ id }} }} }}") == {
        "message": message,
        "code": "BAD_USER_INPUT",
        "path": path,
    }


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("field", ["agents", "tasks"])
async def test_board_that_is_no_uuid_is_refused(read: Reading, field: str) -> None:
    assert await read.refusal(f'{{ {field}(boardId: "alpha") {{ nodes {{ id }} }} }}') == {
        "message": "boardId must be a UUID.",
        "code": "BAD_USER_INPUT",
        "path": ["boardId"],
    }
