"""Lists by name to choose filters from, and single things by id. What a caller may see of them is `trailcast.ledger.directory`'s."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from resolvers import asked
from resolvers.context import Context
from trailcast.errors import NotFound
from trailcast.ledger.columns import Selection
from trailcast.ledger.cursor import DIRECTORY, decode_name
from trailcast.ledger.directory import NameRequest, find_entry, list_agents, list_boards, list_tasks, list_users
from trailcast.ledger.reader import read_event
from trailcast.records import Agent, Board, EventRecord, Page, Task, User, Workspace

Entry = TypeVar("Entry", Board, Task, Agent, User)
_List = Callable[[Any, Any, NameRequest], Coroutine[Any, Any, Page[Entry]]]


async def boards(context: Context, text: str | None, first: int | None, after: str | None) -> Page[Board]:
    """The boards that the caller may read. Raises BadUserInput, BadCursor."""
    return await _listed(context, "boards", list_boards, text, None, first, after)


async def agents(
    context: Context, text: str | None, board_id: str | None, first: int | None, after: str | None
) -> Page[Agent]:
    """The agents on those boards and on no one board; an agent sees itself. Raises BadUserInput, BadCursor."""
    return await _listed(context, "agents", list_agents, text, board_id, first, after)


async def users(context: Context, text: str | None, first: int | None, after: str | None) -> Page[User]:
    """The people of the workspace; none for an agent. Raises BadUserInput, BadCursor."""
    return await _listed(context, "users", list_users, text, None, first, after)


async def tasks(
    context: Context, text: str | None, board_id: str | None, first: int | None, after: str | None
) -> Page[Task]:
    """The tasks on the boards that the caller may read. Raises BadUserInput, BadCursor."""
    return await _listed(context, "tasks", list_tasks, text, board_id, first, after)


async def node(
    context: Context, node_id: str, selection: Selection
) -> EventRecord | Board | Task | Agent | User | Workspace:
    """Whatever has this id and is visible to the caller. Raises NotFound for absent and hidden alike."""
    principal = await context.caller.principal()
    identity = asked.uuid(node_id, "id")
    if identity == principal.workspace.id:
        return principal.workspace
    event = await read_event(context.database, principal.scope, identity, selection)
    if event is not None:
        return event
    async with context.database.reading(principal.workspace.id) as connection:
        entry = await find_entry(connection, principal.scope, identity)
    if entry is None:
        raise NotFound
    return entry


async def _listed(  # noqa: PLR0917 - the arguments of the four lists, handed on
    context: Context,
    kind: str,
    read: _List[Entry],
    text: str | None,
    board_id: str | None,
    first: int | None,
    after: str | None,
) -> Page[Entry]:
    principal = await context.caller.principal()
    request = NameRequest(
        limit=asked.page_size(first, context.settings),
        after=None if after is None else decode_name(DIRECTORY[kind], principal.workspace.id, after),
        text=None if text is None else asked.search_text(text, "text"),
        board_id=None if board_id is None else asked.uuid(board_id, "boardId"),
    )
    async with context.database.reading(principal.workspace.id) as connection:
        return await read(connection, principal.scope, request)
