"""Who the caller is, where, and which boards it may read and write."""

from resolvers.context import Context
from trailcast.access.principal import Principal, list_workspaces
from trailcast.ledger.directory import NameRequest, list_boards
from trailcast.records import ActorKind, BoardAccess, Workspace


async def viewer(context: Context) -> Principal:
    """The principal. Raises Unauthenticated."""
    return await context.caller.principal()


async def workspaces(context: Context, principal: Principal) -> list[Workspace]:
    """Where the caller could speak: a user's memberships, the oldest first; else its one workspace."""
    if principal.actor.kind is not ActorKind.USER:
        return [principal.workspace]
    async with context.database.reading() as connection:
        return await list_workspaces(connection, principal)


async def board_access(context: Context, principal: Principal) -> list[BoardAccess]:
    """The readable boards by name, up to a setting; the rest is in the `boards` connection."""
    async with context.database.reading() as connection:
        page = await list_boards(connection, principal.scope, NameRequest(context.settings.viewer_boards_max))
    return [BoardAccess(board, can_read=True, can_write=board.id in principal.writable) for board in page.nodes]
