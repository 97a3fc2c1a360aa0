"""What signalling costs: calls between two registered users through the B2BUA, and REGISTERs with digest.

A call is 14 messages on two legs: INVITE with credentials, 100, 180, 200, ACK, BYE and its 200 on each. The
credentials answer a challenge of before, as phones do that count their nonce up. No IVR and no audio, but
media ports, journal and call records as for any call.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import cpu, sip_limits, sip_memory
from bench.figures import Figures, Round, quantile
from bench.harness import CannotMeasure, Progress, Result, measure, merged
from bench.house import House
from bench.options import count_option, tree_option
from bench.sip_load import CALL_S, SipLoad, all_marked
from bench.sipp import require_sipp
from bench.system import ROOT, System, python_path, system

SUMMARY = "signalling: CPU per call and per REGISTER, highest rate, overload, memory"
PAIRS = 200
REGISTERING = 400
WARM_S = 1.5
IDLE_S = 1.0
REGISTER_RATE = PROXIED_RATE = 200
PARSE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of everything: the seconds of the window at each rate of calls, and what else is measured."""

    seconds: Mapping[int, float]
    register_s: float
    proxied_s: float
    challenged_s: float
    rounds: int
    limits: bool
    held: int
    contacts: int


FULL = Extent({100: 5.0, 300: 4.0}, 4.0, 4.0, 3.0, 3, True, 2000, 2000)
QUICK = Extent({100: 4.0}, 3.0, 0.0, 0.0, 1, False, 0, 0)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="under 45 s: no 300/s, limits, memory")
    parser.add_argument(
        "--long", action="store_true", help="memory once more, 60 s after 20,000 calls (4 minutes)"
    )
    parser.add_argument("--rounds", type=count_option, help="rounds of CPU figures (default 3, quick 1)")
    parser.add_argument(
        "--against", type=tree_option, metavar="PEER", help="compare with another source tree of softswitch"
    )
    parser.add_argument("--keep", action="store_true", help="keep the directory of every run, with all logs")


def run(options: argparse.Namespace, progress: Progress) -> Result:
    """Measure. CannotMeasure when something needed is missing."""
    require_sipp()
    if options.quick and options.long:
        raise CannotMeasure("--quick measures no memory: leave out --quick or --long")
    extent = QUICK if options.quick else FULL
    trees = {"softswitch": ROOT} | ({"against": options.against} if options.against else {})
    parts: list[tuple[str, Callable[[Path], Round], int]] = [
        (
            "CPU",
            lambda tree: cost_round(extent, tree, keep=options.keep, progress=progress),
            options.rounds or extent.rounds,
        )
    ]
    if extent.limits:
        parts.append(
            ("limits", lambda tree: sip_limits.limits_round(tree, keep=options.keep, progress=progress), 1)
        )
    if extent.contacts:
        parts.append(
            (
                "memory",
                lambda tree: sip_memory.memory_round(
                    tree, extent.contacts, extent.held, long=options.long, keep=options.keep
                ),
                1,
            )
        )
    results: list[Result] = []
    for name, part, rounds in parts:
        progress(f"sip: {name}")
        systems = {key: (lambda tree=tree, part=part: part(tree)) for key, tree in trees.items()}
        results.append(measure("sip", systems, rounds, progress))
        if not results[-1].valid:
            break
    return merged(results)


def cost_round(extent: Extent, tree: Path, *, keep: bool, progress: Progress) -> Round:
    """CPU per call at every rate, and per REGISTER, of one fresh system."""
    with system(tree, keep=keep) as under_test:
        if keep:
            progress(f"kept in {under_test.directory}")
        house = House(PAIRS, REGISTERING)
        under_test.start(house.yaml())
        with SipLoad(under_test, house) as load:
            load.sign_in()
            try:
                return _costs(extent, tree, under_test, load)
            except cpu.Gone as error:
                return Round(problems=(f"{error}:\n{under_test.log()}",))


def _costs(extent: Extent, tree: Path, under_test: System, load: SipLoad) -> Round:
    roles = under_test.processes()
    figures: Figures = {"idle_cpu_percent": 100 * _idle_share(roles), "parse_us": parse_us(tree)}
    for rate, seconds in extent.seconds.items():
        done = _calls(load, roles, rate, seconds)
        if not done.valid:
            return done
        suffix = "" if rate == 100 else f"_{rate}"
        figures |= {f"{name}{suffix}": value for name, value in done.figures.items()}
    if extent.challenged_s:
        done = _calls(load, roles, 100, extent.challenged_s, challenged=True)
        if not done.valid:
            return done
        figures["cpu_ms_per_call_challenged"] = done.figures["cpu_ms_per_call"]
    if extent.proxied_s:
        figures |= _proxied(load, roles, extent.proxied_s)
    return Round(figures | _registers(load, roles, extent.register_s))


def _calls(
    load: SipLoad, roles: dict[int, str], rate: int, seconds: float, *, challenged: bool = False
) -> Round:
    """Cost of calls at one rate, from when as many end as begin until the last one begins."""
    begin = CALL_S + WARM_S
    calling = load.start_calls(round(rate * (begin + seconds)), rate, challenged=challenged)
    time.sleep(begin)
    before, begin_at = cpu.usage(roles), time.time()
    time.sleep(seconds)
    after, end_at = cpu.usage(roles), time.time()
    calls = calling.finish()
    problems = calls.problems(f"{rate} calls/s")
    if problems:
        return Round(failed=calls.failed(), problems=problems)
    ended = sum(begin_at <= each <= end_at for each in calls.recorded_at)
    cost_ms = {role: spent * 1000 / max(1, ended) for role, spent in cpu.used(before, after, roles).items()}
    return Round(
        {
            "calls_per_second": ended / (end_at - begin_at),
            "cpu_ms_per_call": cost_ms["switch"],
            "cpu_ms_per_call_all": sum(cost_ms.values()),
            **{f"cpu_ms_per_call_{role}": cost for role, cost in cost_ms.items() if role != "switch"},
            "setup_ms_median": quantile(calls.setup_ms, 0.5),
            "setup_ms_p99": quantile(calls.setup_ms, 0.99),
            "sip_retransmissions": calls.retransmissions,
        }
    )


def _registers(load: SipLoad, roles: dict[int, str], seconds: float) -> Figures:
    """Cost of a REGISTER that is challenged and then granted: four messages."""
    count = round(REGISTER_RATE * (WARM_S + seconds))
    register = load.start_registering(count, REGISTER_RATE)
    time.sleep(WARM_S)
    before, begin_at = cpu.usage(roles), time.time()
    time.sleep(seconds)
    after, end_at = cpu.usage(roles), time.time()
    granted = sum(begin_at <= each <= end_at for each in all_marked(register, "registered", count))
    cost_ms = {role: spent * 1000 / max(1, granted) for role, spent in cpu.used(before, after, roles).items()}
    return {
        "registers_per_second": granted / (end_at - begin_at),
        "cpu_ms_per_register": cost_ms["switch"],
        "cpu_ms_per_register_all": sum(cost_ms.values()),
    }


def _proxied(load: SipLoad, roles: dict[int, str], seconds: float) -> Figures:
    """Cost of a request that is passed on as a stateful proxy does, with digest: four messages."""
    count = round(PROXIED_RATE * (WARM_S + seconds))
    senders = load.start_messages(count, PROXIED_RATE)
    time.sleep(WARM_S)
    before, begin_at = cpu.usage(roles), time.time()
    time.sleep(seconds)
    after, end_at = cpu.usage(roles), time.time()
    delivered = sum(begin_at <= each <= end_at for each in all_marked(senders, "delivered", count))
    spent = cpu.used(before, after, roles)
    cost_ms = {role: each * 1000 / max(1, delivered) for role, each in spent.items()}
    return {"cpu_ms_per_proxied": cost_ms["switch"], "cpu_ms_per_proxied_all": sum(cost_ms.values())}


def parse_us(tree: Path) -> float:
    """Time to read a phone's INVITE with the parser of this source tree, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).with_name("parsing.py"))],
        env={**os.environ, "PYTHONPATH": python_path(tree)},
        capture_output=True,
        text=True,
        timeout=PARSE_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise CannotMeasure(f"the phones' messages could not be read:\n{done.stderr[-2000:]}")
    return float(done.stdout)


def _idle_share(roles: dict[int, str]) -> float:
    """CPU of all processes while nobody calls, in cores."""
    before = cpu.usage(roles)
    time.sleep(IDLE_S)
    after = cpu.usage(roles)
    return sum(cpu.used(before, after, roles).values()) / (after.at - before.at)
