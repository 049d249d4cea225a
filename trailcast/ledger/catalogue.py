"""The event types that are known by name, and what follows from a type alone: its category, action and usual outcome.

A type is never renamed and never reused. One that is not in the catalogue is accepted if it is well formed, and described by
the same rules: the first segment is the category, the last one the action.
"""

import re
from functools import lru_cache

from trailcast.records import EventType, Outcome

EVENT_TYPE_LENGTH_MAX = 100
EVENT_TYPES_KEPT_MAX = 4096  # as they were looked at: clients use the same again and again
EVENT_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9][a-z0-9_]*)+")
COMMENT = "task.comment"

_KNOWN = """
auth.login              logged_in     Somebody signed in.
auth.logout             logged_out    Somebody signed out.
auth.login_failed       logged_in     A sign-in was refused.
auth.token_refreshed    refreshed     A session was prolonged with a new token.
auth.password_reset     updated       A password was set anew.
auth.email_verified     verified      An e-mail address was proven.
user.updated            updated       A person's profile changed.
workspace.created       created       The workspace came to be.
workspace.updated       updated       The workspace's name or settings changed.
workspace.deleted       deleted       The workspace was closed.
workspace.member_added  created       A person got access to the workspace.
workspace.member_updated updated      A person's role or board rights changed.
workspace.member_removed deleted      A person lost access to the workspace.
task.created            created       A task was added.
task.updated            updated       A task's fields changed.
task.deleted            deleted       A task was removed; its history stays.
task.completed          completed     A task was finished.
task.assigned           assigned      A task was given to somebody.
task.status_changed     updated       A task moved to another status.
task.comment            commented     Somebody commented on a task.
task.execution.failed   executed      An agent's run on a task failed.
event.created           created       A calendar event was added.
event.updated           updated       A calendar event changed.
event.deleted           deleted       A calendar event was removed.
project.created         created       A project was added.
project.updated         updated       A project changed.
project.deleted         deleted       A project was removed; its history stays.
agent.provisioned       provisioned   An agent was set up and given its rights.
agent.spawned           spawned       An agent's process started.
agent.killed            killed        An agent's process was ended.
agent.heartbeat         reported      An agent said that it is alive.
approval.requested      requested     Somebody asked for an approval.
approval.reviewed       reviewed      An approval was given or refused.
board.created           created       A board was added.
board.updated           updated       A board changed.
board.deleted           deleted       A board was removed; its history stays.
"""


def category_of(event_type: str) -> str:
    """The first segment."""
    return event_type.partition(".")[0]


def action_of(event_type: str) -> str:
    """What the catalogue says, else the last segment."""
    known = CATALOGUE.get(event_type)
    return known.action if known else event_type.rpartition(".")[2]


def outcome_of(event_type: str) -> Outcome:
    """A type that ends in `failed` is a failure, everything else a success."""
    return Outcome.FAILURE if event_type.endswith("failed") else Outcome.SUCCESS


@lru_cache(maxsize=EVENT_TYPES_KEPT_MAX)
def describe(event_type: str) -> tuple[str, str, Outcome]:
    """The three of them. The type is well formed, so its length is bounded."""
    return category_of(event_type), action_of(event_type), outcome_of(event_type)


def is_event_type(text: str) -> bool:
    """Whether the text is well formed: dotted lower case, at least two segments, at most 100 characters."""
    return len(text) <= EVENT_TYPE_LENGTH_MAX and _is_well_formed(text)


@lru_cache(maxsize=EVENT_TYPES_KEPT_MAX)
def _is_well_formed(text: str) -> bool:
    return EVENT_TYPE.fullmatch(text) is not None


def _entry(line: str) -> EventType:
    name, action, description = line.split(maxsplit=2)
    return EventType(name, category_of(name), action, description)


CATALOGUE = {entry.name: entry for entry in map(_entry, _KNOWN.strip().splitlines())}
