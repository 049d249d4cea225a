"""The shape of a token: made, taken apart, compared. No I/O.

    tcu_<public id: 16 base62>_<secret: 43 base62 = 256 bits><checksum: 6 base62>

The first three letters name the kind (`tca` agent, `tcu` user, `tcs` service), so that a leaked token is recognised by a
scanner and by its owner. The checksum (CRC-32 of all before it) tells a mistyped token from a wrong one without a query.
Stored are the public id, by which a token is found, and the SHA-256 of the secret: a secret of 256 random bits needs no slow hash.
"""

import hashlib
import hmac
import secrets
import string
import zlib
from dataclasses import dataclass

from trailcast.records import ActorKind

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PUBLIC_ID_LENGTH = 16
SECRET_LENGTH = 43  # 62 ** 43 > 2 ** 256
CHECKSUM_LENGTH = 6  # 62 ** 6 > 2 ** 32
PREFIXES = {ActorKind.AGENT: "tca", ActorKind.USER: "tcu", ActorKind.SERVICE: "tcs"}
KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}


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


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode(errors="replace")), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
