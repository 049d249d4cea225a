"""`syncDirectory`: a service says who and what there is. Rows are checked here; writing them is `trailcast.ledger.sync`'s."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from resolvers.asked import camel
from resolvers.context import Context
from trailcast.access.tokens import TokenScope
from trailcast.errors import BadUserInput, Forbidden
from trailcast.ledger.drafting import NAME_LENGTH_MAX, check_uuid, is_storable
from trailcast.ledger.sync import TABLES, Entry, Synced, sync
from trailcast.records import MembershipRole, Problem, ProblemCode

Row: TypeAlias = Mapping[str, Any]  # one row of the call: its fields by Python name, only those that were given
TITLE_LENGTH_MAX = 1000
REQUIRED = {
    "projects": ("name",), "boards": ("name",), "agents": ("name",), "tasks": ("title",), "memberships": ("role",),
}  # fmt: skip
NULLABLE = frozenset({"project_id", "board_id", "external_id", "role", "status"})


async def sync_directory(context: Context, rows: Mapping[str, Sequence[Row]]) -> Synced:
    """Write what is right and report what is not, each row by its path. Raises Forbidden for anyone but a service with the scope."""
    principal = await context.caller.identify()
    if not principal.is_service:
        raise Forbidden("Only a service may synchronise the directory: use a service token.")
    principal.require(TokenScope.DIRECTORY)
    if sum(map(len, rows.values())) > context.settings.sync_rows_max:
        raise BadUserInput(f"One call may have {context.settings.sync_rows_max} rows: split it.", ["input"])
    problems: list[Problem] = []
    entries = [
        entry
        for kind in TABLES
        for index, row in enumerate(rows.get(kind, ()))
        if (entry := _entry(kind, index, row, problems))
    ]
    async with context.database.writing([principal.workspace.id]) as connection:
        synced = await sync(connection, principal.workspace.id, principal.actor, entries)
    if synced.last_sequence is not None:
        context.writers.ring({principal.workspace.id: synced.last_sequence})
    synced.problems[:0] = problems
    return synced


def _entry(kind: str, index: int, row: Row, problems: list[Problem]) -> Entry | None:
    """The row to be written, or None with what is wrong with it."""
    found: list[Problem] = []
    values: dict[str, Any] = {}
    for name, value in row.items():
        if name in {"grants", "is_deleted"} and kind == "memberships":
            continue
        values[name] = _value(name, value, found)
    found += [
        Problem(ProblemCode.INVALID, f"{name} must not be empty.", (name,))
        for name in REQUIRED.get(kind, ())
        if not values.get(name)
    ]
    # An omitted name of a person stays as it is; null takes it away.
    if kind == "users" and values.get("name", "") is None:
        values["name"] = ""
    # So does a flag that has no third state.
    values = {name: value for name, value in values.items() if value is not None or name in NULLABLE}
    if kind == "memberships":
        grants = _grants(row.get("grants"), found)
        entry = Entry(kind, index, values, grants, removed=bool(row.get("is_deleted")))
    else:
        entry = Entry(kind, index, values)
    problems += [problem.under(kind, str(index)) for problem in found]
    return None if found else entry


def _value(name: str, value: Any, found: list[Problem]) -> Any:
    if isinstance(value, MembershipRole):
        return value.value
    if not isinstance(value, str):
        return value
    if name == "id" or (name.endswith("_id") and name != "external_id"):
        return check_uuid(value, camel(name), found)
    length_max = TITLE_LENGTH_MAX if name == "title" else NAME_LENGTH_MAX
    if len(value) > length_max:
        found.append(Problem(ProblemCode.TOO_LARGE, f"{camel(name)} may have {length_max} characters.", (camel(name),)))
    elif not is_storable(value):
        found.append(Problem(ProblemCode.INVALID, f"{camel(name)} holds text that cannot be stored.", (camel(name),)))
    return value


def _grants(rows: Sequence[Row] | None, found: list[Problem]) -> dict[UUID, tuple[bool, bool]] | None:
    if rows is None:
        return None
    grants: dict[UUID, tuple[bool, bool]] = {}
    for index, row in enumerate(rows):
        inner: list[Problem] = []
        board_id = check_uuid(row["board_id"], "boardId", inner)
        found += [problem.under("grants", str(index)) for problem in inner]
        if board_id is not None:
            grants[board_id] = (bool(row["can_read"]), bool(row["can_write"]))
    return grants
