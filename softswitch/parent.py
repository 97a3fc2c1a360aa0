"""The parent process: binds the SIP sockets, starts the other processes, and starts again whichever dies."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from softswitch import logs
from softswitch.config import Node
from softswitch.config.files import load_node
from softswitch.net.sockets import API_ENVIRONMENT, ENVIRONMENT, Listener, to_environment
from softswitch.startup import Bound, CannotStart, prepare

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
STEADY_S = 1.0
LONGEST_PAUSE_S = 5.0
_PR_SET_PDEATHSIG = 1
_FEWEST_LEGS, _SPARE_LEGS = 2048, 64


log = logging.getLogger(__name__)


class Sockets(NamedTuple):
    """Sockets that a process inherits, and the variables of its environment that say which is which."""

    environment: dict[str, str]
    descriptors: tuple[int, ...]


NONE = Sockets({}, ())


@dataclass
class Child:
    """One process that should run: how to start it, and its present process.

    Of one that `waits` a successor is kept: it has its code loaded, which takes most of the time of a start,
    and begins when it gets a line on its standard input. `sockets`: those that it inherits, by the variable
    of the environment that says which they are.
    """

    name: str
    arguments: Sequence[str]
    sockets: Sockets = NONE
    waits: bool = False
    process: asyncio.subprocess.Process | None = None
    successor: asyncio.subprocess.Process | None = None
    pause_s: float = 0.0
    ready: asyncio.Event = field(default_factory=asyncio.Event)


def children_of(node: Node, config: Path, bound: Bound) -> list[Child]:
    """In the order in which they are started; they are stopped in the opposite one."""
    count, level = node.media.worker_count, node.log.level
    # Any worker may come to hold every call: two legs each, and some in between.
    legs = max(_FEWEST_LEGS, 2 * node.limits.max_calls + _SPARE_LEGS)
    media = [
        Child(
            f"media-{index}",
            [
                *_command(
                    "softswitch.media.worker",
                    index=index,
                    run_dir=node.run_dir,
                    host=node.media.host,
                    ports=node.media.port_range.share(index, count),
                    wake_ms=node.media.wake_ms,
                    legs=legs,
                    log_level=level,
                ),
                *(["--host6", node.media.host6] if node.media.host6 else []),
                *_precedence(node, index),
                "--wait",
            ],
            waits=True,
        )
        for index in range(count)
    ]
    recorder = _command(
        "softswitch.media.recorder",
        run_dir=node.run_dir,
        root=node.recording.directory,
        control=node.control_path,
        compress=node.recording.compress,
        retention=",".join(f"{name}={days}" for name, days in node.recording.retention_days.items()),
        log_level=level,
    )
    return [
        Child("store", _command("softswitch.store.process", state_dir=node.state_dir)),
        Child("feed", _command("softswitch.store.feed", state_dir=node.state_dir, socket=node.events_path)),
        Child("recorder", recorder),
        *media,
        Child("switch", ["softswitch.node", str(config), "--wait"], sip_sockets(bound.listeners), waits=True),
        *([Child("api", ["softswitch.api", str(config)], api_socket(bound.api))] if bound.api else []),
    ]


def sip_sockets(listeners: Sequence[Listener]) -> Sockets:
    return Sockets({ENVIRONMENT: to_environment(listeners)}, tuple(each.sock.fileno() for each in listeners))


def api_socket(sock: socket.socket) -> Sockets:
    return Sockets({API_ENVIRONMENT: str(sock.fileno())}, (sock.fileno(),))


def _precedence(node: Node, worker: int) -> list[str]:
    cpu = node.media.processor(worker, sorted(os.sched_getaffinity(0)))
    return [
        *([] if cpu is None else ["--cpu", str(cpu)]),
        *(["--realtime"] if node.media.realtime else []),
    ]


def _command(module: str, **options: object) -> list[str]:
    """Arguments of python -m: the module and its options."""
    pairs = ((f"--{name.replace('_', '-')}", str(value)) for name, value in options.items())
    return [module, *(word for pair in pairs for word in pair)]


class Parent:
    """Watches the children until it is told to stop."""

    def __init__(self, node: Node, config: Path, bound: Bound) -> None:
        self._node = node
        self._children = children_of(node, config, bound)
        self._bound = bound
        self._stopping = asyncio.Event()
        self._failed = ""

    async def run(self) -> None:
        """Start everything, watch it, stop it on SIGTERM or SIGINT.

        CannotStart when a process does not get up.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        watchers = []
        try:
            for child in self._children:
                watchers.append(loop.create_task(self._watch(child)))
                await self._until_ready(child)
            if not self._stopping.is_set():
                addresses = ", ".join(
                    f"{each.transport} {each.address[0]}:{each.address[1]}" for each in self._bound.listeners
                )
                api = f"; API on {self._node.api.origin}" if self._node.api.enabled else ""
                log.info("SIP on %s%s; Ctrl-C or softswitch stop ends it", addresses, api)
                print("ready", flush=True)
            await self._stopping.wait()
        finally:
            self._stopping.set()
            await self._stop_all()
            await asyncio.gather(*watchers)
        if self._failed:
            raise CannotStart(self._failed)

    async def _until_ready(self, child: Child) -> None:
        ready = asyncio.ensure_future(child.ready.wait())
        stopping = asyncio.ensure_future(self._stopping.wait())
        done, _ = await asyncio.wait(
            (ready, stopping), timeout=START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
        )
        ready.cancel()
        stopping.cancel()
        if not done:
            self._fail(f"{child.name} did not get ready within {START_TIMEOUT_S:.0f} s")

    def _fail(self, message: str) -> None:
        self._failed = self._failed or message
        self._stopping.set()

    async def _watch(self, child: Child) -> None:
        """Keep one process running."""
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            started = loop.time()
            status = await self._run_once(child)
            if self._stopping.is_set():
                return
            if not child.ready.is_set():
                self._fail(f"{child.name} could not start; see its message above")
                return
            lived_s = loop.time() - started
            child.pause_s = 0.0 if lived_s > STEADY_S else min(LONGEST_PAUSE_S, child.pause_s * 2 or 0.1)
            log.warning("%s ended (%s); starting a new one", child.name, how_it_ended(status))
            await self._pause(child.pause_s)

    async def _run_once(self, child: Child) -> int:
        process = child.process = await self._begin(child)
        assert process.stdout is not None
        async for line in process.stdout:
            if line.strip() == b"ready":
                child.ready.set()
                if child.waits and not self._stopping.is_set():
                    child.successor = await self._start(child)
        return await process.wait()

    async def _begin(self, child: Child) -> asyncio.subprocess.Process:
        """The process that waits to take over, if it still does, else a new one."""
        process, child.successor = child.successor, None
        if process is None or process.returncode is not None:
            process = await self._start(child)
        if process.stdin is not None:
            process.stdin.write(b"begin\n")
        return process

    async def _start(self, child: Child) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *child.arguments,
            stdin=asyncio.subprocess.PIPE if child.waits else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **child.sockets.environment},
            pass_fds=child.sockets.descriptors,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _stop_all(self) -> None:
        """The switch first, so that every call ends in order; the store last: it copies everything."""
        for child in reversed(self._children):
            for process in (child.successor, child.process):
                if process is not None and process.returncode is None:
                    await self._stop_one(child.name, process)

    async def _stop_one(self, name: str, process: asyncio.subprocess.Process) -> None:
        process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            log.error("%s did not stop; killed", name)
            process.kill()


def how_it_ended(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _end_with_parent() -> None:
    """In the child: end in order when the parent is lost, so that the sockets are free for the next one."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def run(config: Path) -> None:
    """`softswitch run`: serve until stopped. CannotStart or StoreLocked says in one line what to do."""
    node = load_node(config)
    os.environ.update(logs.settings(node.log, node.name))
    logs.configure("parent", text="softswitch: %(message)s")
    # What it says is little, and for whoever started it.
    log.setLevel(logging.INFO)
    asyncio.run(Parent(node, config, prepare(node)).run())
