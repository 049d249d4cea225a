"""What is replayed is what the rules in Python let pass, whoever asks, of whatever filter, between any two places of the log."""

import random
from dataclasses import replace
from uuid import UUID

import pytest

from tests.support.world import World, identity
from trailcast.access.principal import Credentials, load_principal
from trailcast.access.scope import Scope, admits
from trailcast.access.tokens import parse_token
from trailcast.clock import utc_now
from trailcast.ledger.database import Database
from trailcast.ledger.filters import matches
from trailcast.ledger.reader import read_batch, read_range
from trailcast.records import EventFilter, EventRecord, Outcome

DRAWN = 60  # of each caller
BOARDS = [UUID(identity(name)) for name in ("alpha", "beta", "gamma")]


async def scope_of(database: Database, token: str) -> Scope:
    presented = parse_token(token)
    assert presented is not None
    async with database.looking_up() as connection:
        principal = await load_principal(connection, Credentials(presented), utc_now())
    assert principal is not None
    return principal.scope


def draw_filter(chance: random.Random) -> EventFilter:
    wanted = EventFilter(comments_only=chance.random() < 0.2)
    if chance.random() < 0.4:
        wanted = replace(wanted, board_id=tuple(chance.sample(BOARDS, chance.choice([1, 2]))))
    if chance.random() < 0.2:
        wanted = replace(wanted, outcome=(Outcome.FAILURE,))
    if chance.random() < 0.2:
        wanted = replace(wanted, event_type_prefix="task.")
    return wanted


@pytest.mark.parametrize("caller", ["owner", "member", "bot", "service"])
async def test_replay_is_what_python_lets_pass(database: Database, world: World, caller: str) -> None:
    acme, scope = UUID(world.acme), await scope_of(database, world.token(caller))
    async with database.reading(acme) as connection:
        _, log = await read_batch(connection, acme, 0, 10_000)
    end, chance, replayed = log[-1].sequence, random.Random(caller), 0
    for _ in range(DRAWN):
        wanted, after, limit = draw_filter(chance), chance.randint(0, end), chance.choice([1, 3, 500])
        up_to = chance.randint(after, end + 2)

        def is_replayed(
            event: EventRecord, wanted: EventFilter = wanted, after: int = after, up_to: int = up_to
        ) -> bool:
            return after < event.sequence <= up_to and admits(scope, event) and matches(wanted, event)

        expected = [event.sequence for event in log if is_replayed(event)][:limit]
        found = await read_range(database, scope, wanted, after=after, up_to=up_to, limit=limit)
        assert [event.sequence for event in found] == expected, (wanted, after, up_to, limit)
        replayed += len(found)
    assert replayed > DRAWN // 2
