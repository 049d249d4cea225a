"""Looking up who calls, for many together: few statements, no answer from before the question, and nobody's trouble is another's."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from resolvers.principals import CREDENTIALS_PER_LOOK_UP_MAX, Principals
from tests.live.parts import GatedDatabase
from tests.support.clients import Statements
from tests.support.waiting import until
from tests.support.world import World
from trailcast.access.principal import Credentials
from trailcast.access.tokens import make_token, parse_token
from trailcast.clock import utc_now
from trailcast.errors import Unavailable
from trailcast.ledger.admin import create_token
from trailcast.records import ActorKind
from trailcast.settings import Settings


def credentials_of(token: str) -> Credentials:
    parsed = parse_token(token)
    assert parsed is not None
    return Credentials(parsed)


@pytest.fixture
def who(world: World) -> dict[str, Credentials]:
    """What each caller of the world presents."""
    return {caller: credentials_of(token) for caller, token in world.tokens.items()}


@pytest.fixture
async def gated(database_url: str, settings: Settings) -> AsyncIterator[GatedDatabase]:
    database = GatedDatabase(database_url, settings)
    yield database
    await database.dispose()


@pytest.fixture
async def principals(gated: GatedDatabase, owner: asyncpg.Connection) -> Principals:
    """Nobody's last use is due, so that nothing but look-ups is done."""
    await owner.execute("UPDATE credentials SET last_used_at = now() + interval '1 day'")
    return Principals(gated, utc_now)


async def hold(gated: GatedDatabase) -> tuple[asyncio.Event, asyncio.Event]:
    """Have the next reading wait when it has ended, before anybody is told: (it does), (go on)."""
    held, release = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        held.set()
        await release.wait()

    gated.steps["after", gated.readings + 1] = wait
    return held, release


async def test_a_lone_caller_costs_one_statement(
    principals: Principals, gated: GatedDatabase, who: dict[str, Credentials]
) -> None:
    with Statements(gated) as statements:
        found = await principals.load(who["member"])
        assert found is not None
        assert (found.actor.name, len(statements.texts)) == ("Mia", 1)


async def test_many_at_once_cost_one_statement_for_each_kind_and_all_get_their_own(
    principals: Principals, gated: GatedDatabase, who: dict[str, Credentials]
) -> None:
    asked = list(who.items()) * 100
    with Statements(gated) as statements:
        found = await asyncio.gather(*(principals.load(credentials) for _, credentials in asked))
        assert len(statements.texts) == 3  # people, agents, services
        assert gated.readings == 1
    names = {caller: principal.actor.name for (caller, _), principal in zip(asked, found, strict=True) if principal}
    assert names == {
        "owner": "Olive", "admin": "Adam", "member": "Mia", "stranger": "Sten", "double": "Dora", "globex_owner": "Gina",
        "bot": "Bot", "builder": "Builder", "globex_agent": "Gbot", "service": "service", "globex_service": "globex_service",
    }  # fmt: skip
    for (caller, _), principal in zip(asked, found, strict=True):
        assert principal is not None
        assert principal.actor.name == names[caller]


async def test_callers_that_come_while_a_look_up_is_under_way_go_together_with_the_next(
    principals: Principals, gated: GatedDatabase, who: dict[str, Credentials]
) -> None:
    held, release = await hold(gated)
    first = asyncio.create_task(principals.load(who["owner"]))
    await held.wait()
    later = [asyncio.create_task(principals.load(who[caller])) for caller in ("owner", "member", "admin") * 50]
    with Statements(gated) as statements:
        release.set()
        assert None not in await asyncio.gather(first, *later)
        assert len(statements.texts) == 1
    assert gated.readings == 2


async def test_more_than_one_look_up_takes_are_looked_up_in_turn(
    principals: Principals, gated: GatedDatabase, owner: asyncpg.Connection, world: World
) -> None:
    tokens = []
    async with gated.operating() as connection:
        for number in range(CREDENTIALS_PER_LOOK_UP_MAX + 1):
            made = await create_token(
                connection, ActorKind.USER, UUID(world.acme), UUID(world.id("member")), name=str(number)
            )
            tokens.append(credentials_of(made))
    await owner.execute("UPDATE credentials SET last_used_at = now() + interval '1 day'")
    with Statements(gated) as statements:
        found = await asyncio.gather(*(principals.load(credentials) for credentials in tokens))
        assert len(statements.texts) == 2
    assert {principal.actor.name if principal else None for principal in found} == {"Mia"}


@pytest.mark.parametrize("ends", ["revoked", "granted"])
async def test_an_answer_is_never_from_a_look_up_that_began_before_it_was_asked_for(
    principals: Principals, gated: GatedDatabase, who: dict[str, Credentials], owner: asyncpg.Connection, ends: str
) -> None:
    """The database has answered, and its answer is under way, when the change is committed and somebody asks."""
    change = {
        "revoked": "UPDATE credentials SET revoked_at = now() WHERE kind = 'USER'",
        "granted": "UPDATE memberships SET role = 'ADMIN' WHERE role = 'MEMBER'",
    }[ends]
    held, release = await hold(gated)
    before = asyncio.create_task(principals.load(who["member"]))
    await held.wait()
    await owner.execute(change)
    after = asyncio.create_task(principals.load(who["member"]))
    release.set()
    old, new = await before, await after
    assert old is not None
    assert not old.scope.everything
    if ends == "revoked":
        assert new is None
    else:
        assert new is not None
        assert new.scope.everything


async def test_credentials_that_do_not_count_are_none_beside_others_that_do(
    principals: Principals, who: dict[str, Credentials], world: World
) -> None:
    secret = make_token(ActorKind.USER).secret
    forged = Credentials(replace(who["member"].token, secret=secret))
    elsewhere = Credentials(who["member"].token, UUID(world.globex))
    wanted = [forged, who["member"], elsewhere, who["bot"]]
    found = await asyncio.gather(*(principals.load(credentials) for credentials in wanted))
    assert [principal.actor.name if principal else None for principal in found] == [None, "Mia", None, "Bot"]


async def test_a_database_that_fails_fails_all_who_asked_and_the_next_look_up_works(
    principals: Principals, gated: GatedDatabase, who: dict[str, Credentials], owner: asyncpg.Connection
) -> None:
    async def fail() -> None:
        raise Unavailable

    gated.steps["before", gated.readings + 1] = fail
    answers = await asyncio.gather(
        *(principals.load(who[caller]) for caller in ("owner", "member", "bot", "owner")), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Unavailable] * 4
    assert len({id(answer) for answer in answers}) == 4  # one each, so that their tracebacks do not mingle
    # Connections that died in the pool, on the other hand, cost nobody an answer.
    assert await principals.load(who["owner"]) is not None
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'trailcast' AND datname = current_database()"
    )
    await until(lambda: all(driver.is_closed() for driver in gated._watch._drivers))
    assert None not in await asyncio.gather(*(principals.load(who[caller]) for caller in ("owner", "member")))


async def test_those_who_ask_while_a_look_up_fails_are_not_failed_with_it(
    principals: Principals, gated: GatedDatabase, who: dict[str, Credentials]
) -> None:
    held, release = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        held.set()
        await release.wait()
        raise Unavailable

    gated.steps["before", gated.readings + 1] = fail
    first = asyncio.create_task(principals.load(who["owner"]))
    await held.wait()
    second = asyncio.create_task(principals.load(who["owner"]))
    await asyncio.sleep(0)
    release.set()
    with pytest.raises(Unavailable):
        await first
    assert await second is not None


async def test_a_caller_that_is_cancelled_disturbs_nobody(
    principals: Principals, gated: GatedDatabase, who: dict[str, Credentials]
) -> None:
    held, release = await hold(gated)
    goes = asyncio.create_task(principals.load(who["owner"]))
    stays = asyncio.create_task(principals.load(who["owner"]))
    await held.wait()
    goes_too = asyncio.create_task(principals.load(who["member"]))
    stays_too = asyncio.create_task(principals.load(who["member"]))
    await asyncio.sleep(0)
    goes.cancel()
    goes_too.cancel()
    await asyncio.wait([goes, goes_too])
    assert (goes.cancelled(), goes_too.cancelled()) == (True, True)
    release.set()
    assert [found.actor.name for found in await asyncio.gather(stays, stays_too) if found] == ["Olive", "Mia"]
    assert await principals.load(who["bot"]) is not None


async def test_the_last_use_is_noted_once_however_many_come(
    principals: Principals, gated: GatedDatabase, who: dict[str, Credentials], owner: asyncpg.Connection
) -> None:
    used = ("member", "bot", "service")
    await owner.execute("UPDATE credentials SET last_used_at = NULL")
    with Statements(gated) as statements:
        for _ in range(2):
            await asyncio.gather(*(principals.load(who[caller]) for caller in used * 100))
            await until(lambda: principals._touching is None)
            noted = await owner.fetch("SELECT id FROM credentials WHERE last_used_at IS NOT NULL")
            assert {row["id"] for row in noted} == {who[caller].token.public_id for caller in used}
    assert len([text for text in statements.texts if text.startswith("UPDATE credentials")]) == 1


async def test_a_last_use_that_cannot_be_noted_fails_nobody_and_is_noted_later(
    principals: Principals, who: dict[str, Credentials], owner: asyncpg.Connection
) -> None:
    await owner.execute("UPDATE credentials SET last_used_at = NULL")
    await owner.execute("REVOKE UPDATE ON credentials FROM trailcast_app")
    assert await principals.load(who["bot"]) is not None
    await until(lambda: principals._touching is None)
    await owner.execute("GRANT UPDATE ON credentials TO trailcast_app")

    async def is_noted() -> bool:
        await principals.load(who["bot"])
        found: bool = await owner.fetchval(
            "SELECT last_used_at IS NOT NULL FROM credentials WHERE id = $1", who["bot"].token.public_id
        )
        return found

    await until(is_noted)
