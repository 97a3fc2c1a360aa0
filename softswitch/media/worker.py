"""The media worker process: one thread that wakes every few milliseconds and serves all legs at once.

python -m softswitch.media.worker --index 0 --run-dir /run/softswitch --ports 16384-20479
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy.ma  # noqa: F401  numpy.percentile and unique load it at their first call: 20 ms of a tick

from softswitch import logs
from softswitch.media import _codecs
from softswitch.media.engine import SAMPLES_PER_MS, EngineSettings, MediaEngine
from softswitch.media.handover import Handover
from softswitch.media.lane_sockets import by_family
from softswitch.media.lanes import Lanes
from softswitch.media.load import LoadReport
from softswitch.media.packets import Indices, PacketBatch
from softswitch.media.port_pool import PortPool
from softswitch.media.precedence import pin, take_precedence
from softswitch.media.prompts import PromptCache
from softswitch.media.protocol import ControlServer, Outbox
from softswitch.media.reports import Reports
from softswitch.media.tap import TapFile

BATCH = 4096
_HOUSEKEEPING_S = 0.02
_LET_SLEEP_S = 0.5
_REST_MS = 10
_REST_S = 0.1
_STEP_OVER_S = 0.5

log = logging.getLogger(__name__)


class Worker:
    """Everything of one worker, and its loop. `run` returns after `stop`."""

    def __init__(
        self, index: int, run_dir: Path, ports: tuple[int, int], hosts: Mapping[int, str],
        settings: EngineSettings,
    ) -> None:  # fmt: skip
        self._wake_s = settings.wake_ms / 1000
        self._epoll = select.epoll()
        self._outbox = Outbox()
        self._pool = PortPool(hosts, *ports)
        self._lanes = Lanes(self._pool, settings.legs, self._epoll, rest=_REST_MS // settings.wake_ms)
        self._engine = MediaEngine(
            settings,
            transmit=self._transmit,
            emit=self._outbox.emit,
            ports=self._lanes,
            load=PromptCache().load,
            taps=TapFile.create(run_dir / f"media-{index}.taps"),
            entropy=os.urandom,
            succession=run_dir / f"media-{index}.legs",
        )
        name = f"media-{index}@{next(iter(hosts.values()))}"
        self._lanes.shared.legs = self._engine.legs
        self._reports = Reports(
            self._engine.legs, self._lanes, self._engine.srtp, name, time.time, self._outbox.emit
        )
        self._engine.slow_path.handlers["rtcp"] = self._rtcp_beside_audio
        path = str(run_dir / f"media-{index}.sock")
        self._handover = Handover(run_dir, index, self._engine, self._lanes, self._pool, self._epoll)
        self._control = ControlServer(
            path, index, self._engine, self._pool, self._outbox, self._epoll, self._handover
        )
        self._batch = PacketBatch(BATCH)
        self._load = LoadReport(self._engine, self._lanes, time.monotonic())
        self._housekeeping_at = self._let_sleep_at = 0.0
        self._running = True

    def stop(self) -> None:
        self._running = False

    def _transmit(self, batch: PacketBatch, index: Indices, leg: Indices, length: Indices) -> None:
        self._lanes.transmit(self._engine.legs, batch, index, leg, length)

    def run(self) -> None:
        due = time.monotonic()
        # One clock for all workers of this boot, so that a successor knows how long ago something was.
        self._engine.skip(int(due * 1000) * SAMPLES_PER_MS)
        self._pool.top_up(due)
        gc.collect()
        gc.freeze()
        gc.disable()
        while self._running:
            if self._engine.at_rest:
                due += self._rest(due)
            due += self._wake_s
            delay = due - time.monotonic()
            if delay > 0:
                time.sleep(delay)
            now = time.monotonic()
            self._load.woke(now - due)
            if now - due > _STEP_OVER_S:
                due += self._step_over(now - due)
            self._wake(now)
        self._finish()

    def _rest(self, since: float) -> float:
        """Nobody to serve: waits for the switch to say something. Returns how much time was left out."""
        self._epoll.poll(_REST_S)
        wakes = max(0, int((time.monotonic() - since) / self._wake_s) - 1)
        self._engine.skip(wakes * self._engine.step)
        return wakes * self._wake_s

    def _step_over(self, behind_s: float) -> float:
        """After a standstill: the time that is gone is not played in a hurry."""
        frames = int(behind_s / 0.02)
        log.warning("stood still for %.0f ms", behind_s * 1000)
        self._engine.skip(frames * 20 * SAMPLES_PER_MS)
        return frames * 0.02

    def _wake(self, now: float) -> None:
        self._lanes.now = now
        ready = [fd for fd, _ in self._epoll.poll(0) if not self._lanes.wake(fd)]
        while self._lanes.drain(self._batch, self._engine.clock):
            self._engine.receive(self._batch)
            if self._batch.count < BATCH:
                break
        for fd in ready:
            self._ready(fd, now)
        self._engine.tick()
        self._reports.tick(self._engine.clock, self._engine.step, now)
        if now >= self._housekeeping_at:
            self._housekeeping_at = now + _HOUSEKEEPING_S
            self._pool.top_up(now)
            if now >= self._let_sleep_at:
                self._let_sleep_at = now + _LET_SLEEP_S
                self._lanes.let_sleep()
            if self._load.due(now):
                self._outbox.emit(self._load.event(now))
            self._handover.turn(now)
            self._engine.legs.forget_strangers()
        self._control.turn(now)

    def _rtcp_beside_audio(self, leg: int, packet: bytes, ip: int, port: int) -> None:
        self._reports.received_beside_audio(leg, packet, ip, port, self._lanes.now)

    def _ready(self, fd: int, now: float) -> None:
        leg = self._lanes.leg_of_rtcp(fd)
        if leg is not None:
            self._reports.receive(leg, now)
        elif self._control.owns(fd):
            self._control.handle(fd, now)
        elif self._handover.owns(fd):
            self._handover.handle()

    def _finish(self) -> None:
        self._reports.say_bye()
        self._engine.close()
        self._control.turn(time.monotonic())
        self._control.close()
        self._handover.close()
        self._lanes.close()


def _port_range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    ports = int(first), int(last or first)
    if not 1024 <= ports[0] < ports[1] <= 65535:
        raise argparse.ArgumentTypeError(f"{text}: allowed is FIRST-LAST within 1024-65535")
    return ports


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="softswitch.media.worker", description=__doc__)
    parser.add_argument("--index", type=int, default=0, help="number of this worker")
    parser.add_argument("--run-dir", type=Path, required=True, help="for the control socket and the taps")
    parser.add_argument("--ports", type=_port_range, default=(16384, 20479), help="UDP ports, FIRST-LAST")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind the ports on, IPv4 or IPv6")
    parser.add_argument("--host6", help="IPv6 address to bind them on too")
    parser.add_argument("--wake-ms", type=int, choices=(1, 2, 4, 5, 10, 20), default=5)
    parser.add_argument("--jitter-ms", type=int, default=40, help="jitter depth of mixed and recorded audio")
    parser.add_argument("--legs", type=int, default=2048, help="most legs at once")
    parser.add_argument("--log-level", default="info", help="least severity written to standard error")
    parser.add_argument("--cpu", type=int, help="pin the process to this CPU")
    parser.add_argument("--realtime", action="store_true", help="real-time scheduling, where permitted")
    parser.add_argument(
        "--wait", action="store_true", help="begin when a line comes on standard input, end when it is closed"
    )
    return parser


def main() -> None:
    arguments = _arguments().parse_args()
    if arguments.wait and not sys.stdin.readline():
        return
    logs.configure(f"media-{arguments.index}", arguments.log_level)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    refused = [pin(arguments.cpu) if arguments.cpu is not None else None]
    refused.append(take_precedence() if arguments.realtime else None)
    for message in filter(None, refused):
        log.warning("%s", message)
    settings = EngineSettings(arguments.wake_ms, arguments.jitter_ms, arguments.legs)
    hosts = by_family(arguments.host, *([arguments.host6] if arguments.host6 else []))
    _codecs.wide_salt(int.from_bytes(os.urandom(8), "big"))
    worker = Worker(arguments.index, arguments.run_dir, arguments.ports, hosts, settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    print("ready", flush=True)
    worker.run()


if __name__ == "__main__":
    main()
