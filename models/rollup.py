"""Counts of events that were made beforehand, and up to which event they go. They are no truth: all of it follows from `events`.

A row counts the events of one type on one day (in UTC) of one place: a board, all boards together, what is on none, or an actor. Of
boards it holds, in three arrays, the quarters of an hour in which there were any, and how many in each: rows of their own would be
as many as a quiet board has events. The counts of a workspace cover exactly its events up to `rolled_up_to`; whoever reads them
counts the later ones in the same statement. No foreign key, as with events: it would be checked for each row.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Integer, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Rollup(Base):
    __tablename__ = "rollups"
    __table_args__ = (CheckConstraint("kind IN ('BOARD', 'BOARDS', 'NO_BOARD', 'AGENT', 'ACTOR')", name="kind"),)

    # In the order in which they are read: one place, some days, all types.
    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[UUID] = mapped_column(primary_key=True)  # the board or the actor; of BOARDS and NO_BOARD, the workspace
    day: Mapped[datetime] = mapped_column(primary_key=True)
    event_type: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    total: Mapped[int] = mapped_column(Integer)
    failed: Mapped[int] = mapped_column(Integer)
    latest: Mapped[int]  # the sequence of the newest of them
    quarters: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))  # 0 to 95
    quarter_totals: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    quarter_failed: Mapped[list[int]] = mapped_column(ARRAY(Integer))


class RollupMark(Base):
    __tablename__ = "rollup_marks"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    rolled_up_to: Mapped[int]
