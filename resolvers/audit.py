"""The audit trail of one entity: its history, its ends, and who contributed."""

from resolvers import asked
from resolvers.context import Context
from trailcast.ledger.columns import Selection
from trailcast.ledger.metrics import read_contributors
from trailcast.ledger.reader import read_edge_event
from trailcast.records import ActorActivity, EntityRef, EventFilter, EventRecord, OrderDirection


async def trail_entity(context: Context, entity_type: str, entity_id: str) -> EntityRef:
    """The entity, for a caller that is known. Whether anything of it is visible shows in its events: none, absent and hidden
    look alike. Raises BadUserInput, Unauthenticated."""
    await context.caller.principal()
    return asked.entity(EntityRef(entity_type, entity_id), names=("entityType", "entityId"))


async def edge_event(
    context: Context, entity: EntityRef, direction: OrderDirection, selection: Selection
) -> EventRecord | None:
    """The first (ASC) or last (DESC) event of the history that the caller may see."""
    principal = await context.caller.principal()
    return await read_edge_event(context.database, principal.scope, EventFilter(entity=entity), direction, selection)


async def contributors(context: Context, entity: EntityRef, first: int) -> list[ActorActivity]:
    """Who did how much of it. Raises BadUserInput."""
    principal = await context.caller.principal()
    async with context.database.reading(principal.workspace.id) as connection:
        return await read_contributors(
            connection, principal.scope, EventFilter(entity=entity), asked.rows(first, context.settings)
        )
