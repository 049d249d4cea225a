"""What the demo tells: always the same, in order, within a month, and true to itself."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from trailcast.demo.company import Company, Ids, companies
from trailcast.demo.handout import DemoWorkspace, Tokens
from trailcast.demo.live import invent
from trailcast.demo.story import tell
from trailcast.records import ActorKind

IDS = Ids(UUID(int=1))
MONDAY = datetime(2026, 3, 2, 11, 30, tzinfo=UTC)
EVENTS = {"Kestrel Couriers": 2290, "St. Brigid's Kitchen": 2259}


@pytest.fixture(params=companies(), ids=lambda company: company.name)
def company(request: pytest.FixtureRequest) -> Company:
    found: Company = request.param
    return found


def test_same_moment_tells_the_same_story(company: Company) -> None:
    assert tell(company, IDS, MONDAY) == tell(company, IDS, MONDAY)


@pytest.mark.parametrize("later", [timedelta(0), timedelta(hours=14), timedelta(days=5, hours=3)])
def test_same_things_happen_whenever_it_is_told(company: Company, later: timedelta) -> None:
    story, other = tell(company, IDS, MONDAY), tell(company, IDS, MONDAY + later)
    assert len(other.events) == EVENTS[company.name]
    assert other.statuses == story.statuses
    assert Counter(given.event_type for _, given in other.events) == Counter(
        given.event_type for _, given in story.events
    )


def test_times_never_fall_and_lie_in_the_last_thirty_days(company: Company) -> None:
    times = [at for at, _ in tell(company, IDS, MONDAY).events]
    assert times == sorted(times)
    assert MONDAY - timedelta(days=30) < times[0] < times[-1] <= MONDAY


def test_most_happens_on_working_days_in_daytime(company: Company) -> None:
    people = [at for at, given in tell(company, IDS, MONDAY).events if given.actor_kind is ActorKind.USER]
    assert sum(at.weekday() < 5 and 6 <= at.hour < 21 for at in people) > 0.9 * len(people)


def test_every_kind_of_event_that_was_promised_happens(company: Company) -> None:
    events = [given for _, given in tell(company, IDS, MONDAY).events]
    types = Counter(given.event_type for given in events)
    promised = {
        "auth.login", "auth.logout", "auth.login_failed", "auth.token_refreshed", "auth.password_reset", "auth.email_verified",
        "user.updated", "workspace.created", "project.created", "project.updated", "board.created", "board.updated",
        "event.created", "event.updated", "agent.provisioned", "agent.spawned", "agent.killed", "agent.heartbeat",
        "task.created", "task.updated", "task.assigned", "task.status_changed", "task.completed", "task.comment",
        "task.execution.failed", "approval.requested", "approval.reviewed",
    }  # fmt: skip
    assert set(types) == promised
    commenting = Counter(given.actor_kind for given in events if given.event_type == "task.comment")
    assert set(commenting) == {ActorKind.USER, ActorKind.AGENT}
    assert all("{" not in (given.message or "") for given in events)
    spent = [given.metadata for given in events if given.event_type == "task.execution.failed"]
    assert {frozenset(metadata) for metadata in spent} == {
        frozenset({"model", "tokens_used", "duration_ms", "attempt"})
    }
    assert {given.on_behalf_of_kind for given in events} == {None, ActorKind.USER}


def test_tasks_begin_before_they_go_on_and_end_where_the_directory_says(company: Company) -> None:
    story = tell(company, IDS, MONDAY)
    for number, status in enumerate(story.statuses):
        history = [given for _, given in story.events if given.task_id == IDS.of("task", number)]
        assert history[0].event_type == "task.created"
        moves = [given.changes[0] for given in history if given.event_type == "task.status_changed"]
        assert ["todo", *(move.after for move in moves)][-1] == status
        assert [move.before for move in moves] == ["todo", *(move.after for move in moves)][: len(moves)]
        assert [given.event_type for given in history].count("task.completed") == (status == "done")


def test_second_agent_works_on_its_board_only(company: Company) -> None:
    first_board = {IDS.of("task", number) for number, (board, _) in enumerate(company.tasks) if board == 0}
    places = {
        given.task_id
        for _, given in tell(company, IDS, MONDAY).events
        if given.actor_id == IDS.of("agent", 1) and given.task_id
    }
    assert places <= first_board
    assert len(places) > 1


def names(company: Company) -> set[str]:
    people, agents = {person.name for person in company.people}, {agent.name for agent in company.agents}
    boards, tasks = {board.name for board in company.boards}, {title for _, title in company.tasks}
    return {company.name, company.service} | people | agents | boards | tasks


def test_companies_have_nothing_in_common() -> None:
    first, second = companies()
    assert names(first).isdisjoint(names(second))
    assert [(len(company.boards), len(company.tasks), len(company.agents)) for company in companies()] == [
        (5, 60, 2)
    ] * 2


def test_live_events_are_of_several_kinds_and_mostly_comments(company: Company) -> None:
    nothing = Tokens(owner="", member="", agent="", agent2="", service="")
    workspace = DemoWorkspace(id=IDS.workspace, name=company.name, tokens=nothing, agents=(), boards=(), tasks=())
    chance = Random(7)
    types = Counter(invent(workspace, chance).event_type for _ in range(400))
    assert set(types) == {
        "task.comment",
        "task.execution.failed",
        "task.updated",
        "agent.heartbeat",
        "approval.requested",
    }
    assert types["task.comment"] > 200
