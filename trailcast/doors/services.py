"""What the doors hand out to every operation: one of each per process, made by `trailcast.asgi`."""

from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import Scope

from resolvers.context import Caller, ClientAddress, Context
from resolvers.principals import Principals
from trailcast.access.sign_in import SignIn
from trailcast.clock import Clock
from trailcast.doors.admission import Admission
from trailcast.ledger.database import Database
from trailcast.ledger.group import Writers
from trailcast.live.counters import Counters
from trailcast.live.doorbell import Doorbell
from trailcast.live.feed import Feed
from trailcast.settings import Settings

USER_AGENT_LENGTH_MAX = 500


@dataclass(slots=True)
class Lifecycle:
    """Whether the process is on its way out: it lets nobody in then, and brings to an end what is under way."""

    is_leaving: bool = False


@dataclass(frozen=True, slots=True)
class Services:
    """The long-lived parts of one server process."""

    settings: Settings
    clock: Clock
    database: Database
    principals: Principals
    sign_in: SignIn | None
    writers: Writers
    feed: Feed
    bell: Doorbell
    counters: Counters
    admission: Admission
    lifecycle: Lifecycle = field(default_factory=Lifecycle)

    def context(self, caller: Caller, client: ClientAddress, resume_after: str | None = None) -> Context:
        """What one operation works with."""
        return Context(
            caller=caller,
            database=self.database,
            writers=self.writers,
            feed=self.feed,
            settings=self.settings,
            clock=self.clock,
            client=client,
            resume_after=resume_after,
        )


def client_address(scope: Scope, headers: Headers) -> ClientAddress:
    """Where a request or a socket came from."""
    client, agent = scope.get("client"), headers.get("user-agent")
    return ClientAddress(client[0] if client else None, agent[:USER_AGENT_LENGTH_MAX] if agent else None)
