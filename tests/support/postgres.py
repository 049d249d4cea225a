"""How PostgreSQL runs under tests: real, in memory where there is some, and allowed to forget on a crash of the machine."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TEST_PARAMETERS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "128MB",
}
MEMORY = Path("/dev/shm")
MEMORY_FREE_BYTES_MIN = 4 * 1024**3


@contextmanager
def memory_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory for a run's databases. In memory a copy of the template takes a quarter of the time that it takes on a disk."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < MEMORY_FREE_BYTES_MIN:
        yield tmp_path_factory.mktemp("postgres")
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="trailcast-tests-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)
