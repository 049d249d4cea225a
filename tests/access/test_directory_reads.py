"""Who finds whom and what: `viewer`, `node`, the four lists by name and the catalogue × every caller."""

from typing import Any

import pytest

from tests.access.conftest import Asking
from tests.access.rules import ABSENT, ACTORS, BOARD_OF, CALLERS, FINDS, LOG, TITLES, seen_by

pytestmark = pytest.mark.asyncio(loop_scope="session")

WORKSPACES = {"acme": "Acme", "globex": "Globex"}
# All of them are asked for by `activityEvent` elsewhere.
SOME_EVENTS = (
    "owner_login", "owner_alpha", "bot_gamma", "owner_gamma", "member_login", "denied", "globex_login", "globex_agent_comment",
)  # fmt: skip
NODE = """query($id: ID!) { node(id: $id) { __typename id
  ... on Board { name isDeleted } ... on Task { title status isDeleted board { id name } }
  ... on Agent { name role isDeleted board { id name } } ... on User { userName: name role isDeleted } ... on Workspace { name }
  ... on ActivityEvent { sequence } ... on TaskComment { message } } }"""
VIEWER = """{ viewer { actor { kind id name role } workspace { id name } workspaces { id name } role
  boards { board { id name isDeleted } canRead canWrite } } }"""


def board(ask: Asking, name: str | None) -> dict[str, Any] | None:
    return None if name is None else {"id": ask.id(name), "name": TITLES[name]}


def node(ask: Asking, kind: str, name: str) -> dict[str, Any]:
    """What the document NODE shows of an entry of the directory."""
    inner: dict[str, Any] = {"__typename": kind, "id": ask.id(name), "isDeleted": False}
    if kind == "Board":
        return inner | {"name": TITLES[name]}
    if kind == "Task":
        return inner | {"title": TITLES[name], "status": "todo", "board": board(ask, BOARD_OF[name])}
    _, shown, role = ACTORS[name]
    if kind == "User":
        return inner | {"userName": shown, "role": role}
    return inner | {"name": shown, "role": role, "board": board(ask, BOARD_OF[name])}


def entries(ask: Asking, caller: str) -> dict[str, dict[str, Any]]:
    """Whatever of the directory this caller may be shown by its id."""
    finds = FINDS[caller]
    names = {"Board": finds.boards, "Task": finds.tasks, "Agent": finds.agents, "User": finds.users}
    return {name: node(ask, kind, name) for kind, listed in names.items() for name in listed.split()}


async def test_node_shows_what_the_caller_sees_and_answers_all_else_like_absent(ask: Asking, caller: str) -> None:
    absent = await ask.raw(caller, NODE, {"id": ABSENT})
    assert b'"data":{"node":null}' in absent[1]
    assert b'"extensions":{"code":"NOT_FOUND"}' in absent[1]
    home = CALLERS[caller].home
    shown = entries(ask, caller)
    shown[home] = {"__typename": "Workspace", "id": ask.id(home), "name": WORKSPACES[home]}
    for place, event in enumerate(LOG[home], start=1):
        if event in seen_by(caller):
            shown[event.name] = {"__typename": "ActivityEvent", "id": ask.id(event.name), "sequence": str(place)}
    for name in (*WORKSPACES, *TITLES, *ACTORS, *SOME_EVENTS):
        if name in shown:
            assert await ask.data(caller, NODE, {"id": ask.id(name)}) == {"node": shown[name]}
        else:
            assert await ask.raw(caller, NODE, {"id": ask.id(name)}) == absent, name


async def test_viewer_says_who_where_and_which_boards(ask: Asking, caller: str) -> None:
    finds, who = FINDS[caller], CALLERS[caller]
    kind, name, role = ACTORS[who.token]
    assert await ask.data(caller, VIEWER) == {
        "viewer": {
            "actor": {"kind": kind, "id": ask.id(who.token), "name": name, "role": role},
            "workspace": {"id": ask.id(who.home), "name": WORKSPACES[who.home]},
            "workspaces": [{"id": ask.id(home), "name": WORKSPACES[home]} for home in finds.workspaces],
            "role": finds.role,
            "boards": [
                {
                    "board": {"id": ask.id(name), "name": TITLES[name], "isDeleted": False},
                    "canRead": True,
                    "canWrite": name in finds.writes.split(),
                }
                for name in finds.boards.split()
            ],
        }
    }


def listed(ask: Asking, names: list[str], shown: str) -> dict[str, Any]:
    nodes = [{"id": ask.id(name), shown: TITLES[name] if name in TITLES else ACTORS[name][1]} for name in names]
    return {
        "nodes": nodes,
        "edges": [{"node": {"id": node["id"]}} for node in nodes],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False},
    }


@pytest.mark.parametrize("field", ["boards", "tasks", "agents", "users"])
async def test_lists_by_name_hold_what_the_caller_may_see(ask: Asking, caller: str, field: str) -> None:
    shown = "title" if field == "tasks" else "name"
    page = f"nodes {{ id {shown} }} edges {{ node {{ id }} }} pageInfo {{ hasNextPage hasPreviousPage }}"
    names = getattr(FINDS[caller], field).split()
    assert await ask.data(caller, f"{{ {field} {{ {page} }} }}") == {field: listed(ask, names, shown)}
    # No text reaches beyond: `l` is in Alpha, Olive and Builder, and in Globex's board and task.
    matching = [name for name in names if "l" in (TITLES[name] if name in TITLES else ACTORS[name][1]).lower()]
    assert await ask.data(caller, f'{{ {field}(text: "L") {{ {page} }} }}') == {field: listed(ask, matching, shown)}


@pytest.mark.parametrize("field", ["tasks", "agents"])
async def test_lists_of_one_board_show_nothing_of_a_hidden_one(ask: Asking, caller: str, field: str) -> None:
    document = f"query($board: ID) {{ {field}(boardId: $board) {{ nodes {{ id }} }} }}"
    for name in ("alpha", "beta", "gamma", "globex_board"):
        on_board = [entry for entry in getattr(FINDS[caller], field).split() if BOARD_OF[entry] == name]
        answer = await ask.data(caller, document, {"board": ask.id(name)})
        assert answer == {field: {"nodes": [{"id": ask.id(entry)} for entry in on_board]}}, name


async def test_catalogue_is_the_same_for_every_caller(ask: Asking, caller: str) -> None:
    document = "{ eventTypes { name category action description } }"
    answer = await ask.raw(caller, document)
    assert answer == await ask.raw("owner", document)
    assert answer[0] == 200
