"""GraphQL over HTTP, by the audit of npm graphql-http: every MUST and SHOULD; of the MAYs, all but queries by GET."""

import asyncio
import json

from tests.acceptance.npm import running_node
from tests.support.serving import RunningServer
from tests.support.world import World

AUDITS = 61
BY_GET = {"5A70", "D6D5", "6A70"}


async def test_every_must_and_should_of_the_audit_is_met(server: RunningServer, world: World) -> None:
    async with running_node("audit.mjs", server.http) as process, asyncio.timeout(60):
        printed, _ = await process.communicate()
    results = [json.loads(line) for line in printed.decode().splitlines()]
    assert len(results) == AUDITS
    assert [result for result in results if result[2] != "ok" and result[0] not in BY_GET] == []
    assert {result[0]: (result[1][:3], result[2]) for result in results if result[2] != "ok"} == dict.fromkeys(
        BY_GET, ("MAY", "notice")
    )
