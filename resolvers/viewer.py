"""Who the caller is, where, and which boards it may read and write."""

from resolvers.context import Context
from trailcast.access.principal import Principal, list_workspaces
from trailcast.access.scope import BoardSet
from trailcast.access.tokens import TokenScope
from trailcast.ledger.directory import NameRequest, list_boards
from trailcast.records import ActorKind, BoardAccess, Workspace


async def viewer(context: Context) -> Principal:
    """The principal: who a credential is for may be asked with any. Raises Unauthenticated."""
    return await context.caller.identify()


async def workspaces(context: Context, principal: Principal) -> list[Workspace]:
    """Where the caller could speak: a user's memberships, the oldest first; else its one workspace."""
    if principal.actor.kind is not ActorKind.USER:
        return [principal.workspace]
    async with context.database.looking_up() as connection:
        return await list_workspaces(connection, principal)


async def board_access(context: Context, principal: Principal) -> list[BoardAccess]:
    """The readable boards by name, up to a setting; the rest is in the `boards` connection. Raises Forbidden."""
    principal.require(TokenScope.READ)
    async with context.database.reading(principal.workspace.id) as connection:
        page = await list_boards(connection, principal.scope, NameRequest(context.settings.viewer_boards_max))
    writable = principal.writable if TokenScope.WRITE in principal.token_scopes else BoardSet()
    return [BoardAccess(board, can_read=True, can_write=board.id in writable) for board in page.nodes]
