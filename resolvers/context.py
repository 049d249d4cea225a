"""What one operation works with: who calls, and the makers of connections. Holds no session, so it may serve a whole socket."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from resolvers.principals import Principals
from trailcast.access.principal import Presented, Principal
from trailcast.access.tokens import TokenScope
from trailcast.clock import Clock
from trailcast.errors import Unauthenticated
from trailcast.ledger.database import Database
from trailcast.ledger.group import Writers
from trailcast.live.feed import Feed
from trailcast.settings import Settings

Spend: TypeAlias = Callable[[int], None]  # counts what an operation costs before it is run. Raises RateLimited


def without_end(_cost: int) -> None:
    """Spends of a purse that is never empty: for work that no caller of the doors asked for."""


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """Where a call came from. Stored with events only where the setting allows it."""

    ip_address: str | None = None
    user_agent: str | None = None


class Caller:
    """Who speaks. Over HTTP the principal is loaded once per request, over a socket once per operation (`memo` off). `heard` is told
    of each principal that is loaded: a socket ends with its credential, whose expiry may move."""

    __slots__ = ("_credentials", "_heard", "_memo", "_principal", "_principals")

    def __init__(
        self,
        principals: Principals,
        credentials: Presented | None,
        *,
        memo: bool,
        principal: Principal | None = None,
        heard: Callable[[Principal], None] | None = None,
    ) -> None:
        self._principals = principals
        self._credentials = credentials
        self._memo = memo
        self._principal = principal
        self._heard = heard

    async def load(self) -> Principal | None:
        """The principal as it stands now, or None. Raises Unavailable."""
        principal = None if self._credentials is None else await self._principals.load(self._credentials)
        if principal is not None and self._heard is not None:
            self._heard(principal)
        return principal

    async def identify(self) -> Principal:
        """The principal of this operation, whatever its credential may be used for. Raises Unauthenticated, Unavailable."""
        principal = self._principal or await self.load()
        if principal is None:
            raise Unauthenticated
        if self._memo:
            self._principal = principal
        return principal

    async def principal(self, needed: TokenScope = TokenScope.READ) -> Principal:
        """The same, if its credential may be used for this: to read, unless something else is said. Raises Forbidden besides."""
        principal = await self.identify()
        principal.require(needed)
        return principal


@dataclass(slots=True)
class Context:
    """Everything that a resolver may use."""

    caller: Caller
    database: Database
    writers: Writers
    feed: Feed
    settings: Settings
    clock: Clock
    client: ClientAddress = ClientAddress()
    spend: Spend = without_end
    resume_after: str | None = (
        None  # a cursor that came beside the document (`Last-Event-ID`), and counts before its arguments
    )
