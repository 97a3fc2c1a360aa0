"""A whole softswitch as system under test: in a directory and on loopback addresses of its own."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import cpu
from bench.harness import CannotMeasure
from softswitch.control import ControlClient

ROOT = Path(__file__).resolve().parent.parent
SIP_PORT = 25060
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
_RUN = "from softswitch.cli.main import main; main()"
_NODE = """\
sip:
  nonce_secret: {secret}
  listen:
    - {{transport: UDP, host: {host}, port: {port}}}
    - {{transport: TCP, host: {host}, port: {port}}}
media: {{host: {host}, ports: 16384-61439, workers: {workers}}}
log: {{level: warning}}
limits: {{max_calls: 100000}}
api: {api}
"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Loopback addresses that no other run uses: of the switch, the callers and the agents' phones."""

    switch: str
    callers: str
    agents: str

    @classmethod
    def free(cls) -> Addresses:
        """Three addresses of a random network in 127.0.0.0/8 whose SIP port nobody has."""
        for _ in range(100):
            network = f"127.{random.randrange(64, 128)}.{random.randrange(256)}"
            if _is_free(f"{network}.1"):
                return cls(f"{network}.1", f"{network}.2", f"{network}.3")
        raise CannotMeasure("no loopback address is free; end other runs first")


class System:
    """`softswitch run` from a source tree, with its centre applied."""

    def __init__(self, tree: Path, directory: Path, addresses: Addresses) -> None:
        self.addresses = addresses
        self.directory = directory
        self.state_dir = directory / "state"
        self._environment = {**os.environ, "PYTHONPATH": python_path(tree)}
        self._out = directory / "out"
        self._log = directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, centre: str, *, workers: int | None = None, api: str = "{enabled: false}") -> None:
        """Apply `centre` (the text of a centre.yaml) and start everything. Raises CannotMeasure.

        `workers`: media workers, unless given as many as the system chooses. `api`: its settings, as YAML.
        """
        node = _NODE.format(
            secret=secrets.token_urlsafe(24),
            host=self.addresses.switch,
            port=SIP_PORT,
            workers=workers or "",
            api=api,
        )
        (self.directory / "softswitch.yaml").write_text(node)
        (self.directory / "centre.yaml").write_text(centre)
        self._process = self._popen("run", "-c", "softswitch.yaml")
        self._wait_until_ready(self._process)
        applied = self._popen("apply", "centre.yaml", "--json", "-c", "softswitch.yaml")
        if applied.wait(START_TIMEOUT_S):
            raise CannotMeasure(f"the centre was refused:\n{self.log()}")

    def wait_until_quiet(self, timeout_s: float) -> bool:
        """Whether, in time, no call went on and no recording was being written any more."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            state = self.command("status")
            if not state["calls"] and not state["recording"]:
                return True
            time.sleep(0.05)
        return False

    def stop(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def command(self, name: str, args: dict[str, Any] | None = None) -> Any:
        with ControlClient(self.directory / "run" / "control.sock") as switch:
            return switch.call(name, args)

    def command_line(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What `softswitch ARGUMENTS -c …` says, from a process that does not belong to the system."""
        return subprocess.run(
            [sys.executable, "-c", _RUN, *arguments, "-c", "softswitch.yaml"],
            cwd=self.directory,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=False,
        )

    def processes(self) -> dict[int, str]:
        """All processes of the system by id, with their roles."""
        assert self._process is not None
        return cpu.processes(self._process.pid)

    def log(self) -> str:
        """What the processes wrote to standard error, the last lines of it."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])

    def _popen(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self._out.open("ab") as out, self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", _RUN, *arguments],
                cwd=self.directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
            )

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_TIMEOUT_S
        while b"ready\n" not in self._out.read_bytes():
            if process.poll() is not None or time.monotonic() > until:
                raise CannotMeasure(f"softswitch run did not start:\n{self.log()}")
            time.sleep(0.02)


def python_path(tree: Path) -> str:
    """PYTHONPATH with this source tree before whatever else is in it."""
    return os.pathsep.join(filter(None, (str(tree), os.environ.get("PYTHONPATH"))))


@contextmanager
def system(tree: Path = ROOT, *, keep: bool = False) -> Iterator[System]:
    """A system that is stopped whatever happens; its directory is removed unless `keep` is set."""
    directory = Path(tempfile.mkdtemp(prefix="softswitch-bench-"))
    under_test = System(tree, directory, Addresses.free())
    try:
        yield under_test
    finally:
        under_test.stop()
        if not keep:
            shutil.rmtree(directory)


def _is_free(host: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, SIP_PORT))
        except OSError:
            return False
    return True
