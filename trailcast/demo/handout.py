"""`demo.json`: where the server is, and the demo's tokens and main ids. The only place that keeps tokens; the database does not.

Readable by its owner only, and replaced as a whole, so that nobody ever reads half of one.
"""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trailcast.errors import ConfigurationError

NAME = "demo.json"


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tokens(_Written):
    owner: str = Field(repr=False)
    member: str = Field(repr=False)
    agent: str = Field(repr=False)
    agent2: str = Field(repr=False)
    service: str = Field(repr=False)


class DemoWorkspace(_Written):
    """The member reads and writes `boards[0]`, reads `boards[1]` and does not see `boards[2]`; `tasks[0]` is on `boards[0]`."""

    id: UUID
    name: str
    tokens: Tokens
    agents: tuple[UUID, ...]
    boards: tuple[UUID, ...]
    tasks: tuple[UUID, ...]


class Address(_Written):
    """The GraphQL endpoint, for requests and for sockets."""

    http: str
    ws: str


class Handout(Address):
    workspaces: tuple[DemoWorkspace, ...]


def read(data_dir: Path) -> Handout | None:
    """What was handed out, or None where there is no such file. Raises ConfigurationError for a file that is something else."""
    path = data_dir / NAME
    try:
        return Handout.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise ConfigurationError(
            f"{path} cannot be read ({type(error).__name__}): mend it, or move it away."
        ) from error


def write(data_dir: Path, handout: Handout) -> None:
    """Replace the file. Raises ConfigurationError where the directory does not allow it."""
    try:
        data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=data_dir, prefix=f".{NAME}.", delete=False) as file:  # mode 0600 from the start
            file.write(handout.model_dump_json(indent=2).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(data_dir / NAME)
    except OSError as error:
        raise ConfigurationError(
            f"{data_dir / NAME} cannot be written ({error}): mend the permissions of {data_dir}, or choose another "
            "TRAILCAST_DATA_DIR."
        ) from error
