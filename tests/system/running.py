"""A whole `softswitch run` under test: started with a configuration of its own, watched, stopped, judged."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from softswitch.config.files import load_node
from softswitch.control import CommandError, ControlClient, NotRunning
from softswitch.store import queries
from softswitch.store.livestate import load
from softswitch.store.reader import read_facts
from tests.peers.ports import free_port, free_ports

ROOT = Path(__file__).absolute().parents[2]
START_S = 40.0
STOP_S = 25.0
DEADLINE_S = 10.0
POLL_S = 0.02
TROUBLE = ("Traceback (most", "could not be handled", "event failed", "never awaited", "did not stop")

_NAMES = {
    "softswitch.store.process": "store",
    "softswitch.store.feed": "feed",
    "softswitch.media.recorder": "recorder",
    "softswitch.media.worker": "media",
    "softswitch.node": "switch",
    "softswitch.api": "api",
}
_SETTINGS = """\
sip:
  listen:
    - {{transport: UDP, host: 127.0.0.1, port: {port}}}
    - {{transport: TCP, host: 127.0.0.1, port: {port}}}
{listen}media:
  ports: {first}-{last}
  workers: {workers}
{media}recording:
  directory: {recordings}
python_flows: python_flows
api: {api}
log: {log}
"""


def until(reached: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """Return what `reached` gives as soon as it gives something true; fail with `what` when it never does.

    For what another process does and tells nobody, such as a file that grows.
    """
    deadline, nothing = time.monotonic() + deadline_s, threading.Event()
    while not (found := reached()):
        assert time.monotonic() < deadline, f"not within {deadline_s} s: {what}"
        nothing.wait(POLL_S)
    return found


class RunningSystem:
    """One system in a directory of its own. `start`, use, `stop`; `close` for good, with the judgement."""

    def __init__(
        self,
        centre: dict[str, Any],
        *,
        recordings: Path | None = None,
        workers: int = 1,
        ports: int = 200,
        listen: Sequence[dict[str, Any]] = (),
        codecs: Sequence[str] = (),
        host6: str = "",
        python_flows: Mapping[str, str] = MappingProxyType({}),
        api: Mapping[str, Any] | None = None,
        log: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """`listen` are further SIP sockets, as the configuration has them; `codecs`, `host6` are of media;
        `python_flows` are sources by name; `api` and `log` are settings: without `api` there is none."""
        # A short path: Unix sockets allow no more than 107 bytes.
        self.directory = Path(tempfile.mkdtemp(prefix="ss-"))
        self.port = free_port()
        self.recordings = recordings or self.directory / "recordings"
        self.config = self.directory / "softswitch.yaml"
        self.log_path = self.directory / "log"
        self.media_ports = free_ports(ports)
        self.config.write_text(
            _SETTINGS.format(
                port=self.port,
                listen="".join(f"    - {json.dumps(each)}\n" for each in listen),
                first=self.media_ports.start,
                last=self.media_ports[-1],
                workers=workers,
                media="".join(
                    f"  {name}: {json.dumps(value)}\n"
                    for name, value in (("codecs", codecs), ("host6", host6))
                    if value
                ),
                recordings=self.recordings,
                api=json.dumps({"enabled": False} if api is None else {"port": free_port(), **api}),
                log=json.dumps({**log}),
            )
        )
        (self.directory / "python_flows").mkdir()
        for name, source in python_flows.items():
            (self.directory / "python_flows" / f"{name}.py").write_text(source)
        self.node = load_node(self.config)
        self._centre = self.directory / "centre.yaml"
        self._centre.write_text(json.dumps(centre))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it takes SIP, over UDP and TCP."""
        return "127.0.0.1", self.port

    # Life

    def start(self) -> None:
        """Return when `softswitch run` says that it is ready and a media worker is connected."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "softswitch", "run", "-c", str(self.config)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.strip() == b"ready", self.log()
        until(self.media_connected, "the media workers are connected", START_S)

    def apply(self) -> None:
        self.cli("apply", str(self._centre))

    def media_connected(self) -> bool:
        try:
            return all(worker["free_ports"] for worker in self.command("status")["media"])
        except (NotRunning, CommandError):
            return False

    def stop(self) -> float:
        """SIGTERM to the parent; fails unless everything ends in time and in order. Returns the seconds."""
        assert self._process is not None and self._process.stdout is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(STOP_S)
        took_s = time.monotonic() - began
        self._process.stdout.close()
        self._process = None
        assert status == 0, self.log()
        until(lambda: not self.leftovers(), f"nothing is left running: {self.leftovers()}")
        return took_s

    def close(self) -> None:
        """Stop it if it runs; fail if something is left running or the log has a traceback."""
        try:
            if self._process is not None:
                self.stop()
            self.judge()
        finally:
            for pid in self.leftovers():
                os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.directory, ignore_errors=True)

    def judge(self) -> None:
        """What must hold at any time: nothing in the log that only a programmer can read."""
        log = self.log()
        for sign in (
            "Traceback (most",
            "could not be handled",
            "event failed",
            "never awaited",
            "did not stop",
            "invariant broken",
        ):
            assert sign not in log, log

    def log(self) -> str:
        return self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""

    # Processes

    @property
    def parent(self) -> int:
        assert self._process is not None
        return self._process.pid

    def pids(self) -> dict[str, int]:
        """The working children of the parent by name: store, recorder, media-0 …, switch."""
        found: dict[str, int] = {}
        for name, pid in self._children():
            # The successor that waits is younger than the one that it waits for.
            found.setdefault(name, pid)
        return found

    def waiting_successor(self, name: str = "switch") -> int | None:
        """The process that takes over when that one dies."""
        pids = [pid for each, pid in self._children() if each == name]
        return pids[1] if len(pids) > 1 else None

    def _children(self) -> Iterator[tuple[str, int]]:
        for text in Path(f"/proc/{self.parent}/task/{self.parent}/children").read_text().split():
            words = _command_line(int(text))
            name = next((_NAMES[word] for word in words if word in _NAMES), None)
            if name is not None:
                yield f"media-{words[words.index('--index') + 1]}" if name == "media" else name, int(text)

    def kill(self, name: str) -> int:
        """kill -9 of one process; returns its former pid."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def replaced(self, name: str, former: int, deadline_s: float = DEADLINE_S) -> int:
        """Wait until the parent has started a successor; returns its pid."""

        def successor() -> int | None:
            pid = self.pids().get(name)
            return pid if pid != former else None

        return int(until(successor, f"a new {name} is started", deadline_s))

    def answers(self, deadline_s: float = DEADLINE_S) -> None:
        """Wait until the switch answers commands and has its media workers."""
        until(self.media_connected, "the switch answers and has media", deadline_s)

    def leftovers(self) -> list[int]:
        """Processes that have our configuration or directories on their command line."""
        mine = str(self.directory)
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in pids if any(mine in word for word in _command_line(pid))]

    # Commands

    def command(self, command: str, /, **args: Any) -> Any:
        """A command over the control socket."""
        with ControlClient(self.node.control_path, timeout_s=DEADLINE_S) as switch:
            return switch.call(command, args)

    def cli(self, *words: str) -> str:
        """The command line in a process of its own; its standard output."""
        done = self.try_cli(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def try_cli(self, *words: str, config: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "softswitch", *words, "-c", str(config or self.config)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=START_S,
        )

    # What it keeps

    def live_state(self) -> dict[str, Any]:
        """The fold of the journal, as the next switch would find it."""
        return load(self.node.state_dir)[0]

    def facts(self, kind: str | None = None) -> list[dict[str, Any]]:
        """All facts of the journal, or those of one type, in order."""
        return [fact for _, fact in read_facts(self.node.state_dir) if kind in (None, fact["type"])]

    def rows(self, question: Callable[..., list[dict[str, Any]]], *args: Any, **named: Any) -> Any:
        """A question of `softswitch.store.queries`, asked when the views have caught up."""
        assert queries.wait_until_current(self.node.state_dir, DEADLINE_S)
        views = queries.open_views(self.node.state_dir)
        try:
            return question(views, *args, **named)
        finally:
            views.close()

    def cdrs(self, **named: Any) -> list[dict[str, Any]]:
        """Call records, the newest first."""
        return list(self.rows(functools.partial(queries.list_calls, limit=1000), **named))

    def cdr(self, sip_call_id: str) -> dict[str, Any]:
        """The one finished record of a call; fails unless there is exactly one."""

        def finished() -> list[dict[str, Any]]:
            return [row for row in self.cdrs() if row["sip_call_id"] == sip_call_id and row["ended_at"]]

        rows = until(finished, f"a record of {sip_call_id}")
        assert len(rows) == 1, rows
        ends = [fact for fact in self.facts("call_ended") if fact["data"]["call"] == rows[0]["call"]]
        assert len(ends) == 1, ends
        return dict(rows[0])

    def recording(self, call: str) -> dict[str, Any]:
        """The finished recording of a call."""

        def finished() -> list[dict[str, Any]]:
            rows = self.rows(queries.list_recordings)
            return [row for row in rows if row["call"] == call and row["finished_at"]]

        rows = until(finished, f"a recording of {call}")
        assert len(rows) == 1, rows
        return dict(rows[0])


@contextmanager
def running(centre: dict[str, Any], **options: Any) -> Iterator[RunningSystem]:
    """A system that is up with this centre; judged when it has stopped."""
    system = RunningSystem(centre, **options)
    try:
        system.start()
        system.apply()
        yield system
    except BaseException:
        # The log tells why; what close() would complain about comes second.
        print(system.log(), file=sys.stderr)
        raise
    finally:
        system.close()


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return []
