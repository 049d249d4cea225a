"""Where a credential may stand, how it may be spelled, and what is refused before any look-up."""

from uuid import UUID

import pytest

from trailcast.access.principal import Credentials
from trailcast.access.tokens import Jwt, Token, make_token, parse_token
from trailcast.doors.credentials import find_credentials
from trailcast.errors import Unauthenticated
from trailcast.records import ActorKind

AGENT = str(make_token(ActorKind.AGENT))
USER = str(make_token(ActorKind.USER))
WORKSPACE = "6f0f9b57-3d4b-4d62-9d0c-0e3a4b5c6d7e"


@pytest.mark.parametrize(
    ("presented", "token"),
    [
        ({"authorization": f"Bearer {USER}"}, USER),
        ({"Authorization": f"bearer  {USER} "}, USER),
        ({"Authorization": f"Bearer {AGENT}"}, AGENT),
        ({"X-Agent-Token": AGENT}, AGENT),
        ({"x-agent-token": AGENT}, AGENT),
        ({"xAgentToken": AGENT}, AGENT),
    ],
    ids=["header", "lower scheme", "agent as bearer", "agent header", "lower case", "camel case"],
)
def test_a_credential_is_found_under_its_spellings(presented: dict[str, object], token: str) -> None:
    found = find_credentials(presented)
    assert isinstance(found, Credentials)
    assert (str(found.token), found.workspace_id) == (token, None)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_a_jwt_is_told_from_a_token_by_its_shape(scheme: str) -> None:
    found = find_credentials({"Authorization": f"{scheme} e30.e30.AAAA ", "X-Workspace": WORKSPACE})
    assert found == Jwt("e30.e30.AAAA", UUID(WORKSPACE))
    assert "e30" not in repr(found)


@pytest.mark.parametrize("name", ["X-Workspace", "x-workspace", "workspace"])
def test_the_workspace_is_found_under_its_spellings(name: str) -> None:
    found = find_credentials({"Authorization": f"Bearer {USER}", name: WORKSPACE})
    assert found is not None
    assert str(found.workspace_id) == WORKSPACE


@pytest.mark.parametrize("presented", [{}, {"x-workspace": WORKSPACE}, {"authorization": ""}])
def test_no_credential_is_none(presented: dict[str, object]) -> None:
    assert find_credentials(presented) is None


@pytest.mark.parametrize(
    "presented",
    [
        {"authorization": f"Basic {USER}"},
        {"authorization": USER},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {USER[:-1]}"},
        {"authorization": f"Bearer {USER}x"},
        {"authorization": 1},
        {"x-agent-token": USER},
        {"x-agent-token": AGENT, "authorization": f"Bearer {AGENT}"},
        {"authorization": f"Bearer {USER}", "Authorization": f"Bearer {USER}"},
        {"x-agent-token": AGENT, "agentToken": AGENT},
        {"x-agent-token": "e30.e30.AAAA"},
        {"authorization": "Bearer e30.e30."},
        {"authorization": "Bearer e30.e30.AAAA", "x-agent-token": AGENT},
        {"authorization": f"Bearer {USER}", "workspace": "Acme"},
        {"authorization": "Bearer e30.e30.AAAA", "workspace": "Acme"},
        {"authorization": f"Bearer {USER}", "workspace": WORKSPACE, "X-Workspace": WORKSPACE},
    ],
    ids=[
        "scheme",
        "no scheme",
        "empty",
        "cut",
        "longer",
        "no text",
        "user as agent",
        "two",
        "twice",
        "two spellings",
        "JWT as agent",
        "JWT without signature",
        "JWT and token",
        "workspace's name",
        "JWT to a workspace's name",
        "two workspaces",
    ],
)  # fmt: skip
def test_what_cannot_be_a_credential_is_refused_without_a_look_up(presented: dict[str, object]) -> None:
    with pytest.raises(Unauthenticated) as refused:
        find_credentials(presented)
    assert USER[:20] not in refused.value.message


def test_a_token_never_shows_its_secret() -> None:
    token = make_token(ActorKind.SERVICE)
    assert token.secret not in repr(token)
    assert token.public_id in repr(token)


def test_a_token_survives_its_text_and_any_typo_does_not() -> None:
    token = make_token(ActorKind.USER)
    text = str(token)
    assert parse_token(text) == token
    for position in range(len(text)):
        wrong = text[:position] + ("a" if text[position] != "a" else "b") + text[position + 1 :]
        assert parse_token(wrong) is None


def test_only_the_right_secret_matches_what_is_stored() -> None:
    token, other = make_token(ActorKind.AGENT), make_token(ActorKind.AGENT)
    assert token.matches(token.secret_sha256)
    assert not Token(ActorKind.AGENT, token.public_id, other.secret).matches(token.secret_sha256)
