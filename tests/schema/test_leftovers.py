"""What is left of a request when it was answered."""

import gc

import pytest

from schema.execution.compiled import CompilingExecutor
from tests.schema.conftest import Reading

PAGE = "{ activityEvents { nodes { id message board { name } } pageInfo { endCursor } } }"
TRAIL = '{ auditTrail(entityType: "task", entityId: "1") { events { nodes { id } totalCount { count } } } }'
REFUSED = 'mutation { logActivity(input: {eventType: "no type"}) { event { id } errors { message } } }'


@pytest.mark.asyncio(loop_scope="session")
async def test_nothing_of_a_request_waits_for_the_collector(read: Reading) -> None:
    """What refers to itself stays until somebody looks for cycles: of a batch, all that was sent."""

    def executors() -> int:
        return sum(isinstance(thing, CompilingExecutor) for thing in gc.get_objects())

    gc.disable()
    try:
        gc.collect()
        before = executors()
        for document in (PAGE, TRAIL, REFUSED):  # an error, however, holds on to where it was raised
            await read.data(document)
        assert executors() == before
    finally:
        gc.enable()
