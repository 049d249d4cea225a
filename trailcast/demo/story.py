"""What happened in a demo company during the last month: events in order of time, and where each task stands at the end.

Deterministic from a seed, apart from the present time: what happens is drawn from one source and when it happens from another,
because how often a time has to be drawn depends on the calendar. Nothing here reads a clock, a file or a database.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from trailcast.demo.company import Company, Ids
from trailcast.demo.happening import Happenings, Who
from trailcast.records import ActorKind, EntityRef, EventInput, FieldChange

SEED = 20
SPAN = timedelta(days=29, hours=20)  # every event is younger than 30 days, for some hours
SIGN_INS = 24  # per person
HEARTBEATS = 150  # per agent
MEETINGS = 8
STEPS_MIN, STEPS_MAX = 11, 19  # what happens on a task between its start and its end
STATUSES = ("done", "review", "in_progress", "blocked", "todo")
STATUS_WEIGHTS = (45, 12, 25, 6, 12)
PRIORITIES = ("low", "normal", "high", "urgent")
FREE_DAYS = (5, 6)  # Saturday, Sunday


@dataclass(slots=True)
class Story:
    """The events, oldest first, and the status of every task."""

    events: list[tuple[datetime, EventInput]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)


class Calendar:
    """Draws times between two moments: most on working days, between eight and six."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def draw(self, start: datetime, end: datetime) -> datetime:
        span_s = (end - start).total_seconds()
        moment = start
        for _ in range(50):  # a span without a working hour is taken as it is
            moment = start + timedelta(seconds=self._chance.uniform(0, span_s))
            if self._chance.random() < _busyness(moment):
                break
        return moment

    def draw_many(self, start: datetime, end: datetime, count: int) -> list[datetime]:
        return sorted(self.draw(start, end) for _ in range(count))

    def pause(self, seconds_min: float, seconds_max: float) -> timedelta:
        return timedelta(seconds=self._chance.uniform(seconds_min, seconds_max))


def _busyness(moment: datetime) -> float:
    by_hour = 1.0 if 8 <= moment.hour < 18 else 0.2 if 6 <= moment.hour < 21 else 0.02  # noqa: PLR2004 - hours
    return by_hour * (0.1 if moment.weekday() in FREE_DAYS else 1.0)


def tell(company: Company, ids: Ids, now: datetime) -> Story:
    """The last month of the company, up to now."""
    return _Teller(company, ids, now).tell()


class _Teller:
    def __init__(self, company: Company, ids: Ids, now: datetime) -> None:
        seed = f"{SEED}/{company.name}"
        self._company = company
        self._ids = ids
        self._chance = Random(f"{seed}/what")  # noqa: S311 - invents stories, guards nothing
        self._calendar = Calendar(Random(f"{seed}/when"))  # noqa: S311 - the same
        self._happenings = Happenings(company, ids, self._chance)
        self._now = now
        self._start = now - SPAN
        self._story = Story()

    def tell(self) -> Story:
        self._tell_opening()
        for task in range(len(self._happenings.tasks)):
            self._story.statuses.append(self._tell_task(task))
        for person in self._happenings.people:
            self._tell_sign_ins(person)
        for agent in self._happenings.agents:
            self._tell_heartbeats(agent)
        self._tell_meetings()
        self._tell_changes()
        self._story.events.sort(key=lambda event: event[0])  # stable: what was told first happened first
        return self._story

    def _add(self, at: datetime, given: EventInput) -> None:
        self._story.events.append((min(at, self._now), given))

    def _tell_opening(self) -> None:
        company, happenings, ids = self._company, self._happenings, self._ids
        owner = happenings.people[0]
        opening = [
            happenings.about("workspace.created", None, EntityRef("workspace", str(ids.workspace)), company.name)
        ]
        opening += [
            happenings.about("project.created", owner, EntityRef("project", ids.of("project", number)), name)
            for number, name in enumerate(company.projects)
        ]
        opening += [
            happenings.about("board.created", owner, EntityRef("board", ids.of("board", number)), board.name)
            for number, board in enumerate(company.boards)
        ]
        for number, agent in enumerate(company.agents):
            entity = EntityRef("agent", ids.of("agent", number))
            opening.append(happenings.about("agent.provisioned", owner, entity, agent.name))
            opening.append(happenings.about("agent.spawned", happenings.agents[number], entity, agent.name))
        opening += [happenings.sign_in(person, "auth.email_verified") for person in happenings.people]
        for minute, given in enumerate(opening):
            self._add(self._start + timedelta(minutes=minute), given)

    def _tell_task(self, task: int) -> str:
        """All that happens on one task; the status that it has in the end."""
        happenings, chance = self._happenings, self._chance
        board = happenings.tasks[task][0]
        people = happenings.people_of(board)
        maker, doer = chance.choice(people), chance.choice([*people, *happenings.agents_of(board)])
        status = chance.choices(STATUSES, STATUS_WEIGHTS)[0]
        steps = [[happenings.task_event(task, maker, "task.created")]]
        assigned = happenings.change(task, maker, "task.assigned", FieldChange("assignee", None, happenings.name(doer)))
        steps.append([assigned, happenings.comment(task, maker)])
        if status != "todo":
            steps.append(
                [happenings.change(task, doer, "task.status_changed", FieldChange("status", "todo", "in_progress"))]
            )
            steps += [self._step(task, people) for _ in range(chance.randint(STEPS_MIN, STEPS_MAX))]
            steps += self._end(task, doer, chance.choice(people), status)
        created = self._calendar.draw(self._start + timedelta(hours=1), self._now - timedelta(days=3))
        end = self._now - timedelta(minutes=20)
        if status in {"done", "todo"}:
            end = min(end, created + timedelta(days=chance.uniform(2, 18)))
        self._place(created, end, steps)
        return status

    def _step(self, task: int, people: Sequence[Who]) -> list[EventInput]:
        kind = self._chance.choices(("talk", "run", "edit", "approval"), (50, 30, 10, 10))[0]
        agents = self._happenings.agents_of(self._happenings.tasks[task][0])
        if kind == "run":
            return self._run(task, self._chance.choice(agents))
        if kind == "edit":
            before, after = self._chance.sample(PRIORITIES, 2)
            editor = self._chance.choice(people)
            return [self._happenings.change(task, editor, "task.updated", FieldChange("priority", before, after))]
        if kind == "approval":
            run = self._happenings.run_id()
            asked_by, reviewer = self._chance.choice(people), people[0]
            request = self._happenings.request(task, self._chance.choice(agents), asked_by, run)
            return [request, self._happenings.review(task, reviewer, run)]
        authors = self._chance.choices(people, k=self._chance.randint(1, 3))
        return [self._happenings.comment(task, author) for author in authors]

    def _run(self, task: int, agent: Who) -> list[EventInput]:
        """An agent works: sometimes it fails and tries again, in the end it reports. One correlation id for all."""
        run = self._happenings.run_id()
        failures = self._chance.choices((0, 1, 2), (70, 22, 8))[0]
        tried = [self._happenings.failure(task, agent, run, attempt) for attempt in range(1, failures + 1)]
        return [*tried, self._happenings.comment(task, agent, run)]

    def _end(self, task: int, doer: Who, reviewer: Who, status: str) -> list[list[EventInput]]:
        def move(who: Who, before: str, after: str) -> EventInput:
            return self._happenings.change(task, who, "task.status_changed", FieldChange("status", before, after))

        if status == "done":
            completed = self._happenings.task_event(task, doer, "task.completed")
            return [[move(doer, "in_progress", "review")], [move(reviewer, "review", "done"), completed]]
        return [] if status == "in_progress" else [[move(doer, "in_progress", status)]]

    def _place(self, start: datetime, end: datetime, steps: Sequence[Sequence[EventInput]]) -> None:
        """Give the steps their times, in their order; what belongs to one step happens within minutes."""
        at = start
        for moment, step in zip(self._calendar.draw_many(start, end, len(steps)), steps, strict=True):
            at = max(at, moment)
            for given in step:
                self._add(at, given)
                at += self._calendar.pause(15, 400)

    def _tell_sign_ins(self, person: Who) -> None:
        for at in self._calendar.draw_many(self._start + timedelta(hours=1), self._now, SIGN_INS):
            types = ["auth.login_failed"] * self._chance.choices((0, 1, 3), (88, 9, 3))[0] + ["auth.login"]
            types += ["auth.token_refreshed"] if self._chance.random() < 0.3 else []  # noqa: PLR2004 - some
            types += ["auth.logout"] if self._chance.random() < 0.5 else []  # noqa: PLR2004 - half
            moment = at
            for event_type in types:
                self._add(moment, self._happenings.sign_in(person, event_type))
                moment += self._calendar.pause(5, 40) if event_type == "auth.login_failed" else timedelta(minutes=50)

    def _tell_heartbeats(self, agent: Who) -> None:
        every = SPAN / HEARTBEATS
        for number in range(HEARTBEATS):
            self._add(
                self._start + every * (number + 1) - self._calendar.pause(0, 600), self._happenings.heartbeat(agent)
            )
        for at in self._calendar.draw_many(self._start + timedelta(days=1), self._now - timedelta(hours=1), 4):
            killed, spawned = self._happenings.restart(agent)
            self._add(at, killed)
            self._add(at + self._calendar.pause(5, 60), spawned)

    def _tell_meetings(self) -> None:
        moments = self._calendar.draw_many(self._start + timedelta(days=1), self._now, MEETINGS)
        for number, at in enumerate(moments):
            board = self._chance.choice(self._company.boards)
            host = self._chance.choice(self._happenings.people)
            about = (EntityRef("event", self._ids.of("meeting", number)), f"Round on {board.name.lower()}")
            self._add(at, self._happenings.about("event.created", host, *about))
            moved = FieldChange("start", f"{9 + number % 3}:00", f"{10 + number % 5}:30")
            if number % 2:
                self._add(at + timedelta(hours=5), self._happenings.about("event.updated", host, *about, moved))

    def _tell_changes(self) -> None:
        """What changes now and then: boards, projects, people, the workspace, one board right that was refused."""
        company, happenings, ids = self._company, self._happenings, self._ids
        owner = happenings.people[0]
        changes = [
            happenings.about(
                "board.updated", owner, EntityRef("board", ids.of("board", number)), board.name,
                FieldChange("description", None, f"All about {board.name.lower()}."),
            )
            for number, board in enumerate(company.boards)
        ]  # fmt: skip
        changes += [
            happenings.about(
                "project.updated", owner, EntityRef("project", ids.of("project", number)), name,
                FieldChange("state", "planned", "running"),
            )
            for number, name in enumerate(company.projects)
        ]  # fmt: skip
        for number, person in enumerate(company.people):
            role = FieldChange("role", "New colleague", person.role)
            about = (EntityRef("user", ids.of("person", number)), person.name)
            changes.append(happenings.about("user.updated", Who(ActorKind.USER, number), *about, role))
        changes.append(happenings.sign_in(happenings.people[-1], "auth.password_reset"))
        moments = self._calendar.draw_many(self._start + timedelta(hours=2), self._now, len(changes))
        for at, given in zip(moments, changes, strict=True):
            self._add(at, given)
