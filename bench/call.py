"""Whole calls through a running system: trunk caller, menu, digit, queue, agent, conversation, hang-up.

Signalling comes from SIPp, audio from a process of its own. CPU is counted over a steady window: it begins
when as many calls end as begin, and ends with the last call that begins.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import cpu
from bench.centre_settings import Centre
from bench.evidence import Evidence, gather
from bench.figures import Figures, Round, quantile
from bench.harness import CannotMeasure, Result, measure
from bench.load import Load
from bench.options import count_option, positive_option, tree_option
from bench.sipp import require_sipp
from bench.system import ROOT, System, system

SUMMARY = "whole calls: CPU per call of every process, set-up times, lost audio"
IDLE_S = 1.0
SETTLE_S = 0.5
LEAST_CALLS = 10


@dataclass(frozen=True, slots=True)
class Profile:
    """What every call does, and how many there are."""

    calls: int
    rate: float
    menu_s: float
    ring_s: float
    talk_s: float
    record: bool
    random_s: float = 0.0
    spare: float = 0.5
    """So many agents more than talk at a time, as a share."""

    @property
    def call_s(self) -> float:
        """How long a call lasts from answer to hang-up."""
        return self.menu_s + self.ring_s + self.talk_s

    @property
    def arrivals_s(self) -> float:
        return self.calls / self.rate

    @property
    def agents(self) -> int:
        """With half as many to spare one is always free: waiting for people is no cost of the switch."""
        return max(4, round(self.rate * (self.ring_s + self.talk_s) * (1 + self.spare)) + 2)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=count_option, default=140, help="calls in a round (default 140)")
    parser.add_argument(
        "--rate", type=positive_option, default=20.0, help="calls begun a second (default 20)"
    )
    parser.add_argument(
        "--menu", type=positive_option, default=0.5, help="seconds until the caller presses 1"
    )
    parser.add_argument("--ring", type=positive_option, default=0.2, help="seconds until the agent answers")
    parser.add_argument(
        "--talk", type=positive_option, default=1.5, help="seconds of conversation (default 1.5)"
    )
    parser.add_argument("--no-record", dest="record", action="store_false", help="do not record the calls")
    parser.add_argument(
        "--rounds", type=count_option, default=2, help="rounds, of which the median (default 2)"
    )
    parser.add_argument(
        "--against", type=tree_option, metavar="PEER", help="compare with another source tree of softswitch"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the directory of every run, with all logs of SIPp"
    )


def run(options: argparse.Namespace, progress: Callable[[str], None]) -> Result:
    """Measure. CannotMeasure when something needed is missing."""
    require_sipp()
    profile = Profile(options.calls, options.rate, options.menu, options.ring, options.talk, options.record)
    window_of(profile)
    trees = {"softswitch": ROOT} | ({"against": options.against} if options.against else {})

    def round_of(tree: Path) -> Callable[[], Round]:
        return lambda: one_round(profile, tree, keep=options.keep, progress=progress)

    return measure("call", {name: round_of(tree) for name, tree in trees.items()}, options.rounds, progress)


def window_of(profile: Profile) -> tuple[float, float]:
    """Begin and end of the steady window in seconds after the first call.

    CannotMeasure when it is too short to mean something.
    """
    begin, end = profile.call_s + SETTLE_S, profile.arrivals_s
    shortest = max(1.0, LEAST_CALLS / profile.rate)
    if end - begin < shortest:
        needed = math.ceil((begin + shortest) * profile.rate)
        raise CannotMeasure(f"the load is not steady for long enough; give --calls {needed} or more")
    return begin, end


def one_round(profile: Profile, tree: Path, *, keep: bool, progress: Callable[[str], None]) -> Round:
    """One fresh system under load, from start to stop."""
    with system(tree, keep=keep) as under_test:
        if keep:
            progress(f"kept in {under_test.directory}")
        centre = Centre.of(profile.agents, profile.record)
        under_test.start(centre.yaml(under_test.addresses))
        with Load(under_test, centre) as load:
            load.sign_in()
            try:
                window = under_load(profile, under_test, load)
            except cpu.Gone as error:
                return Round(problems=(f"{error}:\n{under_test.log()}",))
            evidence = gather(under_test, load)
    problems = evidence.problems(profile.calls, profile.record)
    if problems:
        return Round(failed=evidence.failed(profile.calls, profile.record), problems=problems)
    return Round(figures_of(profile, window, evidence))


@dataclass(frozen=True, slots=True)
class Window:
    """CPU seconds by role between two moments (UTC), memory at the second, CPU share before any call.

    `proportional_mib`: pages that processes share are counted once.
    """

    idle_share: float
    begin_at: float
    end_at: float
    cpu_s: dict[str, float]
    memory_mib: float
    proportional_mib: float

    @property
    def seconds(self) -> float:
        return self.end_at - self.begin_at


def under_load(profile: Profile, under_test: System, load: Load) -> Window:
    begin, end = window_of(profile)
    roles = under_test.processes()
    idle_share = _idle_share(roles)
    load.start_calls(
        calls=profile.calls,
        rate=profile.rate,
        menu_s=profile.menu_s,
        ring_s=profile.ring_s,
        hold_s=profile.ring_s + profile.talk_s,
        random_s=profile.random_s,
    )
    time.sleep(begin)
    before, begin_at = cpu.usage(roles), time.time()
    time.sleep(end - begin)
    after, end_at = cpu.usage(roles), time.time()
    memory, proportional = cpu.resident_mib(roles), cpu.proportional_kib(roles) / 1024
    load.finish(profile.call_s)
    spent = cpu.used(before, after, roles)
    return Window(idle_share, begin_at, end_at, spent, memory, proportional)


def _idle_share(roles: dict[int, str]) -> float:
    """CPU of all processes while nobody calls, in cores."""
    before = cpu.usage(roles)
    time.sleep(IDLE_S)
    after = cpu.usage(roles)
    return sum(cpu.used(before, after, roles).values()) / (after.at - before.at)


def figures_of(profile: Profile, window: Window, evidence: Evidence) -> Figures:
    ended = sum(window.begin_at <= each <= window.end_at for each in evidence.ended_at)
    cost_ms = {role: seconds * 1000 / ended for role, seconds in window.cpu_s.items()}
    return {
        "calls": len(evidence.ended_at),
        "calls_per_second": ended / window.seconds,
        "concurrent_calls": ended / window.seconds * profile.call_s,
        "cpu_ms_per_call": cost_ms["switch"],
        "cpu_ms_per_call_all": sum(cost_ms.values()),
        **{f"cpu_ms_per_call_{role}": cost for role, cost in cost_ms.items() if role != "switch"},
        "media_cpu_percent": 100 * window.cpu_s["media"] / window.seconds,
        "idle_cpu_percent": 100 * window.idle_share,
        "memory_mib": window.memory_mib,
        "setup_ms_median": quantile(evidence.setup_ms, 0.5),
        "setup_ms_p99": quantile(evidence.setup_ms, 0.99),
        "digit_to_ring_ms_median": quantile(evidence.digit_to_ring_ms, 0.5),
        "digit_to_ring_ms_p99": quantile(evidence.digit_to_ring_ms, 0.99),
        "rtp_received": evidence.rtp_received,
        "rtp_lost": evidence.rtp_lost,
        "rtp_gap_ms_max": evidence.rtp_gap_ms,
        "listener_stall_ms_max": 1000 * evidence.heard["stall_s"],
        "sip_retransmissions": evidence.retransmissions,
    }
