"""Who the companies of the demo are: names, boards, tasks and the sentences that are said on them, read from the TOML files here.

The ids of what a company has follow from the id of its workspace, so whoever knows that one knows them all.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

from trailcast.records import MembershipRole

Kind = Literal["person", "agent", "board", "task", "project", "meeting", "watchdog"]
FILES = ("courier.toml", "kitchen.toml")


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(_Described):
    """`writes` and `reads` are indices of boards; an owner or admin needs none."""

    name: str
    role: str
    membership: MembershipRole
    writes: tuple[int, ...] = ()
    reads: tuple[int, ...] = ()

    @property
    def first_name(self) -> str:
        return self.name.partition(" ")[0]

    def may_write(self, board: int) -> bool:
        return self.membership is not MembershipRole.MEMBER or board in self.writes


class Agent(_Described):
    """`board`: the only one that it works on; None: any."""

    name: str
    role: str
    model: str
    board: int | None = None


class Board(_Described):
    """What people and agents say on it, what fails there, and what needs an approval."""

    name: str
    project: str
    tasks: tuple[str, ...]
    people: tuple[str, ...]
    agents: tuple[str, ...]
    failures: tuple[str, ...]
    approvals: tuple[str, ...]


class Company(_Described):
    """One workspace of the demo."""

    name: str
    service: str
    people: tuple[Person, ...]
    agents: tuple[Agent, ...]
    boards: tuple[Board, ...]

    @property
    def projects(self) -> list[str]:
        return list(dict.fromkeys(board.project for board in self.boards))

    @property
    def tasks(self) -> list[tuple[int, str]]:
        """(board, title) of every task; the first are those of the first board."""
        return [(number, title) for number, board in enumerate(self.boards) for title in board.tasks]


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of a company's things in its workspace."""

    workspace: UUID

    def of(self, kind: Kind, number: int) -> str:
        return str(uuid5(self.workspace, f"{kind}/{number}"))


@cache
def companies() -> tuple[Company, ...]:
    """The companies of the demo, in the order of `demo.json`."""
    folder = Path(__file__).parent
    return tuple(Company.model_validate(tomllib.loads((folder / name).read_text("utf-8"))) for name in FILES)
