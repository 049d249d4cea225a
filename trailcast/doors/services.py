"""What the doors hand out to every operation: one of each per process, made by `trailcast.asgi`."""

from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import Scope

from resolvers.context import Caller, ClientAddress, Context, Spend
from resolvers.principals import Principals
from trailcast.clock import Clock
from trailcast.doors.admission import Admission
from trailcast.doors.allowances import Allowances
from trailcast.doors.authenticator import Authenticator
from trailcast.doors.deadlines import Deadlines
from trailcast.doors.proxies import Proxies
from trailcast.doors.turns import Turns
from trailcast.errors import Unavailable
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
    authenticator: Authenticator
    writers: Writers
    feed: Feed
    bell: Doorbell
    counters: Counters
    admission: Admission
    allowances: Allowances
    deadlines: Deadlines
    proxies: Proxies
    turns: Turns
    lifecycle: Lifecycle = field(default_factory=Lifecycle)

    def context(self, caller: Caller, client: ClientAddress, spend: Spend) -> Context:
        """What one operation works with."""
        return Context(
            caller=caller,
            database=self.database,
            writers=self.writers,
            feed=self.feed,
            settings=self.settings,
            clock=self.clock,
            client=client,
            spend=spend,
        )

    def client_address(self, scope: Scope, headers: Headers) -> ClientAddress:
        """Where a request or a socket came from."""
        peer, agent, forwarded = scope.get("client"), None, []
        for name, value in headers.raw:  # once, and decoded where it is used: this is done for every request
            if name == b"user-agent" and agent is None:
                agent = value.decode("latin-1")[:USER_AGENT_LENGTH_MAX]
            elif name == b"x-forwarded-for":
                forwarded.append(value.decode("latin-1"))
        return ClientAddress(self.proxies.find_client(peer[0] if peer else None, forwarded), agent or None)

    def given_up(self) -> Unavailable:
        """What is said of an operation that took too long. Its work was cancelled, but a commit may have been under way."""
        return Unavailable(
            f"This took longer than {self.settings.request_timeout_s:g} s and was given up: try again in a moment. "
            "A write may have happened all the same: repeat it with the same idempotencyKey."
        )
