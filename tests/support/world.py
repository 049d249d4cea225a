"""The world that tests speak in: two workspaces with nothing in common but one person, and every kind of caller.

Acme: boards alpha (the member reads and writes it), beta (the member reads it), gamma (hidden from the member); agents bot (any
board) and builder (alpha only); a member, a stranger without grants, an owner, an admin, a service. Globex: one of each that
matters. `double` is a member of Acme without grants and, younger, an owner of Globex.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID, uuid5

from resolvers.context import Caller, Context
from resolvers.log import log_activities
from resolvers.principals import Principals
from resolvers.sync import sync_directory
from trailcast.access.principal import Credentials
from trailcast.access.tokens import parse_token
from trailcast.clock import utc_now
from trailcast.ledger.admin import create_token, create_workspace, ensure_service
from trailcast.ledger.database import Database
from trailcast.ledger.group import Writers
from trailcast.live.feed import Feed
from trailcast.records import ActorKind, EventInput, FieldChange, MembershipRole, Outcome
from trailcast.settings import Settings

_SPACE = UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")
CALLERS = (
    "owner",
    "admin",
    "member",
    "stranger",
    "bot",
    "builder",
    "service",
    "globex_owner",
    "globex_agent",
    "globex_service",
)


def identity(name: str) -> str:
    """The id of a thing of the world, the same in every run."""
    return str(uuid5(_SPACE, f"trailcast/{name}"))


@dataclass(frozen=True)
class World:
    """Ids by name, tokens by caller, and the ids of the events that are there from the start (oldest first)."""

    acme: str
    globex: str
    tokens: Mapping[str, str]
    events: Mapping[str, str] = field(default_factory=dict)

    def id(self, name: str) -> str:
        """The id of a board, task, agent or user."""
        return identity(name)

    def token(self, caller: str) -> str:
        return self.tokens[caller]


def engine_context(database: Database, settings: Settings, token: str) -> Context:
    """A context such as the doors make, for building and for tests below the doors. Rings no bell and has no feed."""
    parsed = parse_token(token)
    assert parsed is not None
    return Context(
        caller=Caller(Principals(database, utc_now), Credentials(parsed), memo=True),
        database=database,
        writers=Writers(database, lambda _ends: None, settings),
        feed=cast("Feed", None),
        settings=settings,
        clock=utc_now,
    )


def comment(task: str, message: str) -> EventInput:
    return EventInput(event_type="task.comment", task_id=identity(task), message=message)


# Who wrote what, in the order of the log. Names are what tests call the events.
ACME_EVENTS: Sequence[tuple[str, str, EventInput]] = (
    ("owner_login", "owner", EventInput(event_type="auth.login", message="Olive signed in")),
    ("alpha_created", "owner", EventInput(event_type="board.created", board_id=identity("alpha"))),
    ("owner_alpha", "owner", comment("alpha_task", "Please look at the invoice export")),
    ("member_alpha", "member", comment("alpha_task", "On it, invoice first")),
    ("bot_alpha", "bot", comment("alpha_task", "I ran the export: 3 invoices fail")),
    ("builder_alpha", "builder", comment("alpha_task2", "Build is green")),
    (
        "bot_status",
        "bot",
        EventInput(
            event_type="task.status_changed",
            task_id=identity("alpha_task"),
            changes=(FieldChange("status", "todo", "doing"),),
            correlation_id="run-1",
        ),
    ),
    (
        "bot_failed",
        "bot",
        EventInput(event_type="task.execution.failed", task_id=identity("gamma_task"), message="Timeout"),
    ),
    ("owner_beta", "owner", comment("beta_task", "Beta plan")),
    ("bot_gamma", "bot", comment("gamma_task", "Secret plan")),
    ("owner_gamma", "owner", comment("gamma_task", "Keep this quiet")),
    (
        "approval_beta",
        "service",
        EventInput(event_type="approval.requested", board_id=identity("beta"), task_id=identity("beta_task")),
    ),
    (
        "service_for_bot",
        "service",
        EventInput(
            event_type="agent.heartbeat", actor_kind=ActorKind.AGENT, actor_id=identity("bot"), metadata={"load": 0.5}
        ),
    ),
    ("member_login", "member", EventInput(event_type="auth.login", message="Mia signed in")),
    ("denied", "service", EventInput(event_type="auth.login_failed", outcome=Outcome.DENIED, correlation_id="run-2")),
)
GLOBEX_EVENTS: Sequence[tuple[str, str, EventInput]] = (
    ("globex_login", "globex_owner", EventInput(event_type="auth.login", message="Gina signed in")),
    ("globex_comment", "globex_owner", comment("globex_task", "Globex invoice plan")),
    ("globex_agent_comment", "globex_agent", comment("globex_task", "Globex agent reports")),
)


def _grant(board: str, *, write: bool) -> dict[str, Any]:
    return {"board_id": identity(board), "can_read": True, "can_write": write}


def _member(user: str, role: MembershipRole, *grants: dict[str, Any]) -> dict[str, Any]:
    return {
        "user_id": identity(user),
        "role": role,
        "all_boards_read": False,
        "all_boards_write": False,
        "grants": list(grants),
    }


def _directory(
    boards: Sequence[str], tasks: Mapping[str, str | None], users: Mapping[str, str]
) -> dict[str, list[dict[str, Any]]]:
    return {
        "boards": [{"id": identity(board), "name": board.capitalize()} for board in boards],
        "tasks": [
            {
                "id": identity(task),
                "title": task.replace("_", " ").capitalize(),
                "status": "todo",
                "board_id": identity(board) if board else None,
            }
            for task, board in tasks.items()
        ],
        "users": [
            {"id": identity(user), "name": name, "role": "person", "external_id": f"sub|{user}"} for user, name in users.items()
        ],
    }  # fmt: skip


ACME: dict[str, list[dict[str, Any]]] = {
    **_directory(
        ("alpha", "beta", "gamma"),
        {"alpha_task": "alpha", "alpha_task2": "alpha", "beta_task": "beta", "gamma_task": "gamma", "loose_task": None},
        {"owner": "Olive", "admin": "Adam", "member": "Mia", "stranger": "Sten", "double": "Dora"},
    ),
    "agents": [
        {"id": identity("bot"), "name": "Bot", "role": "researcher", "board_id": None},
        {"id": identity("builder"), "name": "Builder", "role": "engineer", "board_id": identity("alpha")},
    ],
    "memberships": [
        _member("owner", MembershipRole.OWNER),
        _member("admin", MembershipRole.ADMIN),
        _member("member", MembershipRole.MEMBER, _grant("alpha", write=True), _grant("beta", write=False)),
        _member("stranger", MembershipRole.MEMBER),
        _member("double", MembershipRole.MEMBER),
    ],
}
GLOBEX: dict[str, list[dict[str, Any]]] = {
    **_directory(("globex_board",), {"globex_task": "globex_board"}, {"globex_owner": "Gina", "double": "Dora"}),
    "agents": [{"id": identity("globex_agent"), "name": "Gbot", "role": "researcher", "board_id": None}],
    "memberships": [_member("globex_owner", MembershipRole.OWNER), _member("double", MembershipRole.OWNER)],
}


async def build_world(url: str) -> World:
    """Fill an empty, migrated database through the engine's own doors."""
    settings = Settings(database_url=url)
    database = Database(url, settings)
    tokens: dict[str, str] = {}
    events: dict[str, str] = {}
    try:
        acme = await _workspace(
            database,
            settings,
            "Acme",
            "service",
            ACME,
            ACME_EVENTS,
            tokens,
            events,
            ("owner", "admin", "member", "stranger", "double"),
        )
        globex = await _workspace(
            database, settings, "Globex", "globex_service", GLOBEX, GLOBEX_EVENTS, tokens, events, ("globex_owner",)
        )
    finally:
        await database.dispose()
    return World(acme, globex, tokens, events)


async def _workspace(  # noqa: PLR0917 - one workspace, once
    database: Database,
    settings: Settings,
    name: str,
    service: str,
    directory: Mapping[str, Sequence[dict[str, Any]]],
    written: Sequence[tuple[str, str, EventInput]],
    tokens: dict[str, str],
    events: dict[str, str],
    people: Sequence[str],
) -> str:
    async with database.operating() as connection:
        workspace = await create_workspace(connection, name, UUID(identity(name)))
        subject = await ensure_service(connection, workspace, service)
        tokens[service] = await create_token(connection, ActorKind.SERVICE, workspace, subject, name=service)
    synced = await sync_directory(engine_context(database, settings, tokens[service]), directory)
    assert not synced.problems, synced.problems
    subjects = [(ActorKind.USER, person) for person in people]
    subjects += [(ActorKind.AGENT, agent["name"].lower()) for agent in directory["agents"]]
    async with database.operating() as connection:
        for kind, subject_name in subjects:
            known_as = "globex_agent" if subject_name == "gbot" else subject_name
            tokens[known_as] = await create_token(connection, kind, workspace, UUID(identity(known_as)), name=known_as)
    for event_name, caller, given in written:
        batch = await log_activities(engine_context(database, settings, tokens[caller]), [given], frozenset({"id"}))
        assert not batch.problems, (event_name, batch.problems)
        events[event_name] = str(batch.events[0].id)
    return str(workspace)
