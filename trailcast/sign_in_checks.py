"""What of the settings for sign-in by JWT does not fit together, as sentences for whoever set them. They repeat no secret."""

from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

PUBLIC_KEY_ALGORITHMS = ("RS256", "ES256", "EdDSA")
SECRET_ALGORITHMS = ("HS256",)
SECRET_BYTES_MIN = 32  # as many as HS256 gives out; fewer are guessed offline
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class SignInSettings(Protocol):
    """The settings that are looked at here."""

    @property
    def jwt_jwks(self) -> str: ...
    @property
    def jwt_secret(self) -> SecretStr | None: ...
    @property
    def jwt_issuer(self) -> str: ...
    @property
    def jwt_audience(self) -> str: ...
    @property
    def algorithms(self) -> tuple[str, ...]: ...


def is_address(text: str) -> bool:
    """Whether this is an address rather than a path."""
    return "://" in text


def may_be_fetched(url: str) -> bool:
    """Whether keys may be taken from this address: nobody on the way can change them, and it holds no credential."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    is_plain = url.isascii() and url.isprintable() and " " not in url and "@" not in parts.netloc
    return is_safe and is_plain and bool(parts.hostname)


def find_sign_in_problem(settings: SignInSettings) -> str | None:
    """What does not fit together, as a sentence; it repeats no secret."""
    jwks, secret = settings.jwt_jwks, settings.jwt_secret.get_secret_value() if settings.jwt_secret else ""
    if not jwks and not secret:
        alone = [
            f"TRAILCAST_{name.upper()}"
            for name in ("jwt_issuer", "jwt_audience", "jwt_algorithms", "jwt_create_users_in")
            if getattr(settings, name)
        ]
        return (
            f"{alone[0]} is set, but no key: set TRAILCAST_JWT_JWKS or TRAILCAST_JWT_SECRET, or unset it."
            if alone
            else None
        )
    if jwks and secret:
        return "TRAILCAST_JWT_JWKS and TRAILCAST_JWT_SECRET are both set, and JWTs are verified by one of them: unset the other."
    for name, claim in (("jwt_issuer", "iss"), ("jwt_audience", "aud")):
        if not getattr(settings, name):
            return f"TRAILCAST_{name.upper()} is not set, and JWTs count only with the right `{claim}`: set it."
    usable = PUBLIC_KEY_ALGORITHMS if jwks else SECRET_ALGORITHMS
    if not set(settings.algorithms) <= set(usable):
        key = "TRAILCAST_JWT_JWKS" if jwks else "TRAILCAST_JWT_SECRET"
        return f"TRAILCAST_JWT_ALGORITHMS may name {', '.join(usable)} with {key}, and nothing else."
    return _find_jwks_problem(jwks) if jwks else _find_secret_problem(secret)


def _find_jwks_problem(jwks: str) -> str | None:
    name = "TRAILCAST_JWT_JWKS"
    if not is_address(jwks):
        return None if Path(jwks).is_file() else f"{name} is {jwks!r}, and there is no such file."
    if may_be_fetched(jwks):
        return None
    return f"{name} must be an https:// address without a credential (http:// for this host only), or a file."


def _find_secret_problem(secret: str) -> str | None:
    name = "TRAILCAST_JWT_SECRET"
    if len(secret.encode()) < SECRET_BYTES_MIN:
        return f"{name} is too short: HS256 needs {SECRET_BYTES_MIN} random bytes or more."
    # Whoever knows a public key could sign with it.
    if secret.lstrip().startswith(("-----BEGIN", "ssh-", "{")):
        return f"{name} is a key that others may know, not a secret: for public keys there is TRAILCAST_JWT_JWKS."
    return None
