"""The files of the repository as the house rules see them: what is in the tree and not named by `.gitignore`.

Git is not asked, so that the rules hold in an unpacked archive too, and for a file that is about to be added.
"""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("schema", "resolvers", "models", "migrations", "trailcast", "bench")


@cache
def files() -> dict[str, Path]:
    """Every file by its path from the root."""
    lines = (ROOT / ".gitignore").read_text().splitlines()
    ignored = [line.strip("/") for line in lines if line and not line.startswith("#")]
    return dict(_walk(ROOT, [*ignored, ".git"]))


def _walk(folder: Path, ignored: list[str]) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        name = path.relative_to(ROOT).as_posix()
        if any(fnmatch(path.name, pattern) or fnmatch(name, pattern) for pattern in ignored):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path, ignored)
        elif path.is_file():
            yield name, path


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
