"""What every real phone under test has in common: a process, its states, and waiting for them.

States, each an event in the order it happened: `registered`, `register_failed`, `ringing` (a call comes in),
`alerting` (the far end rings), `talking`, `ended`.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

DEADLINE_S = 10.0


def program(name: str, package: str) -> str:
    """The path of a peer; a missing one is a failure that says how to install it, never a skip."""
    path = shutil.which(name)
    assert path, f"{name} is not installed: apt-get install --no-install-recommends {package}"
    return path


class Phone:
    """Base of the wrappers: starts `command`, gives each line it prints to `line_arrived`.

    The reading thread appends to `states`; `wait_for` walks along them and never looks back, so a test that
    waits for two calls in a row needs no resetting. Used as a context manager; leaving it ends the process.
    """

    tone_hz: float
    transport: str
    tells_every_s = 0.1  # how often `received_s` grows while audio comes in

    def __init__(self, name: str, directory: Path, host: str = "127.0.0.1") -> None:
        self.name = name
        self.host = host
        self.directory = directory / name
        self.directory.mkdir(parents=True)
        self.digits: list[str] = []
        self._states: list[str] = []
        self._seen = 0
        self._lines: deque[str] = deque(maxlen=60)
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None

    # The life of the process.

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        raise NotImplementedError

    def launch(self, command: list[str], **environment: str) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            env=os.environ | environment,
            bufsize=0,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True, name=f"{self.name} output")
        self._reader.start()

    def close(self) -> None:
        """Ends the process: what it wants itself, then SIGTERM, then SIGKILL."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            self.quit()
        for last_word in (signal.SIGTERM, signal.SIGKILL):
            try:
                process.wait(2)
                break
            except subprocess.TimeoutExpired:
                process.send_signal(last_word)
        process.wait(5)
        self._reader.join(5)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None

    def quit(self) -> None:
        """Asks the process to end; the default is a signal."""
        if self._process:
            self._process.send_signal(signal.SIGTERM)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    # Output and states.

    def _read(self) -> None:
        assert self._process and self._process.stdout
        rest = b""
        descriptor = self._process.stdout.fileno()
        while chunk := os.read(descriptor, 65536):
            *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
            for line in lines:
                self._take(line.decode(errors="replace"))
        self._take(rest.decode(errors="replace"))
        self.reached("gone")

    def _take(self, line: str) -> None:
        self._lines.append(line)
        self.line_arrived(line)

    def line_arrived(self, line: str) -> None:
        """Turns one line of output into states; runs in the reading thread."""

    def reached(self, state: str) -> None:
        with self._changed:
            self._states.append(state)
            self._changed.notify_all()

    def heard_digit(self, digit: str) -> None:
        with self._changed:
            self.digits.append(digit)
            self._changed.notify_all()

    def write(self, text: str) -> None:
        assert self._process and self._process.stdin
        self._process.stdin.write(text.encode())

    def wait_for(self, state: str, deadline_s: float = DEADLINE_S) -> None:
        """Returns as soon as the next `state` was reached; fails with the history when it does not come."""

        def found() -> bool:
            return state in self._states[self._seen :] or "gone" in self._states

        with self._changed:
            self._changed.wait_for(found, deadline_s)
            assert state in self._states[self._seen :], self._story(f"did not reach '{state}'")
            self._seen = self._states.index(state, self._seen) + 1

    def wait_for_digits(self, digits: str, deadline_s: float = DEADLINE_S) -> None:
        with self._changed:
            self._changed.wait_for(lambda: "".join(self.digits) == digits, deadline_s)
            assert "".join(self.digits) == digits, self._story(f"heard the digits {self.digits}")

    def _story(self, complaint: str) -> str:
        output = "\n    ".join(self._lines)
        return f"{self.name} {complaint}; states {self._states}, looked from {self._seen}\n    {output}"

    # What a phone does.

    def register(self, registrar: str, user: str, password: str) -> None:
        """Registers `user` at `registrar` ('host:port'); `registered` or `register_failed` follows."""
        raise NotImplementedError

    def call(self, uri: str) -> None:
        raise NotImplementedError

    def answer(self) -> None:
        raise NotImplementedError

    def hang_up(self) -> None:
        raise NotImplementedError

    def hold(self) -> None:
        raise NotImplementedError

    def resume(self) -> None:
        raise NotImplementedError

    def transfer(self, uri: str) -> None:
        """Blind transfer of the call to `uri`."""
        raise NotImplementedError

    def press(self, digits: str, *, info: bool = False) -> None:
        """Sends digits as telephone-events, or in SIP INFO."""
        raise NotImplementedError

    def received_s(self) -> float:
        """How much audio has come in until now, seconds; for waiting, not for judging."""
        raise NotImplementedError

    def heard(self) -> tuple[np.ndarray, int]:
        """All that came in over the last call (or until now), and its rate."""
        raise NotImplementedError


def readable(descriptor: int, deadline_s: float) -> bool:
    return bool(select.select([descriptor], [], [], deadline_s)[0])
