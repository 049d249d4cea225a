"""The composition root: makes the parts, in their order, and lays the routes. The one file that knows the whole."""

import asyncio
import gc
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from resolvers.principals import Principals
from schema.build import build
from schema.limits import Limits
from trailcast.clock import Clock, Monotonic, utc_now
from trailcast.doors.admission import Admission
from trailcast.doors.allowances import Allowances
from trailcast.doors.asked import Persisted
from trailcast.doors.attempts import Attempts
from trailcast.doors.authenticator import Authenticator
from trailcast.doors.connections import SETTINGS
from trailcast.doors.deadlines import Deadlines
from trailcast.doors.follow_ups import FollowUps
from trailcast.doors.graphql import REQUEST_ID, GraphQLDoor
from trailcast.doors.headers import with_headers
from trailcast.doors.health import Health
from trailcast.doors.pages import Pages
from trailcast.doors.proxies import Proxies
from trailcast.doors.recent import RecentSignIns
from trailcast.doors.services import Services
from trailcast.doors.sockets import Sockets
from trailcast.doors.turns import Turns
from trailcast.errors import ConfigurationError, Unavailable
from trailcast.fetching import read_jwks
from trailcast.ledger.condition import Condition
from trailcast.ledger.database import Database
from trailcast.ledger.group import Writers
from trailcast.ledger.rollups import Pace, Roller
from trailcast.live.counters import Counters
from trailcast.live.doorbell import Doorbell, Ears
from trailcast.live.feed import Feed
from trailcast.live.hub import Hub
from trailcast.live.listener import make_bells
from trailcast.live.subscription import Shared
from trailcast.serving import LEAVE
from trailcast.settings import Settings, load_settings

logger = logging.getLogger(__name__)

PATH = "/graphql"


class Server:
    """One process's parts between start and stop. The routes are laid before the parts exist, so they go through here."""

    def __init__(self, settings: Settings, clock: Clock, monotonic: Monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._allowances = Allowances(settings, monotonic)
        self._door: GraphQLDoor | None = None
        self._sockets: Sockets | None = None
        self._health: Health | None = None

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncGenerator[dict[str, object]]:
        """Everything that runs for as long as the server does."""
        settings = self._settings
        if settings.database_url is None:
            raise ConfigurationError(
                "TRAILCAST_DATABASE_URL is not set: set it, or start with `python -m trailcast serve`, which brings a PostgreSQL."
            )
        database = Database(settings.database_url, settings)
        counters = Counters()
        hub = Hub(database, tick_ms=settings.tick_ms, page_size=settings.feed_page_size, counters=counters)
        bell, *others = make_bells(settings.broadcast_url, settings.database_url, counters)
        recent = RecentSignIns(settings.sign_in_cache_ms / 1000, settings.callers_max, self._clock, self._monotonic)
        roller = Roller(database, Pace.of(settings))
        doorbell = Doorbell(bell, Ears(recent, hub, roller), *others)
        writers = Writers(database, doorbell.ring, settings)
        feed = Feed(Shared(database, hub, settings, self._clock, counters))
        principals = Principals(database, self._clock)
        sign_in = None
        if settings.jwt_jwks or settings.jwt_secret:
            from trailcast.access.sign_in import (
                make_sign_in,  # and what verifies signatures, a tenth of the time of a start
            )

            sign_in = make_sign_in(settings, self._clock, partial(read_jwks, settings))
        follow_ups = FollowUps(database, writers, settings, self._monotonic)
        authenticator = Authenticator(principals, sign_in, Attempts(settings, self._monotonic), follow_ups, recent)
        admission = Admission(settings.sockets_per_principal_max)
        services = Services(
            settings, self._clock, database, principals, authenticator, writers, feed, doorbell, counters, admission,
            self._allowances, Deadlines(settings.request_timeout_s), Proxies(settings.proxies),
            Turns(settings.large_bodies_bytes_max),
        )  # fmt: skip
        async with AsyncExitStack() as stack:
            stack.push_async_callback(database.dispose)
            with suppress(Unavailable):  # away: it is looked at when it is back
                await database.check_walls()
            await stack.enter_async_context(doorbell.connected())
            await stack.enter_async_context(hub.running())
            await stack.enter_async_context(roller.running())
            stack.push_async_callback(writers.close)
            stack.push_async_callback(follow_ups.close)
            if sign_in is not None:
                stack.push_async_callback(sign_in.close)
            schema = build(Limits.of(settings), introspection=settings.introspection)
            persisted = Persisted()
            self._door, self._sockets = GraphQLDoor(schema, services, persisted), Sockets(schema, services, persisted)
            condition = Condition(database, writers)
            stack.push_async_callback(condition.close)
            self._health = Health(services, condition)
            app.state.services = services
            # What was made so far stays: full collections over it cost pauses and free nothing.
            gc.collect()
            gc.freeze()
            yield {LEAVE: self.leave, SETTINGS: settings}

    async def leave(self) -> None:
        """Let nobody in any more, and bring to an end what is under way, in the time that the settings give."""
        assert self._sockets is not None
        assert self._door is not None
        self._sockets.services.lifecycle.is_leaving = True
        deadline = asyncio.get_running_loop().time() + self._settings.leaving_s
        await asyncio.gather(self._sockets.leave(deadline), self._door.streams.leave(deadline))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What comes to `/graphql`, as it is."""
        assert self._door is not None
        await self._door(scope, receive, send)

    async def socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A websocket that comes to `/graphql`."""
        assert self._sockets is not None
        await self._sockets(scope, receive, send)

    async def live(self, request: Request) -> Response:
        assert self._health is not None
        return await self._health.live(request)

    async def ready(self, request: Request) -> Response:
        assert self._health is not None
        return await self._health.ready(request)


class Application(Starlette):
    """Starlette's, but what comes to `/graphql` goes straight to its door: what stands between would be kept in memory for each
    socket, and be a tenth of a request. Requests pass the middleware where there is any."""

    def __init__(self, server: Server, **options: Any) -> None:
        super().__init__(lifespan=server.lifespan, **options)
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            send = with_headers(send)
        if scope["type"] == "lifespan" or scope["path"] != PATH:
            await super().__call__(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._server.socket(scope, receive, send)
        elif self.user_middleware:
            await super().__call__(scope, receive, send)
        else:
            await self._server(scope, receive, send)


def create_app(
    settings: Settings | None = None, clock: Clock = utc_now, monotonic: Monotonic = time.monotonic
) -> Starlette:
    """The ASGI application. Without settings they are read from the environment. Raises ConfigurationError."""
    settings = settings or load_settings()
    server = Server(settings, clock, monotonic)
    middleware = []
    if settings.origins:
        headers = ["authorization", "content-type", "last-event-id", "x-agent-token", "x-workspace"]
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=headers,
            expose_headers=[REQUEST_ID, "retry-after"],
        )
        middleware.append(cors)
    return Application(
        server,
        routes=[
            Route(PATH, server),
            Route("/livez", server.live),
            Route("/readyz", server.ready),
            *Pages(settings).routes,
        ],
        middleware=middleware,
    )
