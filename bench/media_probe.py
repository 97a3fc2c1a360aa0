"""The C program beside the media worker: generator, limit and bare loop, compiled when a bench begins."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.harness import CannotMeasure

HOST = f"127.{64 + os.getpid() // 250 % 60}.{os.getpid() % 250}.9"
"""Where all of an audio bench is: two that run at the same time have addresses of their own."""
LIMIT_PORT, SOURCE_PORT = 9480, 9482
"""Of the echo and of the generator; below the ports that media workers use."""
FIRST_ADDRESS, APART_PORT = ipaddress.IPv4Address("127.10.0.1"), 9500 + os.getpid() % 400
"""Of the first leg, and of all, where each has an address of its own."""
_SOURCE = Path(__file__).with_suffix(".c")
_SLACK_S = 20.0


class Probe:
    """The compiled program; every method starts a process of its own."""

    def __init__(self, directory: Path) -> None:
        """Raises CannotMeasure when there is no C compiler."""
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise CannotMeasure("no C compiler: apt-get install -y --no-install-recommends gcc libc6-dev")
        self._program = str(directory / "media_probe")
        done = subprocess.run(
            [compiler, "-O2", "-o", self._program, str(_SOURCE)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CannotMeasure(f"{_SOURCE.name} could not be compiled:\n{done.stderr}")

    def echo(self, wake_us: int) -> subprocess.Popen[str]:
        """The limit, ready on LIMIT_PORT."""
        arguments = [self._program, "echo", HOST, str(LIMIT_PORT), str(wake_us)]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise CannotMeasure(f"port {LIMIT_PORT} on {HOST} is taken: end what uses it")
        return process

    def generate(
        self,
        ports: Sequence[int],
        seconds: float,
        *,
        stamped: bool,
        canned: Path | None = None,
        to: str = HOST,
        apart: bool = False,
    ) -> Running:
        """Sends to these ports of `to` for so long; `stamped`: packets tell when they were sent; `apart`: for
        each leg from an address of its own."""
        arguments = [
            "generate",
            "0.0.0.0" if apart else HOST,
            str(APART_PORT if apart else SOURCE_PORT),
            str(seconds),
            str(int(stamped)),
            str(canned or "-"),
            to,
        ]
        return Running([self._program, *arguments], "\n".join(map(str, ports)), seconds)

    def bare_loop(self, wake_us: int, seconds: float) -> Running:
        return Running([self._program, "sleep", str(wake_us), str(seconds)], "", seconds)


class Running:
    """A process that ends by itself with one JSON object."""

    def __init__(self, arguments: list[str], given: str, seconds: float) -> None:
        self._seconds = seconds
        self._process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        self._process.stdin.write(given)
        self._process.stdin.close()
        self._process.stdin = None

    def result(self) -> dict[str, Any]:
        """Waits for the end. Raises CannotMeasure when there is no result."""
        output, _ = self._process.communicate(timeout=self._seconds + _SLACK_S)
        if self._process.returncode:
            raise CannotMeasure("the generator failed: what it says is above")
        found: dict[str, Any] = json.loads(output)
        return found


def busy() -> subprocess.Popen[bytes]:
    """A process that takes all of a core."""
    return subprocess.Popen([sys.executable, "-c", "while True: pass"])
