"""What events name of the directory, looked up for all that are written together: one statement, however many name how much.

Who may name what is decided in `resolvers.log`. Writers look up in the transaction in which they write, before any head is locked.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from trailcast.ledger.lanes import driver_of
from trailcast.records import Actor, ActorKind, ActorRef

BOARD, TASK = "BOARD", "TASK"
# By kind: the table, and what is read of it beside workspace and id, always as name, role and board.
_TABLES = {
    BOARD: "name, NULL::text, NULL::uuid FROM boards",
    TASK: "title, NULL::text, board_id FROM tasks",
    ActorKind.AGENT.value: "name, role, NULL::uuid FROM agents",
    ActorKind.USER.value: "name, role, NULL::uuid FROM users",
    ActorKind.SERVICE.value: "name, NULL::text, NULL::uuid FROM services",
}
_ACTORS = {kind.value: kind for kind in ActorKind if kind.value in _TABLES}


@dataclass(frozen=True, slots=True)
class Names:
    """What the events of one call name. A system is no entry of the directory: it is whatever is said of it."""

    workspace_id: UUID
    boards: Collection[UUID] = ()
    tasks: Collection[UUID] = ()
    actors: Collection[ActorRef] = ()

    def __bool__(self) -> bool:
        return bool(self.boards or self.tasks or self.actors)


@dataclass(frozen=True, slots=True)
class TaskPlace:
    """A task's title, and its board if it has one."""

    title: str
    board_id: UUID | None


@dataclass(slots=True)
class Found:
    """What of the asked ids exists in the workspace."""

    boards: dict[UUID, str] = field(default_factory=dict)
    tasks: dict[UUID, TaskPlace] = field(default_factory=dict)
    actors: dict[ActorRef, Actor] = field(default_factory=dict)


async def look_up(connection: AsyncConnection, named: Sequence[Names]) -> dict[UUID, Found]:
    """What exists of it, by workspace, in one statement (none where nothing is named)."""
    asked: dict[str, set[tuple[UUID, UUID]]] = {}
    for names in named:
        workspace_id = names.workspace_id
        pairs = [(BOARD, board) for board in names.boards] + [(TASK, task) for task in names.tasks]
        for kind, entry_id in pairs + [(actor.kind.value, actor.id) for actor in names.actors]:
            if kind in _TABLES:
                asked.setdefault(kind, set()).add((workspace_id, entry_id))
    found = {names.workspace_id: Found() for names in named}
    if not asked:
        return found
    kinds = tuple(sorted(asked))
    values = [list(map(set, zip(*asked[kind], strict=True))) for kind in kinds]
    rows = await driver_of(connection).fetch(_text(kinds), *chain.from_iterable(values))
    for kind, workspace_id, entry_id, name, role, board_id in rows:
        if (workspace_id, entry_id) not in asked[kind]:
            continue  # another workspace named it
        here = found[workspace_id]
        if kind == BOARD:
            here.boards[entry_id] = name
        elif kind == TASK:
            here.tasks[entry_id] = TaskPlace(name, board_id)
        else:
            actor = Actor(_ACTORS[kind], entry_id, name or None, role)
            here.actors[ActorRef(actor.kind, entry_id)] = actor
    return found


@cache
def _text(kinds: tuple[str, ...]) -> str:
    """The statement for these kinds. There are as many as there are sets of five."""
    return " UNION ALL ".join(
        # Any of these in any of those, and not pairs: a join is planned anew for each call, and then as if there were hundreds.
        f"SELECT '{kind}', workspace_id, id, {_TABLES[kind]} "
        f"WHERE workspace_id = ANY (${2 * place + 1}::uuid[]) AND id = ANY (${2 * place + 2}::uuid[])"
        for place, kind in enumerate(kinds)
    )
