"""Who may see what, written down by hand from the product's rules and from nothing else: what the server answers is held against it.

`SEES` names who sees an event beside those who see their whole workspace; the other tables say the same of the directory.
A new event in the world, or a new kind of caller, needs a row here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.world import World

ABSENT = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Caller:
    """Somebody who asks: a token of the world, the workspace that is picked with it (if any), and where that leads."""

    token: str
    home: str
    picks: str | None = None

    def headers(self, world: World) -> dict[str, str]:
        """What it sends."""
        picked = {} if self.picks is None else {"x-workspace": workspace_id(world, self.picks)}
        return {"authorization": f"Bearer {world.token(self.token)}", **picked}

    def payload(self, world: World) -> dict[str, Any]:
        """What it sends in `connection_init`."""
        picked = {} if self.picks is None else {"workspace": workspace_id(world, self.picks)}
        return {"Authorization": f"Bearer {world.token(self.token)}", **picked}


def workspace_id(world: World, name: str) -> str:
    return {"acme": world.acme, "globex": world.globex}[name]


CALLERS: Mapping[str, Caller] = {
    **{name: Caller(name, "acme") for name in ("owner", "admin", "member", "stranger", "bot", "builder", "service")},
    "double": Caller("double", "acme"),  # the older of its two memberships
    "double_in_globex": Caller("double", "globex", picks="globex"),
    **{name: Caller(name, "globex") for name in ("globex_owner", "globex_agent", "globex_service")},
}
SEE_EVERYTHING = {
    "acme": frozenset({"owner", "admin", "service"}),
    "globex": frozenset({"globex_owner", "globex_service", "double_in_globex"}),
}


@dataclass(frozen=True)
class Logged:
    """One event of the world as it must have been written."""

    name: str
    event_type: str
    actor: str
    entity: tuple[str, str]
    place: tuple[str | None, str | None]
    message: str | None = None
    outcome: str = "SUCCESS"


NOWHERE = (None, None)
ALPHA, ALPHA2 = ("alpha", "alpha_task"), ("alpha", "alpha_task2")
BETA, GAMMA, GLOBEX = ("beta", "beta_task"), ("gamma", "gamma_task"), ("globex_board", "globex_task")


def _added(user: str, by: str) -> Logged:
    return Logged(f"{user}_added_by_{by}", "workspace.member_added", by, ("user", user), NOWHERE)


def _comment(name: str, actor: str, place: tuple[str, str], message: str) -> Logged:
    return Logged(name, "task.comment", actor, ("task", place[1]), place, message)


# In the order of the log: the first has sequence 1.
LOG: Mapping[str, Sequence[Logged]] = {
    "acme": (
        *(_added(user, "service") for user in ("owner", "admin", "member", "stranger", "double")),
        Logged("owner_login", "auth.login", "owner", ("user", "owner"), NOWHERE, "Olive signed in"),
        Logged("alpha_created", "board.created", "owner", ("board", "alpha"), ("alpha", None)),
        _comment("owner_alpha", "owner", ALPHA, "Please look at the invoice export"),
        _comment("member_alpha", "member", ALPHA, "On it, invoice first"),
        _comment("bot_alpha", "bot", ALPHA, "I ran the export: 3 invoices fail"),
        _comment("builder_alpha", "builder", ALPHA2, "Build is green"),
        Logged("bot_status", "task.status_changed", "bot", ("task", "alpha_task"), ALPHA),
        Logged("bot_failed", "task.execution.failed", "bot", ("task", "gamma_task"), GAMMA, "Timeout", "FAILURE"),
        _comment("owner_beta", "owner", BETA, "Beta plan"),
        _comment("bot_gamma", "bot", GAMMA, "Secret plan"),
        _comment("owner_gamma", "owner", GAMMA, "Keep this quiet"),
        Logged("approval_beta", "approval.requested", "service", ("task", "beta_task"), BETA),
        Logged("service_for_bot", "agent.heartbeat", "bot", ("agent", "bot"), NOWHERE),
        Logged("member_login", "auth.login", "member", ("user", "member"), NOWHERE, "Mia signed in"),
        Logged("denied", "auth.login_failed", "service", ("service", "service"), NOWHERE, None, "DENIED"),
    ),
    "globex": (
        *(_added(user, "globex_service") for user in ("globex_owner", "double")),
        Logged("globex_login", "auth.login", "globex_owner", ("user", "globex_owner"), NOWHERE, "Gina signed in"),
        _comment("globex_comment", "globex_owner", GLOBEX, "Globex invoice plan"),
        _comment("globex_agent_comment", "globex_agent", GLOBEX, "Globex agent reports"),
    ),
}
# Beside those who see everything: an agent what it did itself, a member what is on boards that it reads and what it did itself.
SEES: Mapping[str, str] = {
    "owner_added_by_service": "",
    "admin_added_by_service": "",
    "member_added_by_service": "",
    "stranger_added_by_service": "",
    "double_added_by_service": "",
    "owner_login": "",
    "alpha_created": "member",
    "owner_alpha": "member",
    "member_alpha": "member",
    "bot_alpha": "member bot",
    "builder_alpha": "member builder",
    "bot_status": "member bot",
    "bot_failed": "bot",
    "owner_beta": "member",
    "bot_gamma": "bot",
    "owner_gamma": "",
    "approval_beta": "member",
    "service_for_bot": "bot",
    "member_login": "member",
    "denied": "",
    "globex_owner_added_by_globex_service": "",
    "double_added_by_globex_service": "",
    "globex_login": "",
    "globex_comment": "",
    "globex_agent_comment": "globex_agent",
}


def seen_by(caller: str) -> list[Logged]:
    """The events that this caller sees, the oldest first."""
    home = CALLERS[caller].home
    everything = caller in SEE_EVERYTHING[home]
    return [event for event in LOG[home] if everything or caller in SEES[event.name].split()]


# Kind, name for people, role, as the world has them.
ACTORS: Mapping[str, tuple[str, str, str | None]] = {
    "owner": ("USER", "Olive", "person"),
    "admin": ("USER", "Adam", "person"),
    "member": ("USER", "Mia", "person"),
    "stranger": ("USER", "Sten", "person"),
    "double": ("USER", "Dora", "person"),
    "bot": ("AGENT", "Bot", "researcher"),
    "builder": ("AGENT", "Builder", "engineer"),
    "service": ("SERVICE", "service", None),
    "globex_owner": ("USER", "Gina", "person"),
    "globex_agent": ("AGENT", "Gbot", "researcher"),
    "globex_service": ("SERVICE", "globex_service", None),
}
TITLES = {
    "alpha": "Alpha", "beta": "Beta", "gamma": "Gamma", "globex_board": "Globex_board",
    "alpha_task": "Alpha task", "alpha_task2": "Alpha task2", "beta_task": "Beta task", "gamma_task": "Gamma task",
    "loose_task": "Loose task", "globex_task": "Globex task",
}  # fmt: skip
BOARD_OF = {
    "alpha_task": "alpha", "alpha_task2": "alpha", "beta_task": "beta", "gamma_task": "gamma", "loose_task": None,
    "globex_task": "globex_board", "bot": None, "builder": "alpha", "globex_agent": None,
}  # fmt: skip


@dataclass(frozen=True)
class Directory:
    """What a caller finds in the directory, in the order of the lists; boards it may write; its role and workspaces."""

    boards: str = ""
    tasks: str = ""
    agents: str = ""
    users: str = ""
    writes: str = ""
    role: str | None = None
    workspaces: tuple[str, ...] = ("acme",)


_PEOPLE = "admin double member owner stranger"  # Adam, Dora, Mia, Olive, Sten
_ACME = Directory(
    "alpha beta gamma",
    "alpha_task alpha_task2 beta_task gamma_task loose_task",
    "bot builder",
    _PEOPLE,
    "alpha beta gamma",
)
_GLOBEX = Directory("globex_board", "globex_task", "globex_agent", "double globex_owner", "globex_board")


def _with(directory: Directory, **changed: Any) -> Directory:
    return Directory(**{**vars(directory), **changed})


_DOUBLE = ("acme", "globex")
FINDS: Mapping[str, Directory] = {
    "owner": _with(_ACME, role="OWNER"),
    "admin": _with(_ACME, role="ADMIN"),
    "service": _ACME,
    "member": Directory("alpha beta", "alpha_task alpha_task2 beta_task", "bot builder", _PEOPLE, "alpha", "MEMBER"),
    "stranger": Directory(agents="bot", users=_PEOPLE, role="MEMBER"),
    "double": Directory(agents="bot", users=_PEOPLE, role="MEMBER", workspaces=_DOUBLE),
    "bot": Directory(
        "alpha beta gamma", "alpha_task alpha_task2 beta_task gamma_task", "bot", "", "alpha beta gamma", "researcher"
    ),
    "builder": Directory("alpha", "alpha_task alpha_task2", "builder", "", "alpha", "engineer"),
    "double_in_globex": _with(_GLOBEX, role="OWNER", workspaces=_DOUBLE),
    "globex_owner": _with(_GLOBEX, role="OWNER", workspaces=("globex",)),
    "globex_service": _with(_GLOBEX, workspaces=("globex",)),
    "globex_agent": _with(_GLOBEX, users="", role="researcher", workspaces=("globex",)),
}
