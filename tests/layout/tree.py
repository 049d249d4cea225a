"""The files of the repository as the house rules see them: what is in the tree and not named by `.gitignore`.

Git is not asked, so that the rules hold in an unpacked archive too, and for a file that is about to be added.
"""

import ast
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("schema", "resolvers", "models", "migrations", "trailcast")


@cache
def files() -> dict[str, Path]:
    """Every file by its path from the root."""
    lines = (ROOT / ".gitignore").read_text().splitlines()
    ignored = [line.strip("/") for line in lines if line and not line.startswith("#")]
    return {path.relative_to(ROOT).as_posix(): path for path in _walk(ROOT, [*ignored, ".git"])}


def _walk(folder: Path, ignored: list[str]) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if any(fnmatch(entry.name, pattern) for pattern in ignored):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), ignored)
        elif entry.is_file():
            yield Path(entry.path)


@cache
def texts() -> dict[str, str]:
    """Every file that is text."""
    found = {}
    for name, path in files().items():
        try:
            found[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


@cache
def modules(*folders: str) -> dict[str, ast.Module]:
    """The Python modules below these folders, parsed."""
    return {
        name: ast.parse(text, name)
        for name, text in texts().items()
        if name.endswith(".py") and name.split("/")[0] in folders
    }
