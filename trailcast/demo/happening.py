"""Makes single events of a demo company: what somebody could log there, with the words of its boards. Knows no time and no order.

What is drawn comes from the `Random` that is handed in, so the same seed says the same.
"""

from dataclasses import dataclass
from random import Random
from typing import TypedDict

from trailcast.demo.company import Company, Ids
from trailcast.records import ActorKind, EntityRef, EventInput, FieldChange, JsonObject, Outcome


@dataclass(frozen=True, slots=True)
class Who:
    """A person or an agent of the company, by number."""

    kind: ActorKind
    number: int


class _Actor(TypedDict, total=False):
    actor_kind: ActorKind
    actor_id: str


class Happenings:
    """What can happen in one company."""

    def __init__(self, company: Company, ids: Ids, chance: Random) -> None:
        self.company = company
        self.ids = ids
        self.chance = chance
        self.tasks = company.tasks
        self.people = [Who(ActorKind.USER, number) for number in range(len(company.people))]
        self.agents = [Who(ActorKind.AGENT, number) for number in range(len(company.agents))]

    def people_of(self, board: int) -> list[Who]:
        """Those who may write the board."""
        return [who for who in self.people if self.company.people[who.number].may_write(board)]

    def agents_of(self, board: int) -> list[Who]:
        return [who for who in self.agents if self.company.agents[who.number].board in {None, board}]

    def name(self, who: Who) -> str:
        entries = self.company.agents if who.kind is ActorKind.AGENT else self.company.people
        return entries[who.number].name

    # -- on a task

    def comment(self, task: int, who: Who, run: str | None = None) -> EventInput:
        board = self.company.boards[self.tasks[task][0]]
        is_agent = who.kind is ActorKind.AGENT
        return EventInput(
            event_type="task.comment",
            message=self._say(board.agents if is_agent else board.people),
            task_id=self.ids.of("task", task),
            metadata=self._spent(who) if is_agent else None,
            correlation_id=run,
            **self._by(who),
        )

    def failure(self, task: int, agent: Who, run: str, attempt: int) -> EventInput:
        board = self.company.boards[self.tasks[task][0]]
        return EventInput(
            event_type="task.execution.failed",
            message=self._say(board.failures),
            task_id=self.ids.of("task", task),
            metadata={**self._spent(agent), "attempt": attempt},
            correlation_id=run,
            **self._by(agent),
        )

    def change(self, task: int, who: Who, event_type: str, change: FieldChange) -> EventInput:
        """A changed field of a task: its status, its assignee, its priority."""
        task_id = self.ids.of("task", task)
        return EventInput(event_type=event_type, task_id=task_id, changes=(change,), **self._by(who))

    def task_event(self, task: int, who: Who, event_type: str) -> EventInput:
        """An event that its type says all about."""
        return EventInput(event_type=event_type, task_id=self.ids.of("task", task), **self._by(who))

    def request(self, task: int, agent: Who, wanted_by: Who, run: str) -> EventInput:
        """An agent asks for an approval in the name of a person."""
        board = self.company.boards[self.tasks[task][0]]
        return EventInput(
            event_type="approval.requested",
            message=self._say(board.approvals),
            task_id=self.ids.of("task", task),
            correlation_id=run,
            on_behalf_of_kind=wanted_by.kind,
            on_behalf_of_id=self._id(wanted_by),
            **self._by(agent),
        )

    def review(self, task: int, person: Who, run: str) -> EventInput:
        granted = self.chance.random() < 0.75  # noqa: PLR2004 - three of four
        return EventInput(
            event_type="approval.reviewed",
            message="Go ahead." if granted else "Not like this, please come back with a smaller plan.",
            outcome=Outcome.SUCCESS if granted else Outcome.DENIED,
            task_id=self.ids.of("task", task),
            changes=(FieldChange("decision", None, "approved" if granted else "refused"),),
            correlation_id=run,
            **self._by(person),
        )

    # -- elsewhere

    def sign_in(self, person: Who, event_type: str) -> EventInput:
        method = self.chance.choice(("password", "single sign-on", "passkey"))
        words = {
            "auth.login_failed": "{} gave a wrong password.",
            "auth.login": "{} signed in.",
            "auth.logout": "{} signed out.",
        }
        message = words[event_type].format(self.name(person)) if event_type in words else None
        return EventInput(event_type=event_type, message=message, metadata={"method": method}, **self._by(person))

    def heartbeat(self, agent: Who) -> EventInput:
        metadata = {"load": round(self.chance.uniform(0.05, 0.9), 2), "waiting_tasks": self.chance.randint(0, 7)}
        return EventInput(event_type="agent.heartbeat", metadata=metadata, **self._by(agent))

    def restart(self, agent: Who) -> list[EventInput]:
        """The watchdog, which is a part of the system, ends an agent; the agent comes back."""
        killed = EventInput(
            event_type="agent.killed",
            message=f"{self.name(agent)} used more memory than it may and was ended.",
            entity_type="agent",
            entity_id=self._id(agent),
            entity_name=self.name(agent),
            actor_kind=ActorKind.SYSTEM,
            actor_id=self.ids.of("watchdog", 0),
        )
        return [killed, EventInput(event_type="agent.spawned", **self._by(agent))]

    def about(
        self, event_type: str, who: Who | None, entity: EntityRef, name: str, change: FieldChange | None = None
    ) -> EventInput:
        """An event about something that is no task; without `who` the service itself did it."""
        return EventInput(
            event_type=event_type,
            board_id=entity.id if entity.type == "board" else None,
            entity_type=entity.type,
            entity_id=entity.id,
            entity_name=name,
            changes=(change,) if change else (),
            **(self._by(who) if who else _Actor()),
        )

    def run_id(self) -> str:
        return f"run-{self.chance.getrandbits(40):010x}"

    def _id(self, who: Who) -> str:
        return self.ids.of("agent" if who.kind is ActorKind.AGENT else "person", who.number)

    def _by(self, who: Who) -> _Actor:
        return _Actor(actor_kind=who.kind, actor_id=self._id(who))

    def _say(self, sentences: tuple[str, ...]) -> str:
        chance = self.chance
        return chance.choice(sentences).format(
            count=chance.randint(4, 12),
            minutes=chance.randint(20, 55),
            percent=chance.randint(4, 38),
            person=chance.choice(self.company.people).first_name,
        )

    def _spent(self, agent: Who) -> JsonObject:
        """What a run cost, as agents report it."""
        return {
            "model": self.company.agents[agent.number].model,
            "tokens_used": self.chance.randint(400, 9000),
            "duration_ms": self.chance.randint(800, 60_000),
        }
