"""Keeps secrets out of the log: values under telling keys are replaced before anything is stored, at any depth.

Keys are compared by their words (`apiKey`, `api_key`, `X-API-Key` and `apikey` are one), so `tokenizer` passes and
`refresh_token` does not. Amounts are no secrets: a number, boolean or null under a key such as `input_tokens` or
`token_count` stays, since agents log what they spent.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

REDACTED = "[redacted]"

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = frozenset(
    [
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "secret",
        "secrets",
        "token",
        "authorization",
        "cookie",
        "cookies",
        "credential",
        "credentials",
        "apikey",
        "apitoken",
        "accesstoken",
        "refreshtoken",
        "authtoken",
        "idtoken",
        "privatekey",
        "accesskey",
        "clientsecret",
        "otp",
        "jwt",
        "bearer",
    ]
)
_SECRET_PAIRS = frozenset(
    {("api", "key"), ("private", "key"), ("access", "key"), ("secret", "key"), ("signing", "key")}
)
_SECRET_ENDINGS = ("password", "passwd", "secret", "apikey", "token", "privatekey", "authorization", "cookie")
_AMOUNT_WORDS = frozenset(
    {"count", "counts", "limit", "total", "used", "usage", "budget", "price", "cost", "length", "max", "min"}
)


def is_secret_key(key: str, value: object = "") -> bool:
    """Whether what stands under this key must not be stored."""
    words = [word.lower() for word in _WORD.findall(key)]
    if value is None or (isinstance(value, bool | int | float) and ("tokens" in words or _AMOUNT_WORDS & set(words))):
        return False
    return (
        not _SECRET_WORDS.isdisjoint(words)
        or "tokens" in words
        or not _SECRET_PAIRS.isdisjoint(pairwise(words))
        or any(word.endswith(_SECRET_ENDINGS) for word in words)
    )


def redact(value: Any) -> Any:
    """The value with every secret in it replaced. The input is left as it is; depth is the caller's bound."""
    if isinstance(value, dict):
        return {key: REDACTED if is_secret_key(key, inner) else redact(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [redact(inner) for inner in value]
    return value


def redact_change(path: str, values: Sequence[Any]) -> list[Any]:
    """The values of a changed field, replaced where any step of its path names a secret."""
    steps = re.split(r"[./\[\]]+", path)
    return [
        REDACTED if value is not None and any(is_secret_key(step, value) for step in steps) else redact(value)
        for value in values
    ]
