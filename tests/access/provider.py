"""An identity provider on the loopback: OpenID configuration, JWKS, keys of every kind, and every way to misbehave."""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

AUDIENCE = "https://activity.example"
ISSUER = "https://login.example"
ALGORITHMS = ("RS256", "ES256", "EdDSA")

Claims: TypeAlias = dict[str, Any]
Behaviour: TypeAlias = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = field(default_factory=lambda: datetime(2030, 1, 1, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def in_seconds(self, seconds: float) -> float:
        """A moment so far ahead, as JWTs have it."""
        return self.now.timestamp() + seconds


@dataclass(frozen=True)
class Key:
    """A pair of keys for one algorithm."""

    name: str
    algorithm: str
    private: Any

    @property
    def jwk(self) -> dict[str, Any]:
        public = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": self.name, "alg": self.algorithm, "use": "sig"}

    @property
    def pem(self) -> bytes:
        pem: bytes = self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return pem

    def sign(self, claims: Claims, **header: Any) -> str:
        """A JWT; `header` adds to what it says of itself, and None leaves out."""
        said = {"alg": self.algorithm, "kid": self.name, "typ": "JWT", **header}
        signer = jwt.get_algorithm_by_name(self.algorithm)
        return compact(said, claims, lambda text: signer.sign(text, self.private))


def compact(header: Claims, claims: object, sign: Callable[[bytes], bytes]) -> str:
    """A JWT put together by hand, which can be as wrong as one likes."""
    said = {name: value for name, value in header.items() if value is not None}
    text = f"{segment(json.dumps(said))}.{segment(json.dumps(claims))}"
    return f"{text}.{segment(sign(text.encode()))}"


def segment(content: str | bytes) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


@cache
def key_of(name: str, algorithm: str) -> Key:
    """A key by name, the same in a whole run: RSA keys take their time to make."""
    match algorithm:
        case "RS256":
            return Key(name, algorithm, generate_rsa_key(65537, 2048))
        case "ES256":
            return Key(name, algorithm, generate_private_key(SECP256R1()))
        case _:
            return Key(name, algorithm, Ed25519PrivateKey.generate())


KEYS = {"RS256": "first", "ES256": "curved", "EdDSA": "edwards"}


def standard_keys() -> list[Key]:
    return [key_of(name, algorithm) for algorithm, name in KEYS.items()]


class Provider:
    """What it publishes, and what was asked of it."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [key.jwk for key in standard_keys()]
        self.requests: list[str] = []
        self.behaviour: Behaviour | None = None
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, and the end."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split()[1].decode()
            self.requests.append(path)
            await (self.behaviour or self.behave)(path, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone
        finally:
            writer.close()

    async def behave(self, path: str, writer: asyncio.StreamWriter) -> None:
        documents = {
            "/.well-known/openid-configuration": {"issuer": ISSUER, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": self.keys},
        }
        body = json.dumps(documents[path])
        writer.write(response("200 OK", body, "content-type: application/json"))
        await writer.drain()

    async def fail(self, _path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response("500 Internal Server Error", "out of order"))


def response(status: str, body: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}", "", body]
    return "\r\n".join(lines).encode()


@asynccontextmanager
async def running_provider(tls: ssl.SSLContext | None = None) -> AsyncGenerator[Provider]:
    provider = Provider()
    # By address, which is what a test's certificate is for.
    server = await asyncio.start_server(provider.answer, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    provider.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    async with server:
        yield provider
