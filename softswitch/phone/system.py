"""The system under demonstration: `softswitch run` as a process of its own, and its commands."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

import orjson

from softswitch.config import Node
from softswitch.config.commented import commented
from softswitch.control import ControlClient

START_TIMEOUT_S = 40.0
STOP_TIMEOUT_S = 30.0
COMMAND_TIMEOUT_S = 30.0
LOG_LINES = 20
_PR_SET_PDEATHSIG = 1


class SystemFailed(Exception):
    """The system could not be started, or a command failed: a message for the user."""


class System:
    """A whole switch with its files in `directory`."""

    def __init__(self, directory: Path, node: Node) -> None:
        self.node = node
        self._config = directory / "softswitch.yaml"
        self._centre = directory / "centre.yaml"
        self._log = directory / "softswitch.log"
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self, centre: dict[str, Any]) -> None:
        """Start `softswitch run`, wait until it is ready, and apply the centre."""
        _write_private(self._config, commented(self.node).encode())
        _write_private(self._centre, orjson.dumps(centre, option=orjson.OPT_INDENT_2))
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_cli("run", "-c", str(self._config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_us,
            )
        await self._until_ready(self._process)
        await self.command("apply", str(self._centre))

    async def command(self, *arguments: str) -> Any:
        """The JSON that a command prints; SystemFailed with its message when it fails."""
        process = await asyncio.create_subprocess_exec(
            *_cli(*arguments, "-c", str(self._config), "--json"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=_end_with_us,
        )
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT_S):
                out, error = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise SystemFailed(f"softswitch {' '.join(arguments)}: {error.decode(errors='replace').strip()}")
        return orjson.loads(out)

    async def ask(self, *commands: str) -> list[Any]:
        """Answers of the running switch on its control socket."""
        return await asyncio.to_thread(self._ask, commands)

    def _ask(self, commands: tuple[str, ...]) -> list[Any]:
        with ControlClient(self.node.control_path, timeout_s=5) as switch:
            return [switch.call(command) for command in commands]

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def stop(self) -> None:
        """End it in order; what does not end in time is killed."""
        process = self._process
        if process is None:
            return
        try:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            # Its children are told by the kernel when it is gone.
            process.kill()
            await process.wait()
        finally:
            if self._reading is not None:
                self._reading.cancel()

    def log_tail(self) -> list[str]:
        """The last lines that the system wrote to standard error."""
        if not self._log.exists():
            return []
        return self._log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while (line := await process.stdout.readline()).strip() != b"ready":
                    if not line:
                        raise SystemFailed("softswitch run could not start")
        except TimeoutError:
            raise SystemFailed("softswitch run did not get ready") from None
        self._reading = asyncio.get_running_loop().create_task(_drain(process.stdout))


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.readline():
        pass


def _cli(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "softswitch", *arguments]


def _end_with_us() -> None:
    """In the child: end in order should the demo be killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _write_private(path: Path, content: bytes) -> None:
    """A file with passwords."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
