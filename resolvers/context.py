"""What one operation works with: who calls, and the makers of connections. Holds no session, so it may serve a whole socket."""

from dataclasses import dataclass

from resolvers.principals import Principals
from trailcast.access.principal import Presented, Principal
from trailcast.clock import Clock
from trailcast.errors import Unauthenticated
from trailcast.ledger.database import Database
from trailcast.ledger.group import Writers
from trailcast.live.feed import Feed
from trailcast.settings import Settings


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """Where a call came from. Stored with events only where the setting allows it."""

    ip_address: str | None = None
    user_agent: str | None = None


class Caller:
    """Who speaks. Over HTTP the principal is loaded once per request, over a socket once per operation (`memo` off)."""

    __slots__ = ("_credentials", "_memo", "_principal", "_principals")

    def __init__(self, principals: Principals, credentials: Presented | None, *, memo: bool) -> None:
        self._principals = principals
        self._credentials = credentials
        self._memo = memo
        self._principal: Principal | None = None

    async def load(self) -> Principal | None:
        """The principal as it stands now, or None. Raises Unavailable."""
        return None if self._credentials is None else await self._principals.load(self._credentials)

    async def principal(self) -> Principal:
        """The principal of this operation. Raises Unauthenticated, Unavailable."""
        principal = self._principal or await self.load()
        if principal is None:
            raise Unauthenticated
        if self._memo:
            self._principal = principal
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
    resume_after: str | None = (
        None  # a cursor that came beside the document (`Last-Event-ID`), and counts before its arguments
    )
