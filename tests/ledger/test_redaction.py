"""No secret survives on its way into the log, at any depth and under any spelling of its key; what is no secret stays as it was."""

from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clients import Client
from tests.support.world import World
from trailcast.ledger.redact import REDACTED, is_secret_key, redact, redact_change

SECRET = "s3cr3t-value"
NAMES_IN_THE_CONTRACT = ("password", "secret", "token", "api_key", "authorization", "cookie")
SECRET_KEYS = (
    *NAMES_IN_THE_CONTRACT,
    *(
        "Password",
        "PASSWORD",
        "userPassword",
        "user_password",
        "password2",
        "new-password",
        "dbpasswd",
        "pwd",
        "passphrase",
    ),
    *("apiKey", "api-key", "X-API-Key", "APIKey", "apikey", "OPENAI_API_KEY", "private_key", "privateKey", "accessKey"),
    *("secret_key", "clientSecret", "client_secret", "aws_secret_access_key", "signing_key", "secrets"),
    *("accessToken", "refresh_token", "id-token", "authToken", "X-Auth-Token", "tokens", "csrftoken", "bearer", "jwt"),
    f"{'long' * 20}_secret",
    *("Authorization", "proxy-authorization", "Cookie", "Set-Cookie", "cookies", "sessionCookie", "credentials", "otp"),
)
PLAIN_KEYS = (
    *(
        "author",
        "authors",
        "tokenizer",
        "key",
        "keyboard",
        "monkey",
        "primary_key",
        "api_version",
        "passenger",
        "compass",
    ),
    *("secretary", "status", "accessed_at", "private", "signing", "cook", "title", "user_id", "message", "path"),
)
AMOUNT_KEYS = ("input_tokens", "outputTokens", "total_tokens", "token_count", "tokenLimit", "max_tokens", "tokensUsed")

plain_values = st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(allow_nan=False) | st.text(max_size=5)
plain_trees = st.recursive(
    plain_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PLAIN_KEYS), inner, max_size=3),
    max_leaves=10,
)
secret_values = st.just(SECRET) | st.lists(st.just(SECRET), min_size=1) | st.just({"inner": {"value": SECRET}})
trees_with_secrets = st.recursive(
    st.dictionaries(st.sampled_from(SECRET_KEYS), secret_values, min_size=1, max_size=3),
    lambda inner: (
        st.lists(inner | plain_trees, min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from(PLAIN_KEYS), inner | plain_trees, min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from(SECRET_KEYS), inner, min_size=1, max_size=2)
    ),
    max_leaves=6,
)


@given(trees_with_secrets)
def test_no_value_under_a_secret_key_survives_at_any_depth(tree: Any) -> None:
    assert SECRET not in repr(redact(tree))


@given(plain_trees)
def test_what_has_no_secret_key_stays_as_it_was(tree: Any) -> None:
    assert redact(tree) == tree


@given(trees_with_secrets)
def test_redacting_twice_is_redacting_once_and_the_input_is_left_alone(tree: Any) -> None:
    before = repr(tree)
    once = redact(tree)
    assert redact(once) == once
    assert repr(tree) == before


@given(st.sampled_from(SECRET_KEYS), secret_values, plain_trees)
def test_no_value_of_a_changed_secret_survives(key: str, secret: Any, plain: Any) -> None:
    for path in (key, f"settings.{key}", f"settings.{key}.value", f"/settings/{key}", f"users[0].{key}"):
        assert redact_change(path, (secret, secret)) == [REDACTED, REDACTED]
    assert redact_change("settings.title", (plain, {"deep": [{key: secret}]})) == [plain, {"deep": [{key: REDACTED}]}]


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_key_is_known_as_secret(key: str) -> None:
    assert redact({key: SECRET, "beside": 1}) == {key: REDACTED, "beside": 1}


@pytest.mark.parametrize("key", PLAIN_KEYS)
def test_key_is_known_as_harmless(key: str) -> None:
    assert not is_secret_key(key, "text")


@pytest.mark.parametrize("key", AMOUNT_KEYS)
@pytest.mark.parametrize("amount", [0, 17, 0.5, True, None])
def test_amounts_are_no_secrets(key: str, amount: float | None) -> None:
    assert redact({"usage": [{key: amount}]}) == {"usage": [{key: amount}]}


@pytest.mark.parametrize("key", AMOUNT_KEYS)
def test_text_under_the_key_of_an_amount_is_a_secret_still(key: str) -> None:
    assert redact({key: SECRET}) == {key: REDACTED}


@pytest.mark.parametrize("key", ["password", "pin_secret", "otp", "accessToken"])
def test_a_secret_made_of_digits_is_a_secret(key: str) -> None:
    assert redact({key: 123456}) == {key: REDACTED}


def test_what_was_empty_is_still_shown_to_have_been_empty() -> None:
    assert redact({"password": None}) == {"password": None}
    assert redact_change("password", (None, SECRET)) == [None, REDACTED]


async def test_secrets_reach_neither_the_answer_nor_the_table(
    gql: Client, world: World, owner: asyncpg.Connection
) -> None:
    document = """
    mutation ($input: LogActivityInput!) {
      logActivity(input: $input) { event { sequence metadata changes { path before after } } errors { code } }
    }
    """
    given_input = {
        "eventType": "user.updated",
        "idempotencyKey": "with a secret",
        "metadata": {"headers": [{"Authorization": SECRET}], "input_tokens": 12, "token": SECRET},
        "changes": [{"path": "apiKey", "before": SECRET, "after": SECRET}, {"path": "form", "after": {"pwd": SECRET}}],
    }
    payload = (await gql.data(document, {"input": given_input}, token=world.token("bot")))["logActivity"]
    assert payload["errors"] == []
    assert payload["event"]["metadata"] == {
        "headers": [{"Authorization": REDACTED}],
        "input_tokens": 12,
        "token": REDACTED,
    }
    assert payload["event"]["changes"] == [
        {"path": "apiKey", "before": REDACTED, "after": REDACTED},
        {"path": "form", "before": None, "after": {"pwd": REDACTED}},
    ]
    row = await owner.fetchval("SELECT row_to_json(e)::text FROM events e ORDER BY sequence DESC LIMIT 1")
    assert REDACTED in row
    assert SECRET not in row
