"""The head of each workspace's log: the row under whose lock a sequence is taken.

`last_sequence` is the newest number given, `first_sequence` the oldest that is still kept. `last_created_at` makes the recorded
times never run backwards along the sequence, so that a range of time is a range of sequence. `access_version` moves whenever
somebody's rights in the workspace change (by triggers, so a change made with plain SQL counts too): a feed that reads it with
the events in one statement cannot deliver an event under rights that had ended before it.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Head(Base):
    __tablename__ = "heads"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    last_sequence: Mapped[int] = mapped_column(server_default=text("0"))
    first_sequence: Mapped[int] = mapped_column(server_default=text("1"))
    last_created_at: Mapped[datetime] = mapped_column(server_default=text("'1970-01-01 00:00:00+00'"))
    access_version: Mapped[int] = mapped_column(server_default=text("0"))
