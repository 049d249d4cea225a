"""What PostgreSQL reads for a statement: run once with EXPLAIN, as the role that reads, planned as the server has it planned."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from trailcast.ledger.database import READING
from trailcast.ledger.prepared import Prepared
from trailcast.ledger.roles import READER, READER_SCHEMA, WORKSPACES

SCANS = frozenset({"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Bitmap Index Scan"})


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of the log. `found`: rows of the page, with the one after it; None of a count. `rows`: that an index or the table
    gave, whether they were wanted or not. `buffers`: pages of 8 KiB, of all tables. `scans`: how, by which index."""

    found: int | None
    rows: int
    buffers: int
    ms: float
    scans: frozenset[str]

    @property
    def reads_all(self) -> bool:
        """Whether the table was read from its beginning to its end."""
        return "Seq Scan" in self.scans


async def read(connection: asyncpg.Connection, workspace_id: UUID, statement: Prepared, values: Sequence[Any]) -> Read:
    """Run it, planned anew, on a connection of a superuser, which is one again afterwards."""
    settings = {**READING, WORKSPACES: str(workspace_id), "plan_cache_mode": statement.plan.value}
    settings["search_path"] = f"{READER_SCHEMA}, public"
    for name, value in settings.items():
        await connection.execute("SELECT set_config($1, $2, false)", name, value)
    await connection.execute(f"SET ROLE {READER}; PREPARE asked AS {statement.text}")
    try:
        given = f"({', '.join(map(quoted, values))})" if values else ""
        text = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked{given}")
    finally:
        await connection.execute("RESET ALL; DEALLOCATE asked; RESET ROLE")
    [plan] = json.loads(text)
    top = plan["Plan"]
    scans = [node for node in _nodes(top) if node["Node Type"] in SCANS and _is_of_events(node)]
    return Read(
        found=next((round(node["Actual Rows"]) for node in _nodes(top) if node["Node Type"] == "WindowAgg"), None),
        rows=round(sum(map(_rows, scans))),
        buffers=top["Shared Hit Blocks"] + top["Shared Read Blocks"],
        ms=plan["Execution Time"],
        scans=frozenset(node.get("Index Name", node["Node Type"]) for node in scans if node["Actual Loops"]),
    )


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _is_of_events(node: dict[str, Any]) -> bool:
    name: str = node.get("Relation Name", node.get("Index Name", ""))
    return name.startswith("events")


def _rows(node: dict[str, Any]) -> float:
    # What a bitmap finds is counted where it was found, and again where it is fetched: both are work.
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float((node["Actual Rows"] + removed) * node["Actual Loops"])


def quoted(value: object) -> str:
    """As it stands in a statement."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        value = "{" + ",".join(map(str, value)) + "}"
    return "'" + str(value).replace("'", "''") + "'"
