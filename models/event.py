"""The log. One row per event, numbered by the workspace's head, never updated, never deleted.

No foreign key leads in or out: nothing may cascade into the log, and checking keys costs 40 % of a batch insert. Every index
leads with the workspace and ends with the sequence, so that each documented filter is read in page order and a page stops
after its last row. Times need no index of their own in those: along the sequence `created_at` never falls (see `models.head`),
so a range of time is first turned into a range of sequence by `events_workspace_id_created_at_sequence_idx`.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base

NOT_SUCCESS = "outcome <> 'SUCCESS'"


def _page_index(*columns: str, where: str | None = None, include: tuple[str, ...] = ()) -> Index:
    """An index that serves one filter in page order; what it includes, it tells without the table."""
    return Index(
        None,
        "workspace_id",
        *columns,
        "sequence",
        postgresql_where=text(where) if where else None,
        postgresql_include=include,
    )


class Event(Base):
    __tablename__ = "events"
    __table_args__ = (
        CheckConstraint("outcome IN ('SUCCESS', 'FAILURE', 'DENIED')", name="outcome"),
        CheckConstraint("actor_kind IN ('AGENT', 'USER', 'SERVICE', 'SYSTEM')", name="actor_kind"),
        CheckConstraint(
            "event_type <> 'task.comment' OR (task_id IS NOT NULL AND message ~ '[^[:space:]]')", name="comment"
        ),
        Index(None, "workspace_id", "id", unique=True),  # activityEvent(id), node(id)
        # One event per key, for the life of the log.
        Index(
            None, "workspace_id", "idempotency_key", unique=True, postgresql_where=text("idempotency_key IS NOT NULL")
        ),
        _page_index("created_at"),  # since, until
        _page_index("event_type"),
        _page_index("category"),
        _page_index("action"),
        _page_index("outcome", where=NOT_SUCCESS),  # failures and denials are what is looked for
        _page_index("actor_kind"),
        _page_index("actor_id"),
        _page_index("agent_id", where="agent_id IS NOT NULL"),
        _page_index("user_id", where="user_id IS NOT NULL"),
        _page_index("board_id", where="board_id IS NOT NULL"),
        _page_index("task_id", where="task_id IS NOT NULL"),
        _page_index("entity_type", "entity_id"),
        _page_index("correlation_id", where="correlation_id IS NOT NULL"),
        # An actor on a board, or of a type; and an agent or a user, who are the actor with the same id, which the entry itself tells.
        _page_index("actor_id", "board_id", include=("agent_id", "user_id")),
        _page_index("actor_id", "event_type", include=("agent_id", "user_id")),
        # Two filters together: without these a page of what hardly occurs reads all that one of the two finds.
        _page_index("board_id", "event_type", where="board_id IS NOT NULL"),  # comments of a board too
        _page_index("event_type", "outcome", where=NOT_SUCCESS),
        _page_index("board_id", "event_type", "outcome", where=f"{NOT_SUCCESS} AND board_id IS NOT NULL"),
        _page_index("board_id", "outcome", where=f"{NOT_SUCCESS} AND board_id IS NOT NULL"),
        _page_index("agent_id", "outcome", where=f"{NOT_SUCCESS} AND agent_id IS NOT NULL"),
        _page_index("user_id", "outcome", where=f"{NOT_SUCCESS} AND user_id IS NOT NULL"),
        _page_index("actor_id", "outcome", where=NOT_SUCCESS),
        # Comments are the most watched kind: of a task (of a board, and all of them: the indexes with event_type).
        Index(
            "events_comments_task_idx",
            "workspace_id",
            "task_id",
            "sequence",
            postgresql_where=text("event_type = 'task.comment'"),
        ),
        # Text in the message: trigrams, behind the workspace (btree_gin) so that one tenant's words cost another nothing.
        Index(
            "events_message_trgm_idx",
            "workspace_id",
            "message",
            postgresql_using="gin",
            postgresql_ops={"message": "gin_trgm_ops"},
            postgresql_where=text("message IS NOT NULL"),
        ),
    )

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[UUID]
    created_at: Mapped[datetime]
    occurred_at: Mapped[datetime]
    event_type: Mapped[str] = mapped_column(Text(collation="C"))  # "C": a prefix is a range of this index
    category: Mapped[str]
    action: Mapped[str]
    outcome: Mapped[str]
    message: Mapped[str | None]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str | None]
    actor_role: Mapped[str | None]
    agent_id: Mapped[UUID | None]
    user_id: Mapped[UUID | None]
    on_behalf_of_kind: Mapped[str | None]
    on_behalf_of_id: Mapped[UUID | None]
    on_behalf_of_name: Mapped[str | None]
    on_behalf_of_role: Mapped[str | None]
    board_id: Mapped[UUID | None]
    task_id: Mapped[UUID | None]
    entity_type: Mapped[str]
    entity_id: Mapped[str]
    entity_name: Mapped[str | None]
    changes: Mapped[list[dict[str, Any]]]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata")
    ip_address: Mapped[str | None]
    user_agent: Mapped[str | None]
    correlation_id: Mapped[str | None]
    idempotency_key: Mapped[str | None]
    content_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
