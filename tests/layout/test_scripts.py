"""The scripts behind `make`: what they refuse and in which words, when they install anew, that two never do so at once.

The trees are copies with an environment of one link, and what would install says so instead: no test here downloads.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.layout.tree import ROOT, files, texts

INTERPRETER = Path(sys.executable).resolve()
SCRIPTS = sorted(name for name in files() if name.startswith("scripts/") and not name.endswith(".md"))
DEADLINE_S = 30
RUN_LINES, DEV_LINES = 3, 4  # of .venv/installed: Python, place, SHA-256 of run.txt, SHA-256 of both locks


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what an outer make or caller said."""
    said = ("PYTHON", "ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    return {name: value for name, value in os.environ.items() if name not in said} | more


def call(tree: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=tree, env=environment(**more), capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree whose environment is installed for `dev`."""
    for name in ("scripts", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(INTERPRETER)
    stamp_dev(tmp_path)
    return tmp_path


@pytest.fixture
def announcing_tree(tree: Path) -> Path:
    """The same, where work that would be done is only announced."""
    (tree / "scripts/alone").write_text("#!/bin/sh\necho would run: $*\n")
    return tree


def stamp(tree: Path, lines: int) -> None:
    run, dev = ((tree / f"requirements/{name}.txt").read_bytes() for name in ("run", "dev"))
    digests = [hashlib.sha256(locks).hexdigest() for locks in (run, run + dev)]
    recipe = [sys.version.split()[0], str(tree.resolve()), *digests]
    (tree / ".venv/installed").write_text("\n".join(recipe[:lines]) + "\n")


def stamp_run(tree: Path) -> None:
    stamp(tree, RUN_LINES)


def stamp_dev(tree: Path) -> None:
    stamp(tree, DEV_LINES)


def change(name: str) -> Callable[[Path], None]:
    def append(tree: Path) -> None:
        with (tree / name).open("a") as lock:
            lock.write("# changed\n")

    return append


def break_interpreter(tree: Path) -> None:
    (tree / ".venv/bin/python").unlink()
    (tree / ".venv/bin/python").symlink_to(tree / "gone")


def be_moved(tree: Path) -> None:
    installed = tree / ".venv/installed"
    installed.write_text(installed.read_text().replace(str(tree.resolve()), "/elsewhere"))


@pytest.mark.parametrize(
    ("happening", "works"),
    [
        (stamp_dev, set()),
        (stamp_run, {"dev"}),
        (change("requirements/dev.txt"), {"dev"}),
        (change("requirements/run.txt"), {"run", "dev"}),
        (lambda tree: (tree / ".venv/installed").unlink(), {"run", "dev"}),
        (lambda tree: shutil.rmtree(tree / ".venv"), {"run", "dev"}),
        (break_interpreter, {"run", "dev"}),
        (be_moved, {"run", "dev"}),
    ],
    ids=["nothing", "run only", "dev lock", "run lock", "interrupted", "absent", "broken", "moved"],
)
def test_install_works_only_when_something_changed(
    announcing_tree: Path, happening: Callable[[Path], None], works: set[str]
) -> None:
    happening(announcing_tree)
    done = {name: call(announcing_tree, "scripts/install", name) for name in ("run", "dev")}
    expected = {name: f"would run: scripts/install {name} alone\n" if name in works else "" for name in done}
    assert {name: (result.returncode, result.stdout, result.stderr) for name, result in done.items()} == {
        name: (0, output, "") for name, output in expected.items()
    }


def test_another_python_asked_for_makes_the_environment_anew(announcing_tree: Path) -> None:
    other = fake_python(announcing_tree, "echo 3.99.0; pwd")
    done = [call(announcing_tree, "scripts/install", "run", PYTHON=python) for python in (other, str(INTERPRETER))]
    assert [result.stdout for result in done] == ["would run: scripts/install run alone\n", ""]


def fake_python(tree: Path, body: str) -> str:
    path = tree / "fake python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("exit 1", "Trailcast needs Python 3.11 or newer, and none of these is one: {python}. "),
        (
            'case "$*" in *ensurepip*) exit 1 ;; esac',
            "{python} cannot make virtual environments: the venv or ensurepip module is missing. On Debian and Ubuntu: ",
        ),
    ],
    ids=["too old", "no ensurepip"],
)
def test_python_that_will_not_do_is_refused_with_the_remedy(tree: Path, body: str, sentence: str) -> None:
    python = fake_python(tree, body)
    result = call(tree, "scripts/python", PYTHON=python)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(sentence.format(python=python))
    assert "PYTHON=/path/to/python" in result.stderr


def test_python_is_taken_by_name_only_if_it_runs(tmp_path: Path) -> None:
    """A name that leads nowhere, as version managers leave them, is passed over for the next."""
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3").chmod(0o755)
    (tmp_path / "python3.12").symlink_to(INTERPRETER)
    for tool in ("sh", "dirname"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    result = call(ROOT, "scripts/python", PATH=str(tmp_path))
    assert (result.returncode, result.stdout) == (0, f"{tmp_path}/python3.12\n")


@contextmanager
def alone(tree: Path, command: str) -> Iterator[subprocess.Popen[str]]:
    """A command that runs alone in this tree. Killed at the end: one that waits would hold up a test that failed."""
    arguments, pipe = [str(tree / "scripts/alone"), "sh", "-c", command], subprocess.PIPE
    with subprocess.Popen(arguments, env=environment(), stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("end", ["done", "killed"])
def test_second_install_waits_until_the_first_is_over(tree: Path, end: str) -> None:
    with ExitStack() as processes:
        first = processes.enter_context(alone(tree, "echo begun; read line; echo ended"))
        assert read_line(first) == "begun\n"
        second = processes.enter_context(alone(tree, "echo second"))
        assert read_line(second) == "Another install is at work here; waiting for it…\n"
        assert second.poll() is None
        if end == "done":
            assert first.communicate("go\n", timeout=DEADLINE_S)[0] == "ended\n"
        else:
            first.send_signal(signal.SIGKILL)
        assert second.communicate(timeout=DEADLINE_S)[0] == "second\n"
    assert second.returncode == 0


def test_make_run_becomes_the_server_with_its_arguments_and_settings(tree: Path) -> None:
    (tree / "trailcast").mkdir()
    (tree / "trailcast/__main__.py").write_text(
        "import os, sys\nprint(os.getppid(), sys.argv[1:], os.environ['HOST'], os.environ['PORT'])\n"
    )
    command = ["make", "run", "PORT=9000", "ARGS=--live"]
    with subprocess.Popen(command, cwd=tree, env=environment(HOST="::1"), stdout=subprocess.PIPE, text=True) as make:
        output = make.communicate(timeout=DEADLINE_S)[0]
    # The parent of the server is make itself: a signal to make's child is a signal to the server.
    assert (make.returncode, output) == (0, f"{make.pid} ['run', '--live'] ::1 9000\n")


@pytest.mark.parametrize(("command", "status", "end"), [("exit 0", 0, "s"), ("exit 3", 3, "s, failed")])
def test_timed_command_keeps_its_status(command: str, status: int, end: str) -> None:
    result = call(ROOT, "scripts/timed", "a step", "sh", "-c", command)
    assert result.returncode == status
    assert re.fullmatch(rf"== a step\n== a step: \d+ {end}\n", result.stdout)


def test_every_script_can_be_called_and_stops_at_a_failure() -> None:
    assert [name for name in SCRIPTS if not os.access(ROOT / name, os.X_OK)] == []
    assert [name for name in SCRIPTS if not re.match(r"#!/bin/sh\n(#.*\n)+set -eu\n", texts()[name])] == []


def test_every_script_is_in_the_table() -> None:
    table = re.findall(r"^\| `([\w-]+)", texts()["scripts/README.md"], re.MULTILINE)
    assert sorted(f"scripts/{name}" for name in table) == SCRIPTS


def test_make_alone_lists_every_target() -> None:
    declared = re.findall(r"^\.PHONY: (.*)$", texts()["Makefile"], re.MULTILINE)[0].split()
    listed = re.findall(r"^make (\w+) +\S", call(ROOT, "make").stdout, re.MULTILINE)
    assert listed == declared
