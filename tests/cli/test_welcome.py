"""What `run` says when it is ready: links that sign in are printed where the console takes them, and nowhere else."""

from uuid import UUID

import pytest

from trailcast.cli.welcome import welcome
from trailcast.demo.handout import Address, DemoWorkspace, Handout, Tokens

TOKENS = Tokens(owner="tcu_o", member="tcu_m", agent="tca_a", agent2="tca_b", service="tcs_s")
SOMETHING = (UUID(int=1),)


@pytest.mark.parametrize(
    ("site", "has_links"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost:8000", True),
        ("http://[::1]:8000", True),
        ("http://0.0.0.0:8000", False),
        ("http://192.0.2.7:8000", False),
        ("http://127.0.0.1.example:8000", False),
    ],
)
def test_links_are_printed_for_the_machines_own_address_alone(site: str, has_links: bool) -> None:
    workspace = DemoWorkspace(
        id=SOMETHING[0], name="Acme", tokens=TOKENS, agents=SOMETHING, boards=SOMETHING, tasks=SOMETHING
    )
    address = Address(http=f"{site}/graphql", ws=f"{site}/graphql")
    text = welcome(address, ".trailcast", Handout(http=address.http, ws=address.ws, workspaces=(workspace,)))
    links = [line.split()[-1] for line in text.splitlines() if "#token=" in line]
    assert links == ([f"{site}/#token={token}" for token in ("tcu_o", "tcu_m", "tca_a")] if has_links else [])
    assert all(token in text for _, token in TOKENS)
