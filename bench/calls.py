"""N calls with audio through a whole switch, and two softphones that talk through it meanwhile.

SIPp sets the calls up and holds them; their audio comes from the batch generator of the audio loads, which
counts what comes back. It keeps no time as a phone does and plays nothing: the softphones (pjsua2) say
whether what it counts as whole is whole for an ear, too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import cpu
from bench.figures import Round
from bench.growth import FACTORS, with_slope
from bench.harness import CannotMeasure, Progress, Result, measure
from bench.media_probe import HOST, SOURCE_PORT, Probe
from bench.offered import NUMBERS
from bench.options import add_compared, count_option
from bench.phones.softphones import USERS, Softphones, password
from bench.setup import Switch
from bench.sipp import Sipp, require_sipp, write_injection
from bench.system import SIP_PORT, System, system

SUMMARY = "whole switch: calls with generated audio, softphones beside them as truth"
CALLS, BASE = 100, 25
RATE = 50
WARM_S, WINDOW_S, QUICK_S, FINISH_S = 2.0, 6.0, 3.0, 10.0


def add_options(parser: argparse.ArgumentParser) -> None:
    sizes = ", ".join(str(BASE * factor) for factor in FACTORS)
    add_compared(parser, (), growth=f"second of a call with {sizes} of them")
    parser.add_argument("--n", type=count_option, default=CALLS, help=f"calls (default {CALLS})")


def run(options: argparse.Namespace, progress: Progress) -> Result:
    """Measure. CannotMeasure when something needed is missing."""
    require_sipp()
    seconds = QUICK_S if options.quick else WINDOW_S

    def one() -> Round:
        if not options.growth:
            return _calls(options.n, seconds)
        costs: dict[float, float] = {}
        for factor in FACTORS:
            done = _calls(BASE * factor, seconds)
            if not done.valid:
                return done
            costs[BASE * factor] = done.figures["us_per_call_second"]
        return Round(with_slope("us_per_call_second", costs))

    return measure("calls", {"softswitch": one}, options.rounds, progress)


def _calls(count: int, seconds: float) -> Round:
    with system() as under_test, tempfile.TemporaryDirectory(prefix="softswitch-bench-") as name:
        switch = Switch(under_test, {user: password(user) for user in USERS})
        switch.start()
        addresses = under_test.addresses
        probe = Probe(Path(name))
        phones = Softphones(f"{addresses.switch}:{SIP_PORT}", addresses.agents)
        with phones, Held(under_test, count, seconds) as held:
            phones.talk()
            generator = probe.generate(
                held.ports(), WARM_S + seconds + 0.5, stamped=True, to=addresses.switch
            )
            roles = under_test.processes()
            time.sleep(WARM_S)
            before = cpu.usage(roles)
            time.sleep(seconds)
            after = cpu.usage(roles)
            generated = generator.result()
            talked_s = phones.talked_s
            heard = phones.heard()
            problems = held.problems() + heard.problems(talked_s) + lost(generated)
    if problems:
        return Round(failed=1, problems=problems)
    spent = sum(cpu.used(before, after, roles).values())
    latency = generated["latency_ms"]
    return Round(
        {
            # The softphones' call is one more.
            "us_per_call_second": spent * 1e6 / ((after.at - before.at) * (count + 1)),
            "generated_packets": generated["received"],
            "generated_lost": generated["lost"],
            "relay_latency_p50_ms": latency[0],
            "relay_latency_p99_ms": latency[1],
            **heard.figures(),
        }
    )


def lost(generated: dict[str, Any]) -> tuple[str, ...]:
    """Why the generator's run counts for nothing."""
    if generated["lost"] or generated["received"] < generated["sent"]:
        return (f"the generator did not get all back: {generated}",)
    return ()


class Held:
    """Calls that SIPp holds from both ends until they are over by themselves."""

    def __init__(self, under_test: System, count: int, seconds: float) -> None:
        addresses = under_test.addresses
        self._count = count
        hold_s = count / RATE + WARM_S + seconds + 8.0
        audio: dict[str, int | str] = {"rtp_ip": HOST, "rtp_port": SOURCE_PORT}

        def sipp(scenario: str, host: str, **values: int) -> Sipp:
            return Sipp(
                scenario,
                local=(host, SIP_PORT),
                remote=(addresses.switch, SIP_PORT),
                directory=under_test.directory,
                values={**audio, **values},
            )

        self._phones = sipp("held_phone", addresses.agents)
        self._callers = sipp("held_caller", addresses.callers, hold_ms=round(hold_s * 1000))
        self._rows = under_test.directory / "held.csv"
        write_injection(self._rows, [(f"0555{1000 + k}", str(1000 + k % NUMBERS)) for k in range(count)])

    def __enter__(self) -> Held:
        self._phones.start()
        count = str(self._count)
        self._callers.start("-inf", str(self._rows), "-m", count, "-l", count, "-r", str(RATE))
        return self

    def __exit__(self, *_: object) -> None:
        self._callers.kill()
        self._phones.kill()

    def ports(self) -> list[int]:
        """Of the switch, one for each leg. Raises CannotMeasure when some calls were not answered."""
        until = time.monotonic() + self._count / RATE + FINISH_S
        while True:
            found = [port for sipp in (self._callers, self._phones) for port in sipp.marks().get("port", {})]
            if len(found) == 2 * self._count:
                return [int(port) for port in found]
            if time.monotonic() > until:
                words = f"{self._callers.output()}\n{self._phones.output()}"
                raise CannotMeasure(f"{len(found)} of {2 * self._count} legs were there:\n{words}")
            time.sleep(0.1)

    def problems(self) -> tuple[str, ...]:
        """Waits for the end of the calls; those that did not come to a good one."""
        self._callers.wait(60.0)
        self._phones.finish(FINISH_S)
        counted = {
            "callers": self._callers.counts().successful,
            "phones": self._phones.counts().successful,
        }
        return tuple(
            f"{self._count} calls held: SIPp's {who} finished {count}"
            for who, count in counted.items()
            if count != self._count
        )
