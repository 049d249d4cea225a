"""What ends a right ends it at once, in running streams too; what gives one counts from then on."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import pytest

from tests.access.closing import FORBIDDEN, Ending, ending
from tests.access.effects import connected
from tests.access.test_streams import followers
from tests.support.clients import Client, Socket, open_socket
from tests.support.serving import RunningServer
from tests.support.waiting import until
from tests.support.world import World
from trailcast.access.tokens import parse_token
from trailcast.ledger.admin import revoke_token

STREAM = "subscription { activityLogged { message } }"
SYNC = "mutation($input: SyncDirectoryInput!) { syncDirectory(input: $input) { errors { code } } }"
LOG = "mutation($input: LogActivityInput!) { logActivity(input: $input) { event { id } errors { code } } }"


@dataclass(frozen=True)
class Scene:
    """A server of the test's own, and whatever it takes to change the rights in it."""

    server: RunningServer
    gql: Client
    world: World

    async def sync(self, **rows: Any) -> None:
        answer = await self.gql.data(SYNC, {"input": rows}, token=self.world.token("service"))
        assert answer == {"syncDirectory": {"errors": []}}

    async def sql(self, statement: str, *values: object) -> None:
        """As the owner of the tables, past the engine."""
        async with connected(self.server) as connection:
            assert (await connection.execute(statement, *values)).split()[-1] == "1"

    async def log(self, caller: str, message: str, **place: str) -> None:
        given = {
            "eventType": "custom.noted",
            "message": message,
            **{key: self.world.id(name) for key, name in place.items()},
        }
        answer = await self.gql.data(LOG, {"input": given}, token=self.world.token(caller))
        assert answer["logActivity"]["errors"] == []

    async def follow(self, socket: Socket) -> None:
        """Subscribe, and return when the stream stands."""
        standing = followers(self.server, self.world, "acme")
        await socket.subscribe(STREAM)
        await until(lambda: followers(self.server, self.world, "acme") == standing + 1)

    def user(self, name: str) -> UUID:
        return UUID(self.world.id(name))

    def credential(self, name: str) -> str:
        token = parse_token(self.world.token(name))
        assert token is not None
        return token.public_id


@pytest.fixture
def scene(server: RunningServer, gql: Client, world: World) -> Scene:
    return Scene(server, gql, world)


Change: TypeAlias = Callable[[Scene], Awaitable[None]]
ENDED = {
    "data": None,
    "errors": [
        {"message": "The credential of this feed does not count any more.", "extensions": {"code": "UNAUTHENTICATED"}}
    ],
}


async def _revoke_token(scene: Scene) -> None:
    async with scene.server.database.operating() as connection:
        await revoke_token(connection, scene.credential("member"))


def _membership(scene: Scene, **given: Any) -> dict[str, Any]:
    return {"userId": scene.world.id("member"), "role": "MEMBER", **given}


# Who loses all of its access, and how.
ENDS: Mapping[str, tuple[str, Change]] = {
    "token revoked": ("member", _revoke_token),
    "token deleted": ("member", lambda s: s.sql("DELETE FROM credentials WHERE id = $1", s.credential("member"))),
    "token expired": (
        "member",
        lambda s: s.sql("UPDATE credentials SET expires_at = now() WHERE id = $1", s.credential("member")),
    ),
    "membership ended": ("member", lambda s: s.sync(memberships=[_membership(s, isDeleted=True)])),
    "membership deleted": ("member", lambda s: s.sql("DELETE FROM memberships WHERE user_id = $1", s.user("member"))),
    "user deleted": ("member", lambda s: s.sync(users=[{"id": s.world.id("member"), "isDeleted": True}])),
    "agent deleted": ("bot", lambda s: s.sync(agents=[{"id": s.world.id("bot"), "name": "Bot", "isDeleted": True}])),
    "service deleted": ("service", lambda s: s.sql("UPDATE services SET is_deleted = true WHERE name = 'service'")),
}


@pytest.mark.parametrize("way", ENDS)
async def test_access_that_ends_ends_requests_and_running_streams(scene: Scene, way: str) -> None:
    caller, end = ENDS[way]
    async with open_socket(scene.server.ws, scene.world.token(caller)) as socket:
        await scene.follow(socket)
        await scene.log(caller, "before")
        assert await socket.next() == {"data": {"activityLogged": {"message": "before"}}}
        await end(scene)
        # Nothing has to be written for the stream to end, and what is written afterwards comes too late.
        await scene.log("owner", "after", boardId="alpha")
        frames = [await socket.receive() for _ in range(2)]
        assert frames == [{"id": "1", "type": "next", "payload": ENDED}, {"id": "1", "type": "complete"}]
        await socket.subscribe(STREAM, operation="2")
        refused = await socket.receive()
        assert (refused["id"], refused["type"], refused["payload"][0]["extensions"]) == (
            "2",
            "error",
            {"code": "UNAUTHENTICATED"},
        )
    await scene.gql("{ viewer { role } }", token=scene.world.token(caller))
    assert scene.gql.last.status_code == 401
    async with open_socket(scene.server.ws) as socket:
        await socket.send(
            {"type": "connection_init", "payload": {"Authorization": f"Bearer {scene.world.token(caller)}"}}
        )
        assert await ending(socket) == Ending([], *FORBIDDEN)


async def test_stream_that_ends_says_so_without_any_new_event(scene: Scene) -> None:
    async with open_socket(scene.server.ws, scene.world.token("member")) as socket:
        await scene.follow(socket)
        await _revoke_token(scene)
        assert await socket.receive() == {"id": "1", "type": "next", "payload": ENDED}


# How the member loses the board alpha and keeps all else.
LOSES_ALPHA: Mapping[str, Change] = {
    "grant left out of the list": lambda s: s.sync(
        memberships=[_membership(s, grants=[{"boardId": s.world.id("beta"), "canRead": True}])]
    ),
    "grant without rights": lambda s: s.sync(
        memberships=[
            _membership(
                s,
                grants=[
                    {"boardId": s.world.id("alpha"), "canRead": False, "canWrite": False},
                    {"boardId": s.world.id("beta"), "canRead": True},
                ],
            )
        ]
    ),
    "grant deleted": lambda s: s.sql(
        "DELETE FROM board_grants WHERE user_id = $1 AND board_id = $2", s.user("member"), s.user("alpha")
    ),
    "grant emptied": lambda s: s.sql(
        "UPDATE board_grants SET can_read = false, can_write = false WHERE user_id = $1 AND board_id = $2",
        s.user("member"),
        s.user("alpha"),
    ),
}


@pytest.mark.parametrize("way", LOSES_ALPHA)
async def test_grant_that_ends_hides_the_board_and_nothing_else(scene: Scene, way: str) -> None:
    async with open_socket(scene.server.ws, scene.world.token("member")) as socket:
        await scene.follow(socket)
        await scene.log("owner", "before", boardId="alpha")
        assert await socket.next() == {"data": {"activityLogged": {"message": "before"}}}
        await LOSES_ALPHA[way](scene)
        await scene.log("owner", "hidden", boardId="alpha")
        await scene.log("owner", "on beta", boardId="beta")
        await scene.log("member", "own")
        for message in ("on beta", "own"):
            assert await socket.next() == {"data": {"activityLogged": {"message": message}}}
    document = "query($board: ID!) { activityEvents(filter: { boardId: [$board] }) { nodes { message } } boards { nodes { name } } }"
    assert await scene.gql.data(document, {"board": scene.world.id("alpha")}, token=scene.world.token("member")) == {
        "activityEvents": {"nodes": [{"message": "On it, invoice first"}]},  # its own comment
        "boards": {"nodes": [{"name": "Beta"}]},
    }
    given = {"eventType": "custom.noted", "boardId": scene.world.id("alpha")}
    refused = await scene.gql.data(LOG, {"input": given}, token=scene.world.token("member"))
    assert refused == {"logActivity": {"event": None, "errors": [{"code": "NOT_FOUND"}]}}


# How the member comes to read gamma.
GAINS_GAMMA: Mapping[str, Change] = {
    "grant": lambda s: s.sync(memberships=[_membership(s, grants=[{"boardId": s.world.id("gamma")}])]),
    "grant by hand": lambda s: s.sql(
        "INSERT INTO board_grants (workspace_id, user_id, board_id, can_read) VALUES ($1, $2, $3, true)",
        UUID(s.world.acme),
        s.user("member"),
        s.user("gamma"),
    ),
    "all boards": lambda s: s.sync(memberships=[_membership(s, allBoardsRead=True)]),
    "all boards to write": lambda s: s.sync(memberships=[_membership(s, allBoardsWrite=True)]),
    "role": lambda s: s.sync(memberships=[_membership(s, role="ADMIN")]),
}


@pytest.mark.parametrize("way", GAINS_GAMMA)
async def test_board_that_is_granted_shows_from_then_on(scene: Scene, way: str) -> None:
    document = "query($board: ID!) { activityEvents(filter: { boardId: [$board] }) { totalCount { count } } }"
    gamma = {"board": scene.world.id("gamma")}
    async with open_socket(scene.server.ws, scene.world.token("member")) as socket:
        await scene.follow(socket)
        await scene.log("owner", "hidden", boardId="gamma")
        await scene.log("member", "own")
        assert await socket.next() == {"data": {"activityLogged": {"message": "own"}}}
        before = await scene.gql.data(document, gamma, token=scene.world.token("member"))
        await GAINS_GAMMA[way](scene)
        await scene.log("owner", "shown", boardId="gamma")
        frames = [await socket.next()]
        if way == "role":
            # Who sees the whole workspace sees the change of its own access, too.
            assert frames == [{"data": {"activityLogged": {"message": None}}}]
            frames = [await socket.next()]
        assert frames == [{"data": {"activityLogged": {"message": "shown"}}}]
    after = await scene.gql.data(document, gamma, token=scene.world.token("member"))
    assert [answer["activityEvents"]["totalCount"]["count"] for answer in (before, after)] == [0, 5]


async def test_replay_goes_by_the_rights_of_now_and_not_of_then(scene: Scene) -> None:
    """What was hidden when it was written is shown after the grant, and what was shown is hidden after its end."""
    document = "{ activityEvents(first: 1) { nodes { cursor } } }"
    cursor = (await scene.gql.data(document, token=scene.world.token("owner")))["activityEvents"]["nodes"][0]["cursor"]
    await scene.log("owner", "gamma", boardId="gamma")
    await scene.log("owner", "alpha", boardId="alpha")
    await GAINS_GAMMA["grant"](scene)  # which ends those on alpha and beta
    await scene.log("member", "own")
    async with open_socket(scene.server.ws, scene.world.token("member")) as socket:
        await socket.subscribe(
            "subscription($after: String) { activityLogged(after: $after) { message } }", {"after": cursor}
        )
        for message in ("gamma", "own"):
            assert await socket.next() == {"data": {"activityLogged": {"message": message}}}


async def test_role_that_ends_leaves_what_the_member_may_see(scene: Scene) -> None:
    async with open_socket(scene.server.ws, scene.world.token("admin")) as socket:
        await scene.follow(socket)
        await scene.log("owner", "before")
        assert await socket.next() == {"data": {"activityLogged": {"message": "before"}}}
        await scene.sync(memberships=[{"userId": scene.world.id("admin"), "role": "MEMBER"}])
        await scene.log("owner", "hidden")
        await scene.log("admin", "own")
        assert await socket.next() == {"data": {"activityLogged": {"message": "own"}}}


async def test_stream_does_not_move_to_another_workspace_when_its_membership_ends(scene: Scene) -> None:
    """`double` picked none and is an owner elsewhere: the stream ends rather than to go on there."""
    async with open_socket(scene.server.ws, scene.world.token("double")) as socket:
        await scene.follow(socket)
        await scene.sync(memberships=[{"userId": scene.world.id("double"), "role": "MEMBER", "isDeleted": True}])
        await scene.log("globex_owner", "elsewhere")
        assert await socket.receive() == {"id": "1", "type": "next", "payload": ENDED}
        assert (await socket.receive())["type"] == "complete"
