"""What is asked for: every documented filter, alone and together with others, by three kinds of caller.

The values are of the generated log (`bench.growth.shape`), busy ones and quiet ones, such that go together and such that never do: a
type that never fails with failures, a member with a board that it may not read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from typing import Any

from bench.growth.place import PAGE, Place
from bench.growth.shape import RARE_WORD, TRAIL_BOARD, TRAIL_TASK, WORDS
from trailcast.access.scope import BoardSet, Scope
from trailcast.ledger.filters import of_one_actor
from trailcast.ledger.json_rows import Field, Shape
from trailcast.ledger.pages import WRITTEN_PAGES, form_of_page
from trailcast.ledger.prepared import Asked, AskedTotal, Prepared
from trailcast.ledger.totals import COUNTS, form_of_count
from trailcast.records import EntityRef, EventFilter, Outcome, PageRequest

WEEK, WEEKS_AGO = timedelta(weeks=1), 12
QUIET_BOARD, AGENT, PERSON = 0.75, 1 / 3, 5  # of all boards and agents, by how busy they are; a person by number
SHOWN = Shape(tuple([Field(name, name, required=True) for name in ("id", "sequence", "event_type", "created_at")]))
# One of each at most: they are values of the same filter.
EITHER = (frozenset({"board", "quiet board"}), frozenset({"type", "rare type"}), frozenset({"word", "rare word"}))


@dataclass(frozen=True, slots=True)
class Question:
    """A page, or a bounded count, of some filters by one kind of caller."""

    caller: str
    filters: tuple[str, ...]
    asked: Asked

    @property
    def page(self) -> Prepared:
        """The statement of the newest 50."""
        return WRITTEN_PAGES.find((SHOWN, form_of_page(self.asked)), self.asked, SHOWN)

    def count(self, up_to: int, look_at: int) -> Prepared:
        """The statement that counts up to so many, and looks at so many where it must."""
        asked = AskedTotal(self.asked.scope, self.asked.wanted, up_to, look_at)
        return COUNTS.find(form_of_count(asked), asked)


def callers(place: Place) -> Mapping[str, Scope]:
    """Who asks: for everything, for some boards, for its own."""
    home = place.log.workspace_id
    return {
        "owner": Scope(home, everything=True, boards=BoardSet(all=True)),
        "member": Scope(home, user_id=place.member, boards=BoardSet(ids=frozenset(place.member_boards))),
        "agent": Scope(home, agent_id=_agent(place)),
    }


def filters(place: Place) -> Mapping[str, Mapping[str, Any]]:
    """A value of each filter, or two."""
    log = place.log
    task = log.task_id(TRAIL_BOARD, TRAIL_TASK)
    end = place.until - WEEKS_AGO * WEEK
    return {
        "board": {"board_id": (place.board,)},
        "quiet board": {"board_id": (log.id_of("board", round(log.boards * QUIET_BOARD)),)},
        "agent": {"agent_id": (_agent(place),)},
        "task": {"task_id": (task,)},
        "actor": {"actor_id": (log.id_of("user", PERSON),)},
        "type": {"event_type": ("task.comment",)},
        "rare type": {"event_type": ("board.updated",)},
        "outcome": {"outcome": (Outcome.FAILURE,)},
        "entity": {"entity": EntityRef("task", str(task))},
        "word": {"text": WORDS[1]},
        "rare word": {"text": RARE_WORD},
        "time": {"since": end - WEEK, "until": end},
    }


def questions(place: Place, together: int) -> Iterator[Question]:
    """Every combination of so many filters and fewer, by everybody."""
    values = filters(place)
    for number in range(1, together + 1):
        for names in combinations(values, number):
            if any(either <= set(names) for either in EITHER):
                continue
            wanted = of_one_actor(EventFilter(**{key: value for name in names for key, value in values[name].items()}))
            for caller, scope in callers(place).items():
                yield Question(caller, names, Asked(scope, wanted, PageRequest(limit=PAGE)))


def worst(found: Sequence[tuple[Question, Any]], number: int) -> list[tuple[Question, Any]]:
    """Those that read the most."""
    return sorted(found, key=lambda pair: -pair[1].rows)[:number]


def _agent(place: Place) -> Any:
    return place.log.id_of("agent", round(place.log.agents * AGENT))
