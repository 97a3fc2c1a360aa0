"""The control socket: commands to a running switch as JSON lines, both sides of it.

Request `{"id": 1, "command": "user.list", "args": {}, "key": "..."}`, answer
`{"id": 1, "ok": true, "result": ...}` or
`{"id": 1, "ok": false, "error": {"message": ..., "hint": ..., "code": ..., "problems": [...]}}`.
A request with a `key` that was used already gets the first answer again and is not carried out twice: two at
a time wait for each other, and whoever carries commands out remembers those that have changed something.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from softswitch.config.errors import BUSY, INVALID, SHUTTING_DOWN, ConfigError, Problem

log = logging.getLogger(__name__)

MAX_LINE_BYTES = 32 * 1024 * 1024
LONGEST_KEY = 200
NO_KEY = f"this is no key; allowed: text of at most {LONGEST_KEY} printable characters"
READING_VERBS = (".list", ".show", ".explain", ".history", ".keys")
ANSWER_S = 30.0
# What is only read is there at once: a switch that takes longer hangs.
READ_ANSWER_S = 5.0
# What sun_path of a Unix socket address holds, less the closing zero.
MAX_PATH_BYTES = 107

Handle = Callable[[str, dict[str, Any], str], Any]
Reply = dict[str, Any]


class CommandError(Exception):
    """A command was refused: what is wrong, what to do, and the mistakes by path when there are several.

    `code` tells programs why: one of those of `softswitch.config.errors`, or empty.
    """

    def __init__(
        self, message: str, hint: str = "", problems: Iterable[Problem] = (), *, code: str = ""
    ) -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message = message
        self.hint = hint
        self.problems = tuple(problems)
        self.code = code

    def to_json(self) -> dict[str, Any]:
        problems = [{"path": list(each.path), "message": each.message} for each in self.problems]
        return {"message": self.message, "hint": self.hint, "code": self.code, "problems": problems}

    @classmethod
    def from_json(cls, error: dict[str, Any]) -> CommandError:
        problems = [Problem(tuple(each["path"]), each["message"]) for each in error.get("problems", [])]
        return cls(error["message"], error.get("hint", ""), problems, code=error.get("code", ""))


class NotRunning(Exception):
    """Nobody listens at the control socket."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"no switch is running at {path}; start one with softswitch run")


class ControlServer:
    """Answers commands on a Unix socket that only its owner may use (mode 0600).

    `handle(command, args, key)` returns the result, or an awaitable of it, or raises CommandError or
    ConfigError; `key` is empty where the client gave none, and no two with one key are handled at a time.
    Anything else it raises is written to standard error and answered as an internal error.
    """

    def __init__(self, path: Path, handle: Handle, sock: socket.socket | None = None) -> None:
        self._path = path
        self._handle = handle
        self._sock = sock
        self._under_way: dict[str, asyncio.Event] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; CommandError when another switch already answers there."""
        listener = self._sock or bind_control_socket(self._path)
        self._server = await asyncio.start_unix_server(self._connected, sock=listener, limit=MAX_LINE_BYTES)

    async def close(self) -> None:
        """Stop listening, let commands under way be answered, drop the connections."""
        if self._server is not None:
            self._server.close()
        if self._sock is None:
            self._path.unlink(missing_ok=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                refusal = _refusal(None, CommandError("the command is too long", code=INVALID))
                writer.write(orjson.dumps(refusal) + b"\n")
                return await writer.drain()
            if not line.endswith(b"\n"):
                return None
            writer.write(orjson.dumps(await self._reply(line), default=str) + b"\n")
            await writer.drain()

    async def _reply(self, line: bytes) -> Reply:
        try:
            request = orjson.loads(line)
            command, args = request["command"], request.get("args", {})
            number, key = request.get("id"), request.get("key") or ""
        except (ValueError, KeyError, TypeError, AttributeError):
            error = CommandError("this is no command", "send one JSON object a line", code=INVALID)
            return _refusal(None, error)
        if not isinstance(command, str) or not isinstance(args, dict):
            error = CommandError("this is no command", "command is text, args an object", code=INVALID)
            return _refusal(number, error)
        if not isinstance(key, str) or len(key) > LONGEST_KEY or not key.isprintable():
            return _refusal(number, CommandError(NO_KEY, code=INVALID))
        if not key:
            return await self._answer(number, command, args, key)
        while key in self._under_way:
            await self._under_way[key].wait()
        done = self._under_way[key] = asyncio.Event()
        try:
            return await self._answer(number, command, args, key)
        finally:
            del self._under_way[key]
            done.set()

    async def _answer(self, number: Any, command: str, args: dict[str, Any], key: str) -> Reply:
        try:
            result = self._handle(command, args, key)
            if inspect.isawaitable(result):
                result = await result
            return {"id": number, "ok": True, "result": result}
        except CommandError as error:
            return _refusal(number, error)
        except ConfigError as error:
            return _refusal(number, refused(error))
        except Exception:
            log.exception("command %s failed", command)
            message = f"the switch failed to carry out {command}"
            return _refusal(number, CommandError(message, "its log says why; nothing else is affected"))


def refused(error: ConfigError) -> CommandError:
    """Mistakes in a configuration as the refusal of a command."""
    count = len(error.problems)
    message = str(error.problems[0]) if count == 1 else f"{count} mistakes in the configuration"
    return CommandError(message, "", error.problems, code=error.code)


def _refusal(number: Any, error: CommandError) -> Reply:
    return {"id": number, "ok": False, "error": error.to_json()}


def bind_control_socket(path: Path) -> socket.socket:
    """A listening Unix socket of mode 0600; a left-over file is replaced, a living switch is not.

    CommandError when a switch already listens there or the path cannot be bound.
    """
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise CommandError(f"{path} is too long for a socket", "set run_dir to a shorter path")
    if _somebody_listens(path):
        raise CommandError(f"a switch is already running at {path}", "stop it first, or use another run_dir")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            listener.bind(os.fspath(path))
        finally:
            os.umask(mask)
        listener.listen(16)
    except OSError as error:
        listener.close()
        raise CommandError(
            f"cannot listen at {path}: {error.strerror}", "check run_dir and its owner"
        ) from None
    listener.setblocking(False)
    return listener


def _somebody_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
        return True


def only_reads(command: str, args: Mapping[str, Any] = MappingProxyType({})) -> bool:
    """Whether a command changes nothing and has its answer in memory."""
    if command == "apply":
        return bool(args.get("dry_run"))
    return command == "status" or command.endswith(READING_VERBS)


class ControlClient:
    """Blocking client, one connection: `with ControlClient(path) as switch: switch.call("status")`.

    NotRunning when nobody listens; CommandError when a command is refused or no answer comes within
    `timeout_s`, or a few seconds when it only reads.
    """

    def __init__(self, path: Path, timeout_s: float = ANSWER_S) -> None:
        self._path = path
        self._number = 0
        self._timeout_s = timeout_s
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._sock.settimeout(min(timeout_s, READ_ANSWER_S))
        try:
            self._sock.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError):
            self._sock.close()
            raise NotRunning(path) from None
        except (TimeoutError, BlockingIOError):
            self._sock.close()
            raise CommandError(
                f"the switch at {path} takes no commands",
                "it hangs: kill its process, it is started again",
                code=BUSY,
            ) from None
        except OSError as error:
            self._sock.close()
            reason = error.strerror or str(error)
            raise CommandError(
                f"cannot reach the switch at {path}: {reason}", "run as the same user"
            ) from None
        self._lines = self._sock.makefile("rb")

    def call(self, command: str, args: dict[str, Any] | None = None, *, key: str = "") -> Any:
        """Send one command and return its result."""
        self._number += 1
        request = {"id": self._number, "command": command, "args": args or {}}
        if key:
            request["key"] = key
        timeout_s = min(self._timeout_s, READ_ANSWER_S) if only_reads(command) else self._timeout_s
        self._sock.settimeout(timeout_s)
        try:
            self._sock.sendall(orjson.dumps(request) + b"\n")
            line = self._lines.readline()
        except TimeoutError:
            pid = self._switch_pid()
            raise CommandError(
                f"the switch (process {pid}) did not answer {command} within {timeout_s:g} s",
                f"if it hangs, end it with kill -9 {pid}: it is started again at once",
                code=BUSY,
            ) from None
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            raise CommandError(
                f"the switch went away during {command}",
                "look whether it runs, then repeat",
                code=SHUTTING_DOWN,
            )
        reply = orjson.loads(line)
        if not reply["ok"]:
            raise CommandError.from_json(reply["error"])
        return reply["result"]

    def _switch_pid(self) -> int:
        """Who listens on the other side, as the kernel knows it."""
        credentials = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid: int = struct.unpack("3i", credentials)[0]
        return pid

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._lines.close()
            self._sock.close()

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
