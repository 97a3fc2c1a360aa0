"""A peer as process of its own: started in a temporary folder, on loopback addresses that nobody else has."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import cpu
from bench.harness import CannotMeasure

START_S = 20.0
STOP_S = 5.0


class PeerProcess:
    """What one peer is made of. `roles` are all its processes, by id."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self._log = directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def launch(
        self,
        command: Sequence[str],
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it and return when it is `ready`. Raises CannotMeasure."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.directory,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + START_S
        while not ready():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise CannotMeasure(f"{self.name} did not start:\n{self.log()}")
            time.sleep(0.05)

    def roles(self) -> dict[int, str]:
        assert self._process is not None
        return dict.fromkeys(cpu.processes(self._process.pid), self.name)

    def stop(self) -> None:
        """End it with whatever it has started."""
        process = self._process
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, number)
                try:
                    process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    continue

    def log(self) -> str:
        """The last lines of what it wrote."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-20:])


def answers_options(here: str, there: tuple[str, int]) -> bool:
    """Whether a SIP server says anything to an OPTIONS from a port of the address `here`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.bind((here, 0))
        asking.settimeout(0.2)
        asking.connect(there)
        host, port = asking.getsockname()
        lines = (
            "OPTIONS sip:{}:{} SIP/2.0".format(*there),
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{port}",
            "Max-Forwards: 70",
            f"From: <sip:{host}>;tag=1",
            f"To: <sip:{there[0]}>",
            f"Call-ID: {port}",
            "CSeq: 1 OPTIONS",
            "Content-Length: 0",
        )
        try:
            asking.send("".join(f"{line}\r\n" for line in (*lines, "")).encode())
            return asking.recv(4096).startswith(b"SIP/2.0")
        except OSError:
            return False
