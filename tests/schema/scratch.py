"""A workspace whose log is made up directly in the database: history at chosen times, which the API cannot write.

Who owns the tables may insert, and that is all that is used: sequence and time rise together, as the engine would have it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from tests.schema.servers import Shared
from trailcast.ledger.admin import create_token, create_workspace, ensure_service
from trailcast.records import ActorKind

DEFAULTS: dict[str, Any] = {
    "event_type": "custom.noted", "category": "custom", "action": "noted", "outcome": "SUCCESS", "actor_kind": "SERVICE",
    "actor_id": str(UUID(int=1)), "entity_type": "thing", "entity_id": "1", "changes": [], "metadata": {},
}  # fmt: skip


@dataclass(frozen=True)
class Scratch:
    """A workspace of its own on a shared server, and a service that sees everything in it."""

    shared: Shared
    workspace: UUID
    token: str

    async def ask(self, document: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The data of an answer that must have no errors."""
        return await self.shared.gql.data(document, variables, token=self.token)

    async def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Append these; each has its `created_at`, and what it leaves out is of no matter."""
        last = await self.shared.sql.fetchval("SELECT last_sequence FROM heads WHERE workspace_id = $1", self.workspace)
        full = [
            {
                **DEFAULTS,
                "workspace_id": self.workspace,
                "sequence": place,
                "id": uuid4(),
                "occurred_at": row["created_at"],
                **row,
            }
            for place, row in enumerate(rows, start=last + 1)
        ]
        await self.shared.sql.execute(
            "INSERT INTO events SELECT (jsonb_populate_record(NULL::events, row)).* FROM jsonb_array_elements($1::jsonb) AS row",
            json.dumps(full, default=str),
        )
        await self.shared.sql.execute(
            "UPDATE heads SET last_sequence = $2 WHERE workspace_id = $1", self.workspace, last + len(full)
        )


async def found_workspace(shared: Shared) -> Scratch:
    """A new workspace with an empty log."""
    async with shared.server.database.operating() as connection:
        workspace = await create_workspace(connection, "Scratch")
        service = await ensure_service(connection, workspace, "auditor")
        token = await create_token(connection, ActorKind.SERVICE, workspace, service, name="auditor")
    return Scratch(shared, workspace, token)
