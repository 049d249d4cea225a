"""Counts made beforehand, of all that stands in the logs of a database: what a server would do in time, at once."""

from trailcast.ledger.database import Database
from trailcast.ledger.rollups import begin_rollups, find_lagging, roll_up


async def roll_up_all(database: Database) -> int:
    """Of how many logs."""
    async with database.looking_up() as connection:
        logs = [workspace_id for workspace_id, _ in await find_lagging(connection, 1)]
    for workspace_id in logs:
        async with database.writing([workspace_id]) as connection:
            await begin_rollups(connection, workspace_id)
            done = await roll_up(connection, workspace_id, 1_000_000)
            assert done is not None
            assert done[0] == done[1] > 0
    return len(logs)
