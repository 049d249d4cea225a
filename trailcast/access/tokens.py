"""The shape of a token: made, taken apart, compared; and what it may be used for. No I/O.

    tcu_<public id: 16 base62>_<secret: 43 base62 = 256 bits><checksum: 6 base62>

The first three letters name the kind (`tca` agent, `tcu` user, `tcs` service), so that a leaked token is recognised by a
scanner and by its owner. The checksum (CRC-32 of all before it) tells a mistyped token from a wrong one without a query.
Stored are the public id, by which a token is found, and the SHA-256 of the secret: a secret of 256 random bits needs no slow hash.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from enum import Enum
from uuid import UUID

from trailcast.records import ActorKind

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PUBLIC_ID_LENGTH = 16
SECRET_LENGTH = 43  # 62 ** 43 > 2 ** 256
CHECKSUM_LENGTH = 6  # 62 ** 6 > 2 ** 32
PREFIXES = {ActorKind.AGENT: "tca", ActorKind.USER: "tcu", ActorKind.SERVICE: "tcs"}
JWT_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)  # and no token has a dot
KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}


class TokenScope(Enum):
    """What a token may be used for; nothing beyond what its subject may do."""

    READ = "read"
    WRITE = "write"
    DIRECTORY = "directory"


_OWN_SCOPES = frozenset({TokenScope.READ, TokenScope.WRITE})
# All that a token of each kind may have. A JWT has those of a user: what it claims gives and takes nothing.
SCOPES = {
    ActorKind.USER: _OWN_SCOPES,
    ActorKind.AGENT: _OWN_SCOPES,
    ActorKind.SERVICE: frozenset(TokenScope),
}
NO_SECRET = bytes(hashlib.sha256().digest_size)  # the hash of nothing: what a token is held against that nobody knows


@dataclass(frozen=True, slots=True)
class Token:
    """A token taken apart. `repr` shows no secret."""

    kind: ActorKind
    public_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Token({PREFIXES[self.kind]}_{self.public_id}_…)"

    def __str__(self) -> str:
        body = f"{PREFIXES[self.kind]}_{self.public_id}_{self.secret}"
        return body + _checksum(body)

    @property
    def secret_sha256(self) -> bytes:
        return hashlib.sha256(self.secret.encode()).digest()

    def matches(self, secret_sha256: bytes) -> bool:
        """Whether the stored hash is this token's, in constant time."""
        return hmac.compare_digest(self.secret_sha256, secret_sha256)


@dataclass(frozen=True, slots=True)
class Jwt:
    """A JWT as it was presented; nothing of it is verified, and `repr` shows nothing of it."""

    text: str = field(repr=False)
    workspace_id: UUID | None = None


def make_token(kind: ActorKind) -> Token:
    """A new token of 256 random bits."""
    return Token(kind, _random(PUBLIC_ID_LENGTH), _random(SECRET_LENGTH))


def parse_token(text: str) -> Token | None:
    """The token that the text is, or None for anything else. Looks at no database."""
    prefix, _, rest = text.partition("_")
    public_id, _, tail = rest.partition("_")
    secret, checksum = tail[:SECRET_LENGTH], tail[SECRET_LENGTH:]
    if prefix not in KINDS or len(public_id) != PUBLIC_ID_LENGTH or len(checksum) != CHECKSUM_LENGTH:
        return None
    token = Token(KINDS[prefix], public_id, secret)
    return token if str(token) == text and set(public_id + secret) <= set(ALPHABET) else None


def has_shape_of_jwt(text: str) -> bool:
    """Whether the text is a JWT rather than a token. Says nothing of its worth."""
    return JWT_SHAPE.fullmatch(text) is not None


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode(errors="replace")), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
