"""The load on a system: agents' phones and callers of SIPp, and the audio of both."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.centre_settings import Centre
from bench.harness import CannotMeasure
from bench.sipp import Sipp, write_injection
from bench.system import ROOT, SIP_PORT, System
from bench.voices import BASE_PORT

AUDIO_PORTS = 16
FINISH_S = 10.0


class Load:
    """Everything that is outside the system under test; nothing of it is left after the `with` block."""

    def __init__(self, under_test: System, centre: Centre) -> None:
        self._system = under_test
        self._centre = centre
        self._directory = under_test.directory
        addresses = under_test.addresses
        self._switch = (addresses.switch, SIP_PORT)
        self._callers_at = (addresses.callers, SIP_PORT)
        self._agents_at = (addresses.agents, SIP_PORT)
        self._voices = _start_voices(addresses.callers, addresses.agents)
        self._started: list[Sipp] = []
        self.heard: dict[str, Any] = {}

    def __enter__(self) -> Load:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sipp in self._started:
            sipp.kill()
        if self._voices.poll() is None:
            self._voices.kill()
        self._voices.communicate()

    def sign_in(self) -> None:
        """Register the phone of every agent with digest and sign the agents in. Raises CannotMeasure."""
        contact = "{}:{}".format(*self._agents_at)
        rows = [
            (name, f"[authentication username={name} password={password}]", contact)
            for name, password in self._centre.passwords.items()
        ]
        register = self._sipp("register", self._agents_at)
        register.start("-inf", self._injection("register", rows), "-m", str(len(rows)), "-r", "100")
        if not register.wait(FINISH_S) or register.counts().successful != len(rows):
            raise CannotMeasure(f"the agents' phones could not register:\n{register.output()}")
        for name in self._centre.passwords:
            self._system.command("agent.sign_in", {"name": name})

    def start_calls(
        self, *, calls: int, rate: float, menu_s: float, ring_s: float, hold_s: float, random_s: float = 0.0
    ) -> None:
        """Begin to call; `hold_s` is the time from the digit to the caller's hang-up.

        Calls begin evenly, each later by an exponentially distributed time of mean `random_s`: within such a
        time they come at random (Poisson).
        """
        ports = [str(BASE_PORT + 2 * number) for number in range(AUDIO_PORTS)]
        numbers = [(f"0555{number:06}", ports[number % AUDIO_PORTS]) for number in range(calls)]
        self.agents = self._sipp("agent", self._agents_at, ring_ms=ring_s * 1000)
        self.agents.start("-inf", self._injection("agent", [(port,) for port in ports]))
        arrival = f'<pause distribution="exponential" mean="{1000 * random_s:.0f}" />' if random_s else ""
        self.callers = self._sipp(
            "caller", self._callers_at, menu_ms=menu_s * 1000, hold_ms=hold_s * 1000, arrival=arrival
        )
        # SIPp takes whole numbers of calls a period, so the period carries the rate.
        self.callers.start(
            *("-inf", self._injection("caller", numbers)),
            *("-m", str(calls), "-l", str(calls), "-r", "1", "-rp", str(round(1000 / rate))),
        )

    def finish(self, call_s: float) -> None:
        """Wait for the last calls, then for the phones and the audio."""
        self.callers.wait(call_s + FINISH_S)
        self.agents.finish(FINISH_S)
        printed, _ = self._voices.communicate(timeout=FINISH_S)
        self.heard = json.loads(printed)

    def _sipp(self, scenario: str, local: tuple[str, int], **values: float | str) -> Sipp:
        sipp = Sipp(
            scenario,
            local=local,
            remote=self._switch,
            directory=self._directory,
            values={name: each if isinstance(each, str) else round(each) for name, each in values.items()},
        )
        self._started.append(sipp)
        return sipp

    def _injection(self, name: str, rows: Sequence[Sequence[str]]) -> str:
        path: Path = self._directory / f"{name}.csv"
        write_injection(path, rows)
        return str(path)


def _start_voices(callers: str, agents: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.voices", callers, agents, str(AUDIO_PORTS)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    if process.stdout.readline() != b"ready\n":
        process.kill()
        process.communicate()
        raise CannotMeasure(f"the audio ports {BASE_PORT} and up of {callers} or {agents} are taken")
    return process
