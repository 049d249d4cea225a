"""Who is asking."""

from typing import Any

import strawberry
from strawberry.types.info import Info

from resolvers import viewer
from resolvers.context import Context
from schema.actor import Actor
from schema.directory import Board, Workspace
from trailcast.access.principal import Principal


@strawberry.type(description="A board that the caller may read, and whether it may write there.")
class BoardAccess:
    board: Board = strawberry.field(description="The board.")
    can_read: bool = strawberry.field(description="Always true: boards that may not be read are not shown.")
    can_write: bool = strawberry.field(description="Whether the caller may log events on it.")


@strawberry.type(description="The caller itself: who it is, where, and what it may do.")
class Viewer:
    principal: strawberry.Private[Principal]

    @strawberry.field(description="The caller.")
    def actor(self) -> Actor:
        return self.principal.actor  # type: ignore[return-value]

    @strawberry.field(description="The workspace that this request or socket speaks in.")
    def workspace(self) -> Workspace:
        return self.principal.workspace  # type: ignore[return-value]

    @strawberry.field(description="Where the caller has access, the oldest membership first; X-Workspace picks one.")
    async def workspaces(self, info: Info[Context, None]) -> list[Workspace]:
        return await viewer.workspaces(info.context, self.principal)  # type: ignore[return-value]

    @strawberry.field(
        description="For a user: OWNER, ADMIN or MEMBER. For an agent its role in the platform's words. Else null."
    )
    def role(self) -> str | None:
        return self.principal.role.value if self.principal.role else self.principal.actor.role

    @strawberry.field(
        description="The boards that the caller may read, by name; at most 1000 (the boards connection has all)."
    )
    async def boards(self, info: Info[Context, None]) -> list[BoardAccess]:
        found: Any = await viewer.board_access(info.context, self.principal)
        return found  # type: ignore[no-any-return]
