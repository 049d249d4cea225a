"""Keeps secrets out of the log: values under telling keys are replaced before anything is stored, at any depth.

Keys are compared by their words (`apiKey`, `api_key`, `X-API-Key` and `apikey` are one), so `tokenizer` passes and
`refresh_token` does not. Amounts are no secrets: a number, boolean or null under a key such as `input_tokens` or
`token_count` stays, since agents log what they spent.
"""

import re
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from math import isfinite
from typing import Any

REDACTED = "[redacted]"
KEYS_KEPT_MAX = 4096  # whose kind is remembered, of so many characters at most: clients use the same again and again
KEY_KEPT_LENGTH_MAX = 64

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
_STEPS = re.compile(r"[./\[\]]+")
_CONTAINERS = frozenset({dict, list})
_PLAIN = frozenset({str, int, bool, type(None)})
_AMOUNT_WORDS = frozenset(
    {"count", "counts", "limit", "total", "used", "usage", "budget", "price", "cost", "length", "max", "min"}
)


class _Kind(Enum):
    """What stands under a key: AMOUNT is a secret unless it is a number."""

    PLAIN = 0
    AMOUNT = 1
    SECRET = 2


def _look_at(key: str) -> _Kind:
    words = [word.lower() for word in _WORD.findall(key)]
    if not (
        not _SECRET_WORDS.isdisjoint(words)
        or "tokens" in words
        or not _SECRET_PAIRS.isdisjoint(pairwise(words))
        or any(word.endswith(_SECRET_ENDINGS) for word in words)
    ):
        return _Kind.PLAIN
    return _Kind.AMOUNT if "tokens" in words or not _AMOUNT_WORDS.isdisjoint(words) else _Kind.SECRET


_look_once = lru_cache(KEYS_KEPT_MAX)(_look_at)


def _kind_of(key: str) -> _Kind:
    return _look_once(key) if len(key) <= KEY_KEPT_LENGTH_MAX else _look_at(key)


def is_secret_key(key: str, value: object = "") -> bool:
    """Whether what stands under this key must not be stored."""
    if value is None:
        return False
    kind = _kind_of(key)
    return kind is _Kind.SECRET or (kind is _Kind.AMOUNT and not isinstance(value, bool | int | float))


def is_clean(value: Any, levels: int) -> bool:
    """Whether an object or list is JSON of at most so many levels, with nothing in it that could be redacted: told in one pass, and
    never wrongly. What is not clean may be fine still."""
    if levels == 0:
        return False
    if type(value) is dict:
        for key, inner in value.items():
            kind = type(inner)
            if kind in _CONTAINERS:
                if not is_clean(inner, levels - 1):
                    return False
            elif kind not in _PLAIN and not (kind is float and isfinite(inner)):
                return False
            if _kind_of(key) is not _Kind.PLAIN:
                return False
        return True
    for inner in value:
        kind = type(inner)
        if kind in _CONTAINERS:
            if not is_clean(inner, levels - 1):
                return False
        elif kind not in _PLAIN and not (kind is float and isfinite(inner)):
            return False
    return True


def redact(value: Any) -> Any:
    """The value with every secret in it replaced. The input is left as it is; depth is the caller's bound."""
    if isinstance(value, dict):
        return {key: REDACTED if is_secret_key(key, inner) else redact(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [redact(inner) for inner in value]
    return value


def redact_change(path: str, values: Sequence[Any]) -> list[Any]:
    """The values of a changed field, replaced where any step of its path names a secret."""
    steps = _STEPS.split(path)
    return [
        REDACTED if value is not None and any(is_secret_key(step, value) for step in steps) else redact(value)
        for value in values
    ]


def is_clean_path(path: str) -> bool:
    """Whether no step of a changed field's path names what could be redacted."""
    if path.isidentifier():
        return _kind_of(path) is _Kind.PLAIN
    return all(_kind_of(step) is _Kind.PLAIN for step in _STEPS.split(path))
