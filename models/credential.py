"""Tokens: found by their public id in one indexed read, kept only as the SHA-256 of their secret.

A user's token names no workspace, because a user may have memberships in several; an agent's and a service's name theirs. What a
token may be used for (its scopes) narrows what its subject may do, and never widens it.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Credential(Base):
    __tablename__ = "credentials"
    __table_args__ = (
        CheckConstraint("kind IN ('AGENT', 'USER', 'SERVICE')", name="kind"),
        CheckConstraint("(kind = 'USER') = (workspace_id IS NULL)", name="workspace"),
        CheckConstraint("octet_length(secret_sha256) = 32", name="secret"),
        CheckConstraint("cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'directory']", name="scopes"),
        # Serves `token list` and the trigger that marks a change of access.
        Index(None, "subject_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    workspace_id: Mapped[UUID | None] = mapped_column(ForeignKey("workspaces.id"))
    subject_id: Mapped[UUID]
    name: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
