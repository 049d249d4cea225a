"""Requests made at random from the schema, as agent, owner and service: none earns a 5xx, a masked error, or a word of the machinery.

This is the short form, the same requests in every run; `make fuzz` sends thousands of new ones.
"""

import pytest

from schema.build import build
from tests.fuzz.documents import Vocabulary, requests
from tests.fuzz.drawing import draw
from tests.fuzz.judging import ask_all
from tests.support.serving import RunningServer
from tests.support.world import World

SEED = 4
REQUESTS = {"owner": 50, "bot": 40, "service": 40}
EXECUTED_MIN = 0.65  # a fuzz whose requests are refused at the door would try nothing


@pytest.mark.parametrize("caller", REQUESTS)
async def test_no_request_made_of_the_schema_is_too_much(server: RunningServer, world: World, caller: str) -> None:
    made = draw(requests(build()._schema, Vocabulary(world)), REQUESTS[caller], SEED + list(REQUESTS).index(caller))
    tally = await ask_all(server, world.token(caller), made)
    assert tally.findings == []
    assert tally.sent == REQUESTS[caller]
    assert tally.executed / tally.sent >= EXECUTED_MIN, str(tally)
