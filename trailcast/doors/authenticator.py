"""Whom a request or a socket speaks for: the one credential is found, verified or looked up, and a failure counted. For all doors.

In this order: first the look-up, then, and only for a bad credential, the limit of its address. A good one passes whatever others
do from the same address, which may be an office or a proxy. Whoever is over the limit is told RATE_LIMITED instead of
UNAUTHENTICATED, and learns nothing besides. A call without a credential is no attempt. A socket is looked up when it
comes and for each of its operations; requests that come within a moment of each other share a look-up (`trailcast.doors.recent`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from resolvers.context import ClientAddress
from resolvers.principals import Principals
from trailcast.access.principal import Failure, Identity, Presented, Principal
from trailcast.doors.attempts import Attempts
from trailcast.doors.credentials import read_credentials
from trailcast.doors.follow_ups import FollowUps
from trailcast.doors.recent import RecentSignIns, SignedIn
from trailcast.errors import Unauthenticated

if TYPE_CHECKING:
    from trailcast.access.sign_in import SignIn


class Authenticator:
    """One per process."""

    def __init__(
        self,
        principals: Principals,
        sign_in: "SignIn | None",
        attempts: Attempts,
        follow_ups: FollowUps,
        recent: RecentSignIns,
    ) -> None:
        self.recent = recent
        self._principals = principals
        self.sign_in = sign_in
        self._attempts = attempts
        self._follow_ups = follow_ups

    async def recognize(self, headers: Headers, client: ClientAddress) -> SignedIn | None:
        """As `authenticate`, for one request; whoever signed in with the same headers a moment ago is not looked up again."""
        recent = self.recent
        key = recent.key_of(headers.raw)
        if key is None:
            return await self.authenticate(headers, client)
        signed_in = recent.find(key)
        if signed_in is None:
            changes = recent.changes
            signed_in = await self.authenticate(headers, client)
            if signed_in is not None:
                recent.keep(key, signed_in, changes)
        return signed_in

    async def authenticate(self, presented: Mapping[str, object], client: ClientAddress) -> SignedIn | None:
        """Whom headers, or the payload of `connection_init`, speak for; None where they hold no credential.

        Raises RateLimited, Unauthenticated, Unavailable.
        """
        try:
            credentials = await read_credentials(presented, self.sign_in)
        except Unauthenticated:
            self._attempts.fail(client.ip_address)
            raise
        if credentials is None:
            return None
        found = await self._principals.find(credentials)
        if isinstance(found, Principal):
            return SignedIn(credentials, found)
        self._follow_up(credentials, found, client)
        self._attempts.fail(client.ip_address)
        raise Unauthenticated

    def _follow_up(self, credentials: Presented, found: Failure | None, client: ClientAddress) -> None:
        if isinstance(credentials, Identity):
            self._follow_ups.note_stranger(credentials)
        elif isinstance(found, Failure):
            self._follow_ups.note(found, credentials.token.public_id, client)
