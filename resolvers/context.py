"""What one operation works with: who calls, and the makers of connections. Holds no session, so it may serve a whole socket."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trailcast.access.principal import Principal, load_principal, touch_credential
from trailcast.access.tokens import Token
from trailcast.clock import Clock
from trailcast.errors import Unauthenticated, Unavailable
from trailcast.ledger.database import Database
from trailcast.ledger.group import Writers
from trailcast.live.feed import Feed
from trailcast.settings import Settings


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request or a socket presented, taken apart but not yet looked up."""

    token: Token
    workspace_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """Where a call came from. Stored with events only where the setting allows it."""

    ip_address: str | None = None
    user_agent: str | None = None


class Caller:
    """Who speaks. Over HTTP the principal is loaded once per request, over a socket once per operation (`memo` off)."""

    def __init__(self, database: Database, clock: Clock, credentials: Credentials | None, *, memo: bool) -> None:
        self._database = database
        self._clock = clock
        self._credentials = credentials
        self._memo = memo
        self._lock = asyncio.Lock()
        self._principal: Principal | None = None

    async def load(self) -> Principal | None:
        """The principal as it stands now, or None. Raises Unavailable."""
        if self._credentials is None:
            return None
        token, now = self._credentials.token, self._clock()
        async with self._database.reading() as connection:
            principal = await load_principal(connection, token, self._credentials.workspace_id, now)
        if principal is not None and principal.last_use_due:
            await self._touch(token)
        return principal

    async def principal(self) -> Principal:
        """The principal of this operation. Raises Unauthenticated, Unavailable."""
        if not self._memo:
            principal = await self.load()
        else:
            # Root fields run concurrently; one of them looks.
            async with self._lock:
                principal = self._principal = self._principal or await self.load()
        if principal is None:
            raise Unauthenticated
        return principal

    async def _touch(self, token: Token) -> None:
        try:
            async with self._database.writing() as connection:
                await touch_credential(connection, token.public_id, self._clock())
        except Unavailable:
            # A read must not fail because a note about it cannot be written.
            return


@dataclass(slots=True)
class Context:
    """Everything that a resolver may use. The socket's door fills in who calls, once it knows."""

    caller: Caller
    database: Database
    writers: Writers
    feed: Feed
    settings: Settings
    clock: Clock
    client: ClientAddress = ClientAddress()
    connection_params: Mapping[str, object] | None = None
    expires_at: datetime | None = None
