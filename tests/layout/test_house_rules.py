"""The rules that can be told from the files alone: sizes, docstrings, names at the root, locks, paths, reasons.

A rule that fails says which files break it; the way out is to mend the file. None of the rules has an exception.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator

from tests.layout.tree import PACKAGES, ROOT, files, modules, texts

LINES_PER_FILE_MAX = 400
LINES_PER_FUNCTION_MAX = 60
WRITTEN_FOR_PAGES = (".ts", ".tsx", ".css", ".mjs")
DECISION = "docs/decisions/0009-dependencies.md"
REASON_WORDS_MIN = 3


def test_files_are_short() -> None:
    pages = [name for name in texts() if name.startswith(("web/", "tests/web/")) and name.endswith(WRITTEN_FOR_PAGES)]
    lines = {name: len(texts()[name].splitlines()) for name in [*modules(*PACKAGES, "tests"), *pages]}
    assert {name: count for name, count in lines.items() if count > LINES_PER_FILE_MAX} == {}


def test_functions_are_short() -> None:
    long = {
        f"{name}:{function.name}": count
        for name, tree in modules(*PACKAGES, "tests").items()
        for function, count in _function_lines(tree)
        if count > LINES_PER_FUNCTION_MAX
    }
    assert long == {}


def _function_lines(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node, node.end_lineno - node.lineno + 1


def test_every_module_says_what_it_is_for() -> None:
    assert [name for name, tree in modules(*PACKAGES).items() if not ast.get_docstring(tree)] == []


def test_root_has_the_names_that_the_product_promises() -> None:
    folders = {name.split("/")[0] for name in files() if "/" in name}
    assert {"schema", "resolvers", "models", "migrations", "tests"} - folders == set()
    assert {"pyproject.toml", "README.md"} - files().keys() == set()


def test_no_file_names_a_path_of_one_machine() -> None:
    machine_path = re.compile(r"(?<![\w.~)}-])/(?:root|work|home|Users)/\S*")
    found = {name: machine_path.findall(text) for name, text in texts().items()}
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_locked_requirements_hold_versions_and_hashes_and_no_address() -> None:
    for name in ("requirements/run.txt", "requirements/dev.txt", "requirements/node.txt"):
        requirements = re.split(r"\n(?=\S)", re.sub(r"\n *#.*", "", texts()[name].strip()))
        assert [
            text for text in requirements if not re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:", text, re.DOTALL)
        ] == []
        assert re.findall(r".*(?:://|--(?:index|extra|find|trusted)).*", texts()[name]) == []


def test_installed_packages_go_together() -> None:
    """They are installed without being resolved again, so nothing else would say that one lacks what it needs."""
    checked = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "No broken requirements found.\n"), checked.stdout


def test_npm_locks_hold_hashes_and_no_address() -> None:
    for name in [name for name in files() if name.endswith("package-lock.json")]:
        packages = {key: value for key, value in json.loads(texts()[name])["packages"].items() if key}
        assert [key for key, value in packages.items() if "resolved" in value] == [], name
        assert [key for key, value in packages.items() if "integrity" not in value] == [], name


def test_every_dependency_of_the_server_has_a_written_reason() -> None:
    """In the decision, a list entry or a table row that begins with the name in backticks, then the reason."""
    required = re.findall(r"^([a-z][\w.-]*)", texts()["requirements/run.in"], re.MULTILINE)
    assert (ROOT / DECISION).is_file(), f"{DECISION} is missing"
    reasons = dict(re.findall(r"^[-*|]\s*\**`([\w.-]+)(?:\[[\w,]+\])?`\**(.*)$", texts()[DECISION], re.MULTILINE))
    assert [name for name in required if len(re.findall(r"\w+", reasons.get(name, ""))) < REASON_WORDS_MIN] == []
