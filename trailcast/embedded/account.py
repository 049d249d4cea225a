"""As whom PostgreSQL runs: as the caller, or, since it refuses to be root, as an unprivileged account that exists.

That account may not be able to reach the data directory or the binaries: both commonly lie under a home of mode 0700.
Instead of opening the parents, copying the binaries or moving the data elsewhere, the program then keeps one of root's
powers, the capability to pass permission checks (CAP_DAC_OVERRIDE, which containers grant too). A user namespace would
give it the same power, but only where namespaces are allowed, and needs a second way for everywhere else.

No account is ever made, and no mode or owner of a parent is ever changed.
"""

import os
import pwd
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trailcast.embedded import launcher
from trailcast.errors import ConfigurationError

ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """The unprivileged user as whom root's PostgreSQL runs; `keeps_reach` if something it needs is closed to others."""

    uid: int
    gid: int
    keeps_reach: bool


def choose_account(cluster: Path, needed: Iterable[Path]) -> Account | None:
    """Return None for the caller itself, who is not root.

    An existing cluster decides by its owner: it stays usable when an account named `postgres` appears later, and root
    can start what an ordinary user made without taking it away.
    """
    if os.geteuid() != 0:
        return None
    keeps_reach = not all(is_open_to_everyone(path) for path in needed)
    if cluster.is_dir() and (status := cluster.stat()).st_uid != 0:
        return Account(status.st_uid, status.st_gid, keeps_reach)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, keeps_reach)
    raise ConfigurationError(
        f"PostgreSQL refuses to run as root, and there is no account named {' or '.join(ACCOUNTS)} to run it as: "
        "start Trailcast as an ordinary user, or set TRAILCAST_DATABASE_URL to a PostgreSQL of your own."
    )


def is_open_to_everyone(path: Path) -> bool:
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents))


def command_as(account: Account | None, program: Sequence[str]) -> list[str]:
    """Build the command line that becomes `program`, as that account, and dies with the thread that runs it."""
    identity = launcher.SAME
    if account is not None:
        reach = launcher.REACH if account.keeps_reach else launcher.PLAIN
        identity = f"{account.uid}:{account.gid}:{reach}"
    # -I and -S: the launcher needs no site-packages, and as root it must run nothing that the environment names.
    return [sys.executable, "-I", "-S", launcher.__file__, str(os.getpid()), identity, *program]


def environment() -> dict[str, str]:
    """Copy the caller's, without what would change the meaning of our command lines (PGDATA, PGPORT, PGOPTIONS, …)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
