"""Who signs in to the console sees what the API shows to that credential, and nothing else; nothing is kept but in the tab."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from tests.support.world import World, identity
from tests.web.browser import Browser
from tests.web.conftest import JWT, SECRET
from tests.web.site import Server

BOARDS = """{ viewer { actor { name } boards { canWrite board { name } } } }"""


@pytest.mark.parametrize("caller", ["owner", "member", "bot", "builder", "service"])
def test_each_sees_what_the_api_shows_to_it(browser: Browser, served: Server, world: World, caller: str) -> None:
    token = world.token(caller)
    viewer = served.ask(BOARDS, token=token)["viewer"]
    boards = [board["board"]["name"] for board in viewer["boards"]]
    sequences = served.sequences(token)
    seen = browser("whatIsSeen", credential=token)
    assert len(sequences) > 0
    assert seen["sequences"] == sequences[: max(50, len(seen["sequences"]))]
    assert (seen["name"], seen["workspace"]) == (viewer["actor"]["name"], "Acme")
    assert seen["boards"] == ["All boards", *boards]
    assert seen["mayWrite"] is any(board["canWrite"] for board in viewer["boards"])
    assert (seen["note"], seen["stored"]) == ("", ["trailcast.session"])


def test_member_without_boards_is_told_whom_to_ask(browser: Browser, served: Server, world: World) -> None:
    token = world.token("stranger")
    assert served.sequences(token) == []
    seen = browser("whatIsSeen", credential=token)
    assert (seen["sequences"], seen["note"]) == ([], "No board is shared with you yet")


@pytest.mark.parametrize(
    ("credential", "words", "noise"),
    [
        ("tcu_nonsense", "mistyped, unknown, expired or revoked", 1),
        ("a token", "has no spaces", 0),
        ("", "Paste a token", 0),
    ],
)
def test_credential_that_does_not_count_is_refused_and_forgotten(
    browser: Browser, credential: str, words: str, noise: int
) -> None:
    refused, complaints = browser.noisily("refused", credential=credential)
    assert words in refused["said"]
    assert refused["kept"] == 0
    assert len(complaints) == noise  # Chromium itself says so of an answer with status 401
    assert all("401" in complaint for complaint in complaints)


def test_signing_out_while_the_feed_connects_is_quiet(browser: Browser, world: World) -> None:
    assert browser("signedOutEarly", credential=world.token("owner")) == {"asks": True}


def test_link_signs_in_and_leaves_its_token_in_no_address(browser: Browser, world: World) -> None:
    owner, member = world.token("owner"), world.token("member")
    found = browser("signedInByLink", credential=owner, name="Olive", other=member, otherName="Mia")
    assert found["hashes"] == ["#/", "#/", "#/search", "#/"]
    assert (member in found["here"], owner in found["here"]) == (True, False)
    for token in (owner, member):
        assert token not in found["elsewhere"]
        assert not [line for line in found["asked"] if token in line]
    assert len(found["asked"]) > 5


def test_link_is_not_taken_where_anybody_could_send_one(browser: Browser, world: World) -> None:
    # The noise is that this is another host than the tests' own; it is this machine all the same.
    left, _ = browser.noisily("linkNotTaken", credential=world.token("owner"), host="trailcast.localhost")
    assert "address of this machine only" in left["said"]
    assert (left["hash"], left["kept"]) == ("#/", 0)
    left, complaints = browser.noisily("linkNotTaken", credential="tcu_nonsense", host="127.0.0.1")
    assert "mistyped, unknown, expired or revoked" in left["said"]
    assert (left["hash"], left["kept"], len(complaints)) == ("#/", 0, 1)


def test_revoked_token_ends_the_session_at_once_and_says_so(browser: Browser, served: Server) -> None:
    token = served.command("token", "create", "--workspace", "Acme", "--user", "Olive")
    browser("openFeed", credential=token, place="#/", name="revoked")
    served.command("token", "revoke", token.split("_")[1])
    ended = browser("endedSession", name="revoked")
    assert "revoked or has expired" in ended["said"]
    assert (ended["kept"], ended["articles"]) == (0, 0)


def test_person_with_two_workspaces_chooses_and_changes(browser: Browser, world: World) -> None:
    claims = {
        "sub": "sub|double", "iss": JWT["TRAILCAST_JWT_ISSUER"], "aud": JWT["TRAILCAST_JWT_AUDIENCE"],
        "exp": datetime.now(UTC) + timedelta(hours=1), "iat": datetime.now(UTC),
    }  # fmt: skip
    credential = jwt.encode(claims, SECRET, algorithm="HS256")
    found = browser("chosenWorkspaces", credential=credential, first="Globex", second="Acme")
    assert found == {"offered": ["Acme", "Globex"], "chosen": ["Globex", "Acme", "Acme"]}
    assert identity("double")
