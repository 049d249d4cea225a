"""Sign-in by JWT: a presented JWT becomes the identity that it proves, or is refused. Made from the settings, if they want it.

A JWT is verified once, when a request or a socket comes with it. From then on its identity stands for it, with its expiry: rights
are looked up by that whenever they are needed (`trailcast.access.principal`), and no byte of the JWT is kept.
"""

from datetime import timedelta

from jwt import PyJWK

from trailcast.access.jwt import Rules, read_header, secret_key, verify
from trailcast.access.keys import Fetch, Keys, Patience
from trailcast.access.principal import Identity
from trailcast.access.tokens import Jwt
from trailcast.clock import Clock
from trailcast.errors import Unauthenticated
from trailcast.settings import Settings


class SignIn:
    """One per process. `key` is one that never changes, or where to find them."""

    def __init__(self, rules: Rules, key: Keys | PyJWK, clock: Clock) -> None:
        self._rules = rules
        self._key = key
        self._clock = clock

    async def identify(self, presented: Jwt) -> Identity:
        """Whom the JWT speaks for. Raises Unauthenticated, Unavailable."""
        header = read_header(presented, self._rules)
        key = await self._key.find(header) if isinstance(self._key, Keys) else self._key
        if key is None:
            raise Unauthenticated
        return verify(presented, key, self._rules, self._clock())

    async def close(self) -> None:
        """Read no keys any more."""
        if isinstance(self._key, Keys):
            await self._key.close()


def make_sign_in(settings: Settings, clock: Clock, fetch: Fetch) -> SignIn | None:
    """Sign-in as the settings want it; None where they want none. `fetch` reads the JWKS that they name."""
    secret = settings.jwt_secret.get_secret_value() if settings.jwt_secret else ""
    if not settings.jwt_jwks and not secret:
        return None
    algorithms = settings.algorithms
    rules = Rules(
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        algorithms=algorithms,
        leeway=timedelta(seconds=settings.jwt_leeway_s),
        bytes_max=settings.jwt_bytes_max,
    )
    if secret:
        return SignIn(rules, secret_key(secret), clock)
    patience = Patience(
        ttl=timedelta(seconds=settings.jwt_jwks_ttl_s),
        retry=timedelta(seconds=settings.jwt_jwks_retry_s),
        stale=timedelta(seconds=settings.jwt_jwks_stale_s),
    )
    return SignIn(rules, Keys(fetch, algorithms, patience, clock), clock)
