"""JSON Web Tokens: which ones count, and whom one that was verified speaks for. No I/O, and no clock of its own.

How one looks is in `trailcast.access.tokens`: a server that signs nobody in by JWT does not load what verifies them. The algorithm
is one of those that are configured *and* the one that its key is for, never what the JWT would like. A key of a JWKS is a public
one, for signatures, or it is not used. Whatever is wrong with a JWT ends as the same Unauthenticated, which holds no byte of it. The
library checks the signature, the issuer and the audience; times are checked here, by the server's clock.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import orjson
from jwt.types import Options

from trailcast.access.principal import Identity
from trailcast.access.tokens import Jwt
from trailcast.errors import Unauthenticated

# Access and identity tokens. What an issuer signs for other purposes (a logout notice, say) has a type of its own.
TYPES = frozenset({"jwt", "at+jwt"})
KEYS_MAX = 100
MOMENT_MAX = 32_503_680_000  # seconds: the year 3000; a leeway more is still a date
OPTIONS = Options(
    require=["exp", "iss", "aud", "sub"],
    verify_exp=False,
    verify_nbf=False,
    verify_iat=False,
    enforce_minimum_key_length=True,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a JWT must be to count."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    leeway: timedelta
    bytes_max: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a JWT says of its key, before anything is verified."""

    algorithm: str
    key_id: str | None


class KeySet:
    """Keys, found by their id and algorithm. A JWT that names no key is for the only one of its algorithm."""

    def __init__(self, keys: Iterable[jwt.PyJWK]) -> None:
        self._keys = list(keys)

    def find(self, header: Header) -> jwt.PyJWK | None:
        fitting = [
            key for key in self._keys if key.algorithm_name == header.algorithm and header.key_id in {None, key.key_id}
        ]
        return fitting[0] if len(fitting) == 1 else None


def read_header(presented: Jwt, rules: Rules) -> Header:
    """Which key to verify by. Raises Unauthenticated."""
    # The shape is ASCII, so characters are bytes.
    if len(presented.text) > rules.bytes_max:
        raise Unauthenticated
    try:
        header = jwt.get_unverified_header(presented.text)
    except jwt.PyJWTError:
        raise Unauthenticated from None
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if algorithm not in rules.algorithms or not isinstance(kind, str):
        raise Unauthenticated
    if kind.lower().removeprefix("application/") not in TYPES:
        raise Unauthenticated
    return Header(algorithm, key_id)


def verify(presented: Jwt, key: jwt.PyJWK, rules: Rules, now: datetime) -> Identity:
    """Whom the JWT speaks for, and until when. Raises Unauthenticated."""
    try:
        claims = jwt.decode(
            presented.text,
            key,
            algorithms=rules.algorithms,
            audience=rules.audience,
            issuer=rules.issuer,
            options=OPTIONS,
        )
    except jwt.PyJWTError:
        raise Unauthenticated from None
    subject = claims["sub"]
    # Printable: no NUL, which the database would choke on, and no half of a character.
    if not subject or not subject.isprintable():
        raise Unauthenticated
    # With the leeway, so that a request, a socket and a stream end at the same moment.
    expires_at = _moment(claims["exp"]) + rules.leeway
    if now >= expires_at or ("nbf" in claims and now < _moment(claims["nbf"]) - rules.leeway):
        raise Unauthenticated
    return Identity(subject, expires_at, presented.workspace_id)


def _moment(value: object) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOMENT_MAX:
        raise Unauthenticated
    return datetime.fromtimestamp(value, UTC)


def read_keys(document: bytes, algorithms: tuple[str, ...]) -> KeySet:
    """The keys of a JWKS that are for these algorithms. Raises ValueError where there are none."""
    content = orjson.loads(document)
    listed = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it is no JWKS")  # noqa: TRY004 - a value of the wrong kind is a wrong document
    if len(listed) > KEYS_MAX:
        raise ValueError(f"it holds more than {KEYS_MAX} keys")
    keys = [key for key in map(_read_key, listed) if key is not None and key.algorithm_name in algorithms]
    if not keys:
        raise ValueError(f"it holds no public key for {', '.join(algorithms)}")
    return KeySet(keys)


def _read_key(listed: dict[str, Any]) -> jwt.PyJWK | None:
    """A key that signatures may be verified by, or None."""
    try:
        is_for_signatures = listed.get("use", "sig") == "sig" and "verify" in listed.get("key_ops", ["verify"])
        return jwt.PyJWK(listed) if is_for_signatures and "d" not in listed else None
    except Exception:  # noqa: BLE001 - whatever is wrong with one key must not cost the others
        return None


def secret_key(secret: str) -> jwt.PyJWK:
    """The key of HS256."""
    text = base64.urlsafe_b64encode(secret.encode()).rstrip(b"=").decode()
    return jwt.PyJWK({"kty": "oct", "alg": "HS256", "k": text})
