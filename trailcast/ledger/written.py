"""The record of an event that was written a moment ago, made of its draft: what the database holds of it is known without reading.

That is so for what is stored as it was handed in. JSON comes back in PostgreSQL's own order of keys, and boards and tasks are shown as
they are now: where those are selected, and where an event was replayed, it is read (`trailcast.ledger.reader`). A test compares the
two.
"""

from trailcast.access.scope import Scope, admits
from trailcast.ledger.append import Appended
from trailcast.ledger.columns import CLIENT_ADDRESS, PLAIN, Selection
from trailcast.ledger.cursor import encode_sequence
from trailcast.ledger.routing import route_of
from trailcast.records import ActorKind, CommentRecord, EventDraft, EventRecord

KNOWN: Selection = PLAIN | CLIENT_ADDRESS | {
    "sequence", "cursor", "workspace_id", "outcome", "actor", "actor_id", "on_behalf_of", "route",
    "author", "agent_name", "agent_role", "__typename",
}  # fmt: skip


def is_known(selection: Selection) -> bool:
    """Whether all that is selected of an event is known when it has been written."""
    return all(path in KNOWN or path.partition(".")[0] in KNOWN for path in selection)


def record_of(
    draft: EventDraft, appended: Appended, scope: Scope, selection: Selection, *, comment: bool
) -> EventRecord | None:
    """The record of an event that was written now, or None where this scope may not see it."""
    workspace_id, actor, sequence = draft.workspace_id, draft.actor, appended.sequence
    event = (CommentRecord if comment else EventRecord)(
        workspace_id,
        sequence,
        encode_sequence(workspace_id, sequence) if "cursor" in selection else "",
        appended.id,
        draft.event_type,
        draft.category,
        draft.action,
        draft.outcome,
        draft.message,
        actor,
        actor.id if actor.kind is ActorKind.AGENT else None,
        actor.id if actor.kind is ActorKind.USER else None,
        draft.on_behalf_of,
        draft.board_id,
        task_id=draft.task_id,
        entity_type=draft.entity_type,
        entity_id=draft.entity_id,
        entity_name=draft.entity_name,
        correlation_id=draft.correlation_id,
        occurred_at=draft.occurred_at or appended.created_at,
        created_at=appended.created_at,
    )
    if not admits(scope, event):
        return None
    if scope.sees_client_address:
        event.ip_address, event.user_agent = draft.ip_address, draft.user_agent
    if "route" in selection:
        event.route = route_of(event)
    return event
