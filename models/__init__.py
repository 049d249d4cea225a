"""The tables: columns, constraints, indexes. No queries, no I/O, no relationships.

`models.metadata` is what the migrations must lead to; a test compares the two.
"""

from models.base import Base
from models.credential import Credential
from models.directory import Agent, Board, BoardGrant, Membership, Project, Service, Task, User, Workspace
from models.event import Event
from models.head import Head
from models.rollup import Rollup, RollupMark

metadata = Base.metadata

__all__ = [
    "Agent",
    "Base",
    "Board",
    "BoardGrant",
    "Credential",
    "Event",
    "Head",
    "Membership",
    "Project",
    "Rollup",
    "RollupMark",
    "Service",
    "Task",
    "User",
    "Workspace",
    "metadata",
]
