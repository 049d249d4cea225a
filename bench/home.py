"""What several benchmarks need before they begin: a folder for PostgreSQL, and the demo where a log of everyday size will do."""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trailcast.demo.handout import DemoWorkspace
from trailcast.demo.loading import load_demo
from trailcast.ledger.migrating import migrate
from trailcast.settings import Settings


@contextmanager
def home(keep: Path | None = None) -> Iterator[Path]:
    """Where PostgreSQL may keep its data: there, or where it is gone afterwards. Ends the program where another run is at work there:
    they would share one PostgreSQL, and it would stop with the first of them."""
    if keep is not None:
        keep.mkdir(mode=0o711, parents=True, exist_ok=True)
        with (keep / "bench.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SystemExit(f"Another run is at work in {keep}: wait for it, or name another folder.") from None
            yield keep
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        Path(directory).chmod(0o711)  # under root PostgreSQL runs as another account, which has to get in
        yield Path(directory)


async def make_demo(url: str) -> DemoWorkspace:
    """The demo's tables and events in an empty database; ids and tokens of its first company."""
    companies: list[DemoWorkspace] = []
    await migrate(url)
    await load_demo(url, Settings(database_url=url), companies.extend, print)
    return companies[0]
