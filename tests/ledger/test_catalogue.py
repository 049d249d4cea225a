"""The catalogue: every type that the contract names is there, with a category, an action and a description, and stays so."""

import pytest

from tests.support.clients import Client
from tests.support.world import World
from trailcast.ledger.catalogue import CATALOGUE, action_of, category_of, is_event_type, outcome_of
from trailcast.records import Outcome

PROMISED = {
    "auth": "login logout login_failed token_refreshed password_reset email_verified",
    "user": "updated",
    "workspace": "created updated deleted member_added member_removed",
    "task": "created updated deleted completed assigned status_changed comment execution.failed",
    "event": "created updated deleted",
    "project": "created updated deleted",
    "agent": "provisioned spawned killed heartbeat",
    "approval": "requested reviewed",
    "board": "created updated deleted",
}
FAILURES = {"auth.login_failed", "task.execution.failed"}


def test_every_promised_type_is_known() -> None:
    promised = {f"{subject}.{what}" for subject, whats in PROMISED.items() for what in whats.split()}
    assert set(CATALOGUE) == promised | {"workspace.member_updated"}


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_a_known_type_has_a_category_an_action_and_a_description(name: str) -> None:
    entry = CATALOGUE[name]
    assert is_event_type(name)
    assert entry.name == name
    assert entry.category == category_of(name) == name.partition(".")[0]
    assert entry.action == action_of(name)
    assert entry.action.replace("_", "").isalpha()
    assert entry.action.islower()
    assert entry.description.endswith(".")
    assert len(entry.description.split()) >= 3
    assert outcome_of(name) is (Outcome.FAILURE if name in FAILURES else Outcome.SUCCESS)


def test_descriptions_are_written_for_each_type() -> None:
    assert len({entry.description for entry in CATALOGUE.values()}) == len(CATALOGUE)


@pytest.mark.parametrize(
    ("name", "category", "action", "outcome"),
    [
        ("invoice.paid", "invoice", "paid", Outcome.SUCCESS),
        ("invoice.export.retry_failed", "invoice", "retry_failed", Outcome.FAILURE),
        ("deploy.rolled_back", "deploy", "rolled_back", Outcome.SUCCESS),
        ("failed.build", "failed", "build", Outcome.SUCCESS),
    ],
)
def test_an_unknown_type_is_described_by_its_name(name: str, category: str, action: str, outcome: Outcome) -> None:
    assert (category_of(name), action_of(name), outcome_of(name)) == (category, action, outcome)


async def test_the_api_shows_the_catalogue_as_it_is(gql: Client, world: World) -> None:
    data = await gql.data("{ eventTypes { name category action description } }", token=world.token("bot"))
    expected = [
        {"name": entry.name, "category": entry.category, "action": entry.action, "description": entry.description}
        for entry in sorted(CATALOGUE.values(), key=lambda entry: entry.name)
    ]
    assert data["eventTypes"] == expected


async def test_what_was_not_given_is_derived_and_what_was_given_stays(gql: Client, world: World) -> None:
    document = """
    mutation {
      derived: logActivity(input: {eventType: "task.execution.failed"}) { event { category action outcome } }
      given: logActivity(input: {eventType: "task.execution.failed", action: "stopped", outcome: DENIED}) {
        event { category action outcome }
      }
    }
    """
    data = await gql.data(document, token=world.token("bot"))
    assert data["derived"]["event"] == {"category": "task", "action": "executed", "outcome": "FAILURE"}
    assert data["given"]["event"] == {"category": "task", "action": "stopped", "outcome": "DENIED"}
