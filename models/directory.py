"""The directory: who and what the events are about, as the platform last told it.

Rows of things that events name (users, agents, services, boards, projects, tasks) are marked deleted and never removed, which
a trigger enforces: the log holds no foreign keys, and a name must still be found when the thing is gone. Every key starts with
the workspace, so that no constraint can tell one workspace what another holds.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Workspace(Base):
    __tablename__ = "workspaces"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class _Entry:
    """What every row of the directory has."""

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    is_deleted: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class User(_Entry, Base):
    """A person as one workspace knows it. `external_id` is the `sub` of the identity provider."""

    __tablename__ = "users"
    __table_args__ = (
        # One person per identity and workspace; leads with the workspace so that it is no oracle.
        Index(None, "workspace_id", "external_id", unique=True, postgresql_where=text("external_id IS NOT NULL")),
        Index(None, "workspace_id", "name", "id"),  # the `users` connection, by name
        Index(None, "external_id", postgresql_where=text("external_id IS NOT NULL")),  # sign-in by `sub`
    )

    external_id: Mapped[str | None]
    name: Mapped[str] = mapped_column(
        server_default=""
    )  # empty: the platform gave none; never null, so it can be paged by
    role: Mapped[str | None]


class Membership(Base):
    __tablename__ = "memberships"
    __table_args__ = (
        ForeignKeyConstraint(["workspace_id", "user_id"], ["users.workspace_id", "users.id"]),
        CheckConstraint("role IN ('OWNER', 'ADMIN', 'MEMBER')", name="role"),
        Index(None, "user_id", "created_at"),  # a user's memberships, the oldest first
    )

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    role: Mapped[str]
    all_boards_read: Mapped[bool] = mapped_column(server_default=false())
    all_boards_write: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class Project(_Entry, Base):
    __tablename__ = "projects"

    name: Mapped[str]


class Board(_Entry, Base):
    __tablename__ = "boards"
    __table_args__ = (
        ForeignKeyConstraint(["workspace_id", "project_id"], ["projects.workspace_id", "projects.id"]),
        Index(None, "workspace_id", "name", "id"),  # the `boards` connection, by name
    )

    name: Mapped[str]
    project_id: Mapped[UUID | None]


class BoardGrant(Base):
    __tablename__ = "board_grants"
    __table_args__ = (
        # A membership takes its grants along; the log is not reached from here.
        ForeignKeyConstraint(
            ["workspace_id", "user_id"], ["memberships.workspace_id", "memberships.user_id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["workspace_id", "board_id"], ["boards.workspace_id", "boards.id"]),
    )

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    board_id: Mapped[UUID] = mapped_column(primary_key=True)
    can_read: Mapped[bool] = mapped_column(server_default=false())
    can_write: Mapped[bool] = mapped_column(server_default=false())


class Agent(_Entry, Base):
    __tablename__ = "agents"
    __table_args__ = (
        ForeignKeyConstraint(["workspace_id", "board_id"], ["boards.workspace_id", "boards.id"]),
        Index(None, "workspace_id", "name", "id"),  # the `agents` connection, by name
    )

    name: Mapped[str]
    role: Mapped[str | None]
    board_id: Mapped[UUID | None]


class Service(_Entry, Base):
    """A program of the platform. Known by name, so that several tokens (a rotation) speak for one actor."""

    __tablename__ = "services"
    __table_args__ = (Index(None, "workspace_id", "name", unique=True),)

    name: Mapped[str]


class Task(_Entry, Base):
    __tablename__ = "tasks"
    __table_args__ = (
        ForeignKeyConstraint(["workspace_id", "board_id"], ["boards.workspace_id", "boards.id"]),
        Index(None, "workspace_id", "title", "id"),  # the `tasks` connection, by title
        Index(None, "workspace_id", "board_id", "title", "id"),  # the same, of one board
    )

    board_id: Mapped[UUID | None]
    title: Mapped[str]
    status: Mapped[str | None]
