"""The commands and their options. What they do is elsewhere, and imported only by the command that runs: `--help` is quick.

What a command is asked for goes to stdout and can be piped; progress and advice go to stderr.
"""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TextIO

import click

from trailcast.cli.stopping import stop_if_asked, until_stopped
from trailcast.errors import TrailcastError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from trailcast.ledger.admin import TokenRow
    from trailcast.settings import Settings

EXPIRES_DAYS_MAX = 3650
OVERLAP_MAX = timedelta(days=30)
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Span(click.ParamType[timedelta]):
    """A span of time: a number and a unit."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        found = re.fullmatch(r"(\d{1,9})([smhd])", str(value), re.ASCII)
        span = timedelta(seconds=int(found[1]) * UNITS_S[found[2]]) if found else None
        if span is None or span > OVERLAP_MAX:
            self.fail(
                f"{value!r} is no span of time up to {OVERLAP_MAX.days} days, such as 90s, 30m, 24h or 7d.", param, ctx
            )
        return span


class Commands(click.Group):
    """A group whose commands end a mistake that can be mended as one sentence."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except TrailcastError as error:
            _say(error.message)
            context.exit(2)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _say_next(line: str) -> None:
    """Progress of a command that runs until it is stopped: before each step it looks whether it is."""
    stop_if_asked()
    _say(line)


def _settings(**given: object) -> "Settings":
    """The settings of this process, which logs from here on. An option that was not given leaves the environment's word."""
    from trailcast.cli.logs import configure_logging
    from trailcast.settings import load_settings

    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    configure_logging(settings)
    return settings


def _named(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A name that the database can hold and people can read."""
    from trailcast.ledger.drafting import NAME_LENGTH_MAX, is_storable

    if value is not None and not (value.strip() and len(value) <= NAME_LENGTH_MAX and is_storable(value)):
        raise click.BadParameter(f"a name has 1 to {NAME_LENGTH_MAX} characters and is not blank.")
    return value


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
def main() -> None:
    """Trailcast: the activity log and audit trail of people and AI agents, as one GraphQL API.

    Settings are read from the environment (HOST, PORT, TRAILCAST_…). Without TRAILCAST_DATABASE_URL an embedded PostgreSQL
    in TRAILCAST_DATA_DIR is started for as long as the command runs.
    """


_workers = click.option("--workers", type=int, help="Server processes that share the port (TRAILCAST_WORKERS).")


@main.command()
@click.option("--live", is_flag=True, help="Keep adding an event to the demo every second or so.")
@_workers
def run(*, live: bool, workers: int | None) -> None:
    """Start everything, with a demo on the first start: PostgreSQL, tables, tokens, the server."""
    with until_stopped():
        # In the environment, where workers find it too: this is for people who look around, `serve` is for the rest.
        os.environ.setdefault("TRAILCAST_EXPLORER", "true")
        settings = _settings(workers=workers)
        from trailcast.cli.running import run_everything

        run_everything(settings, _say_next, click.echo, live=live)


@main.command()
@_workers
def serve(workers: int | None) -> None:
    """Serve the API. A configured database has to be migrated before."""
    with until_stopped():
        settings = _settings(workers=workers)
        from trailcast.cli.running import serve_only

        serve_only(settings, _say_next, click.echo)


@main.command()
def migrate() -> None:
    """Bring the database to the newest revision."""
    settings = _settings()
    from trailcast.cli.database import open_database
    from trailcast.ledger.revisions import newest_revision

    with open_database(settings, click.echo, migrates=True):
        click.echo(f"The database is at revision {newest_revision()}.")


@main.command()
@click.option("--live", is_flag=True, help="Keep adding an event every second or so, until Ctrl-C.")
def demo(*, live: bool) -> None:
    """Load the demo into a database without workspaces; its tokens are in demo.json in the data directory."""
    with until_stopped():
        settings = _settings()
        from trailcast.cli.running import demo as demonstrate

        demonstrate(settings, _say_next, live=live)


@main.command()
@click.option("--url", help="ws:// or wss:// address of /graphql. Unset: the server of HOST and PORT.")
@click.option(
    "--token-file",
    type=click.File(errors="replace"),
    metavar="PATH",
    help="Holds the token, in place of TRAILCAST_TOKEN in the environment.",
)
@click.option("--workspace", type=click.UUID, help="Its id, for users who belong to several.")
@click.option("--board", type=click.UUID, help="Only what belongs to this board.")
@click.option("--task", type=click.UUID, help="Only what concerns this task.")
@click.option("--agent", type=click.UUID, help="Only what this agent did.")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only what is of this type; may be repeated.")
@click.option("--after", metavar="CURSOR", help="Go on after this cursor. Without --since either: from now on.")
@click.option("--since", metavar="TIME", help="Begin with what was recorded then or later (2026-11-22T08:00:00Z).")
@click.option("--comments", is_flag=True, help="Comments on tasks instead of events of every type.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each, with its cursor.")
@click.pass_context
def tail(context: click.Context, /, *, url: str | None, token_file: TextIO | None, **asked: Any) -> None:
    """Follow the log of a server, over any lost connection, until Ctrl-C. The token is read from TRAILCAST_TOKEN."""
    with until_stopped():
        settings = _settings()
        from trailcast.cli.tail import Asked, follow_in_terminal, read_token

        context.exit(follow_in_terminal(settings, url, read_token(token_file), Asked(**asked), _say))


@main.command("print-schema")
def print_schema() -> None:
    """Print the GraphQL schema."""
    from schema.build import schema_text

    click.echo(schema_text(), nl=False)


@main.group()
def workspace() -> None:
    """Make and list workspaces."""


@workspace.command("create")
@click.argument("name", callback=_named)
def create_workspace(name: str) -> None:
    """Make a workspace with an empty log, and print its id."""
    from trailcast.cli.database import in_transaction
    from trailcast.ledger import admin

    click.echo(in_transaction(_settings(), _say, lambda connection: admin.create_workspace(connection, name)))


@workspace.command("list")
def list_workspaces() -> None:
    """Print the id and the name of each workspace."""
    from trailcast.cli.database import in_transaction
    from trailcast.ledger import admin

    for entry in in_transaction(_settings(), _say, admin.list_workspaces):
        click.echo(f"{entry.id}  {entry.name}")


@main.group()
def token() -> None:
    """Make, list, rotate and revoke tokens."""


_workspace = click.option("--workspace", required=True, help="Its id, or its name if no other has it.")


@token.command("create")
@_workspace
@click.option("--agent", help="For this agent, by id or name.")
@click.option("--user", help="For this user, by id, name or external id.")
@click.option("--service", callback=_named, help="For this service, by name; made if there is none.")
@click.option("--name", default="command line", show_default=True, callback=_named, help="What lists call the token.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["read", "write", "directory"]),
    multiple=True,
    help="What it may be used for; may be given several times. Unset: all that its subject may do.",
)
@click.option("--expires-days", type=click.IntRange(1, EXPIRES_DAYS_MAX), help="Days until it ends. Unset: never.")
def create_token(
    *,
    workspace: str,
    agent: str | None,
    user: str | None,
    service: str | None,
    name: str,
    scopes: Sequence[str],
    expires_days: int | None,
) -> None:
    """Make a token and print it, once: it is stored as a hash only."""
    from trailcast.access.tokens import SCOPES, TokenScope
    from trailcast.cli.database import in_transaction
    from trailcast.ledger import admin
    from trailcast.records import ActorKind

    given = {ActorKind.AGENT: agent, ActorKind.USER: user, ActorKind.SERVICE: service}
    wanted = [(kind, subject) for kind, subject in given.items() if subject is not None]
    if len(wanted) != 1:
        raise click.UsageError("Give exactly one of --agent, --user and --service.")
    kind, subject = wanted[0]
    wanted_scopes = frozenset(map(TokenScope, scopes))
    if not wanted_scopes <= SCOPES[kind]:
        raise click.UsageError("Only a service's token may have the scope directory.")
    expires_at = None if expires_days is None else datetime.now(UTC) + timedelta(days=expires_days)

    async def make(connection: "AsyncConnection") -> tuple[str, str]:
        home = await admin.find_workspace(connection, workspace)
        subject_id = await admin.find_subject(connection, home.id, kind, subject)
        made = await admin.create_token(
            connection, kind, home.id, subject_id, name=name, expires_at=expires_at, scopes=wanted_scopes
        )
        return made, home.name

    made, home_name = in_transaction(_settings(), _say, make)
    until = "until it is revoked" if expires_at is None else f"until {_moment(expires_at)}"
    _say(f"A token for the {kind.value.lower()} {subject} of {home_name}, {until}. It is not shown again.")
    click.echo(made)


@token.command("list")
@_workspace
def list_tokens(workspace: str) -> None:
    """Print the tokens of a workspace, without their secrets."""
    from trailcast.cli.database import in_transaction
    from trailcast.ledger import admin

    async def read(connection: "AsyncConnection") -> "Sequence[TokenRow]":
        return await admin.list_tokens(connection, (await admin.find_workspace(connection, workspace)).id)

    rows = [("ID", "KIND", "SUBJECT", "SCOPES", "CREATED", "EXPIRES", "LAST USE", "REVOKED", "NAME")]
    rows += [
        (
            row.id, row.kind, str(row.subject_id), ",".join(row.scopes), _moment(row.created_at), _moment(row.expires_at),
            _moment(row.last_used_at), _moment(row.revoked_at), row.name,
        )
        for row in in_transaction(_settings(), _say, read)
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@token.command("rotate")
@click.argument("public_id", metavar="ID")
@click.option(
    "--overlap",
    type=Span(),
    default="24h",
    show_default=True,
    help="How long the old one still counts, such as 90s, 30m, 24h or 7d; at most 30d.",
)
def rotate_token(public_id: str, overlap: timedelta) -> None:
    """Make a new token like the one with this ID and print it, once; the old one ends when the overlap is over."""
    from trailcast.cli.database import in_transaction
    from trailcast.ledger import admin

    now = datetime.now(UTC)
    made = in_transaction(_settings(), _say, lambda connection: admin.rotate_token(connection, public_id, overlap, now))
    until = "until it is revoked" if made.expires_at is None else f"until {_moment(made.expires_at)}"
    _say(
        f"The token {public_id} counts until {_moment(made.old_expires_at)}, the new one {until}. It is not shown again."
    )
    click.echo(made.text)


@token.command("revoke")
@click.argument("public_id", metavar="ID")
def revoke_token(public_id: str) -> None:
    """End a token at once, in running streams too. `token list` shows the ids."""
    from trailcast.cli.database import in_transaction
    from trailcast.ledger import admin

    in_transaction(_settings(), _say, lambda connection: admin.revoke_token(connection, public_id))
    _say(f"The token {public_id} is revoked.")


def _moment(moment: datetime | None) -> str:
    return "-" if moment is None else moment.isoformat(timespec="seconds")
