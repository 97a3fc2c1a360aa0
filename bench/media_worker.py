"""A media worker and a recorder as processes of their own, spoken to over the control protocol."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import cpu
from bench.harness import CannotMeasure
from bench.media_probe import HOST
from bench.system import ROOT, python_path

PORTS = "20000-24399"
LEGS = 1100
WAKE_MS = 5
_START_S = 20.0
_WAIT_S = 30.0


class WorkerUnderTest:
    """One worker, with a recorder where something is recorded. `roles`: process id → what it does.

    `precedence`: over other processes, as workers of a service take it where they may.
    """

    def __init__(self, directory: Path, *, recorder: bool, jitter_ms: int, precedence: bool) -> None:
        self._processes: list[subprocess.Popen[str]] = []
        # Where a service keeps what its processes share: in memory, which a temporary directory need not be.
        memory = Path("/dev/shm")
        self._run_dir = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else directory)
        run_dir = Path(self._run_dir.name)
        arguments = ["worker", "--run-dir", run_dir, "--ports", PORTS, "--legs", LEGS, "--host", HOST]
        arguments += ["--jitter-ms", jitter_ms]
        arguments += ["--realtime"] if precedence else []
        worker = self._start(*arguments, "--wake-ms", WAKE_MS, "--log-level", "error")
        assert worker.stdout is not None
        if worker.stdout.readline() != "ready\n":
            raise CannotMeasure("the media worker did not start: what it says is above")
        self.roles = {worker.pid: "media"}
        if recorder:
            process = self._start("recorder", "--run-dir", run_dir, "--root", directory)
            self.roles[process.pid] = "recorder"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_WAIT_S)
        self._socket.connect(str(run_dir / "media-0.sock"))
        self._lines = self._socket.makefile("r", encoding="utf-8")
        self.events: list[dict[str, Any]] = []
        self.send([{"do": "hello", "version": 1, "generation": 1}])

    def _start(self, module: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", f"softswitch.media.{module}", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": python_path(ROOT)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._processes.append(process)
        return process

    def send(self, commands: Iterable[dict[str, Any]]) -> None:
        self._socket.sendall("".join(json.dumps(command) + "\n" for command in commands).encode())

    def wait(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """The next `count` events of this name; others are kept in `events`. Raises CannotMeasure."""
        found: list[dict[str, Any]] = []
        until = time.monotonic() + _WAIT_S
        while len(found) < count:
            try:
                line = self._lines.readline()
            except OSError:  # too late, or the worker is gone
                line = ""
            if not line or time.monotonic() > until:
                raise CannotMeasure(f"the media worker told {len(found)} of {count} {event}")
            told = json.loads(line)
            (found if told["event"] == event else self.events).append(told)
        return found

    def ports(self, count: int) -> list[int]:
        """Ports that are bound and may be used."""
        found: list[int] = []
        while len(found) < count:
            found += self.wait("ports")[0]["granted"]
        return found[:count]

    def settled(self) -> None:
        """Returns once everything that was sent has been carried out."""
        self.send([{"do": "send_digits", "leg": "nobody", "digits": "1"}])  # refused, in its turn
        while self.wait("error")[0]["about"].get("leg") != "nobody":
            raise CannotMeasure(f"a command was refused: {self.events[-1:]}")

    def memory_kib(self) -> int:
        return cpu.proportional_kib(self.roles)

    def close(self) -> None:
        self._socket.close()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.communicate(timeout=_WAIT_S)
        self._run_dir.cleanup()


@contextmanager
def worker_under_test(
    directory: Path, *, recorder: bool = False, jitter_ms: int = 40, precedence: bool = False
) -> Iterator[WorkerUnderTest]:
    worker = WorkerUnderTest(directory, recorder=recorder, jitter_ms=jitter_ms, precedence=precedence)
    try:
        yield worker
    finally:
        worker.close()
