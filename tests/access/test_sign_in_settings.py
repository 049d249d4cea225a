"""Settings of sign-in by JWT: what does not fit together stops the start with a sentence, and a secret is shown nowhere."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.access.provider import AUDIENCE, ISSUER
from trailcast.errors import ConfigurationError
from trailcast.settings import Settings, load_settings
from trailcast.sign_in_checks import may_be_fetched

SECRET = "correct horse battery staple, and more"
WHO = {"ISSUER": ISSUER, "AUDIENCE": AUDIENCE}
JWKS = {"JWKS": "https://login.example/keys", **WHO}
EITHER = "TRAILCAST_JWT_JWKS or TRAILCAST_JWT_SECRET"

WRONG: Mapping[str, tuple[dict[str, str], str]] = {
    "both keys": (
        {**JWKS, "SECRET": SECRET},
        "TRAILCAST_JWT_JWKS and TRAILCAST_JWT_SECRET are both set, and JWTs are verified by one of them: unset the other.",
    ),
    "issuer alone": (
        {"ISSUER": ISSUER},
        f"TRAILCAST_JWT_ISSUER is set, but no key: set {EITHER}, or unset it.",
    ),
    "audience alone": (
        {"AUDIENCE": AUDIENCE},
        f"TRAILCAST_JWT_AUDIENCE is set, but no key: set {EITHER}, or unset it.",
    ),
    "algorithms alone": (
        {"ALGORITHMS": "RS256"},
        f"TRAILCAST_JWT_ALGORITHMS is set, but no key: set {EITHER}, or unset it.",
    ),
    "no issuer": (
        {"SECRET": SECRET, "AUDIENCE": AUDIENCE},
        "TRAILCAST_JWT_ISSUER is not set, and JWTs count only with the right `iss`: set it.",
    ),
    "no audience": (
        {"SECRET": SECRET, "ISSUER": ISSUER},
        "TRAILCAST_JWT_AUDIENCE is not set, and JWTs count only with the right `aud`: set it.",
    ),
    **{
        f"{name} with a JWKS": (
            {**JWKS, "ALGORITHMS": f"RS256,{name}"},
            "TRAILCAST_JWT_ALGORITHMS may name RS256, ES256, EdDSA with TRAILCAST_JWT_JWKS, and nothing else.",
        )
        for name in ("HS256", "none", "RS512", "rs256")
    },
    **{
        f"{name} with a secret": (
            {"SECRET": SECRET, **WHO, "ALGORITHMS": name},
            "TRAILCAST_JWT_ALGORITHMS may name HS256 with TRAILCAST_JWT_SECRET, and nothing else.",
        )
        for name in ("RS256", "none", "HS256,HS512")
    },
    "short secret": (
        {"SECRET": SECRET[:31], **WHO},
        "TRAILCAST_JWT_SECRET is too short: HS256 needs 32 random bytes or more.",
    ),
    **{
        f"{name} as a secret": (
            {"SECRET": text, **WHO},
            "TRAILCAST_JWT_SECRET is a key that others may know, not a secret: for public keys there is TRAILCAST_JWT_JWKS.",
        )
        for name, text in {
            "PEM": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----",
            "JWK": ' {"kty": "RSA", "n": "AQAB", "e": "AQAB"}',
            "SSH key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI",
        }.items()
    },
    **{
        f"keys from {address}": (
            {"JWKS": address, **WHO},
            "TRAILCAST_JWT_JWKS must be an https:// address without a credential (http:// for this host only), or a file.",
        )
        for address in (
            "http://login.example/keys",
            "file:///etc/keys",
            "https://",
            "https://me:pass@login.example/keys",
        )
    },
    "keys from nowhere": (
        {"JWKS": "keys.json", **WHO},
        "TRAILCAST_JWT_JWKS is 'keys.json', and there is no such file.",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_together_stops_the_start(case: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment, sentence = WRONG[case]
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(f"TRAILCAST_JWT_{name}", value)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert refused.value.message == sentence


@pytest.mark.parametrize(
    ("environment", "algorithms"),
    [
        (JWKS, ("RS256", "ES256", "EdDSA")),
        ({**JWKS, "ALGORITHMS": "EdDSA"}, ("EdDSA",)),
        ({**JWKS, "JWKS": "http://127.0.0.1:9000/keys"}, ("RS256", "ES256", "EdDSA")),
        ({**JWKS, "SECRET": ""}, ("RS256", "ES256", "EdDSA")),
        ({"SECRET": SECRET, **WHO}, ("HS256",)),
    ],
)
def test_algorithms_are_pinned_by_the_kind_of_key(
    environment: dict[str, str], algorithms: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"TRAILCAST_JWT_{name}", value)
    assert load_settings().algorithms == algorithms


def test_secret_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(jwt_secret=SECRET, jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    assert settings.jwt_secret is not None
    assert settings.jwt_secret.get_secret_value() == SECRET
    for text in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert SECRET not in text
    with pytest.raises(ValidationError) as refused:
        Settings(jwt_secret=SECRET)
    assert SECRET[:8] not in str(refused.value)
    monkeypatch.setenv("TRAILCAST_JWT_SECRET", SECRET)
    monkeypatch.setenv("TRAILCAST_PORT", "none")
    with pytest.raises(ConfigurationError) as stopped:
        load_settings()
    assert stopped.value.message.startswith("TRAILCAST_PORT is 'none': ")
    assert SECRET not in stopped.value.message


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://login.example/keys?tenant=acme", True),
        ("https://192.0.2.1:8443/keys", True),
        ("http://localhost/keys", True),
        ("http://[::1]:9000/keys", True),
        ("http://localhost.example/keys", False),
        ("http://127.0.0.1@login.example/keys", False),
        ("https://login.example:port/keys", False),
        ("https://login.example/keys\r\nX-Other: 1", False),
        ("https://login.example/the keys", False),
        ("https://lögin.example/keys", False),
        ("https:///keys", False),
        ("/keys", False),
    ],
)
def test_keys_come_over_a_way_that_nobody_can_change_them_on(url: str, *, safe: bool) -> None:
    assert may_be_fetched(url) is safe
