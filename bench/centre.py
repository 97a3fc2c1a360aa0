"""A call centre at work: callers at random, menu, queue, agents, recording; reports are read meanwhile.

Signalling by SIPp, audio of every call by a process that counts what is heard, and two softphones that talk
to each other through the same switch. There are few agents to spare, so that some callers wait with music.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import replace

from bench import cpu
from bench.call import LEAST_CALLS, SETTLE_S, Profile, figures_of, under_load
from bench.centre_settings import Centre
from bench.evidence import gather
from bench.figures import Figures, Round, Summary, median
from bench.growth import FACTORS, with_slope
from bench.harness import Progress, Result, measure
from bench.load import Load
from bench.options import add_compared, positive_option
from bench.phones.softphones import USERS, Softphones, password
from bench.sipp import require_sipp
from bench.system import SIP_PORT, System, system
from softswitch.capacity.costs import Costs
from softswitch.capacity.yardstick import python_ms

SUMMARY = "a whole centre: arrivals, menu, queue, agents, recording, reports, softphones as truth"
RATE, GROWTH_RATE = 8.0, 2.5
WINDOW_S, QUICK_S = 10.0, 6.0
MENU_S, RING_S, TALK_S = 0.8, 0.3, 3.0
REPORT_EVERY_S = 2.0
MOST_OFF_PERCENT = 25.0


def add_options(parser: argparse.ArgumentParser) -> None:
    sizes = ", ".join(f"{GROWTH_RATE * factor:g}" for factor in FACTORS)
    add_compared(parser, (), growth=f"call at {sizes} calls/s")
    parser.add_argument(
        "--rate", type=positive_option, default=RATE, help=f"calls a second (default {RATE:g})"
    )
    parser.add_argument(
        "--predict", action="store_true", help="beside what softswitch capacity says; status 1 when 25 %% off"
    )
    parser.add_argument("--talk", type=positive_option, default=TALK_S, help="seconds of conversation")


def run(options: argparse.Namespace, progress: Progress) -> Result:
    """Measure. CannotMeasure when something needed is missing."""
    require_sipp()
    seconds = QUICK_S if options.quick else WINDOW_S

    def one() -> Round:
        if not options.growth:
            return centre_round(profile_of(options.rate, options.talk, seconds))
        costs: dict[float, float] = {}
        for factor in FACTORS:
            rate = GROWTH_RATE * factor
            progress(f"centre: {rate:g} calls/s")
            done = centre_round(profile_of(rate, options.talk, seconds))
            if not done.valid:
                return done
            costs[rate] = done.figures["cpu_ms_per_call_all"]
        return Round(with_slope("cpu_ms_per_call_all", costs))

    result = measure("centre", {"softswitch": one}, options.rounds, progress)
    return (
        replace(result, dearer=off(result.summaries["softswitch"])) if _predicts(options, result) else result
    )


def _predicts(options: argparse.Namespace, result: Result) -> bool:
    return options.predict and result.valid and not options.growth


def off(figures: Mapping[str, Summary]) -> tuple[str, ...]:
    """A line when the prediction is too far from what was measured."""
    error = figures["predicted_error_percent"]
    if abs(error.median) <= MOST_OFF_PERCENT:
        return ()
    spread = f"({error.lowest:+.0f} to {error.highest:+.0f} %)"
    return (f"softswitch capacity is off by {error.median:+.0f} % {spread}: python -m bench costs --write",)


def predicted(profile: Profile, costs: Costs, slowness: float, measured_cores: float) -> Figures:
    """Cores that `softswitch capacity` reckons for such a centre, and how far it is from those measured.

    The softphones are one more conversation.
    """
    conversations = profile.rate * profile.talk_s + 1
    waiting = profile.rate * (profile.menu_s + profile.ring_s)
    cores = slowness * sum(costs.cores(profile.rate, conversations, waiting).values())
    return {
        "cores": measured_cores,
        "predicted_cores": cores,
        "predicted_error_percent": 100 * (cores / measured_cores - 1),
    }


def profile_of(rate: float, talk_s: float, seconds: float) -> Profile:
    """So many calls that they come and go steadily for so long."""
    steady_s = max(seconds, LEAST_CALLS / rate)
    calls = round(rate * (MENU_S + RING_S + talk_s + SETTLE_S + steady_s))
    return Profile(calls, rate, MENU_S, RING_S, talk_s, record=True, random_s=1.0, spare=0.0)


def centre_round(profile: Profile) -> Round:
    """One fresh centre from start to stop."""
    with system() as under_test:
        addresses = under_test.addresses
        centre = Centre.of(profile.agents, profile.record, {user: password(user) for user in USERS})
        under_test.start(centre.yaml(addresses))
        phones = Softphones(f"{addresses.switch}:{SIP_PORT}", addresses.agents)
        with Load(under_test, centre) as load, phones, Reports(under_test) as reports:
            load.sign_in()
            phones.talk()
            slowness = python_ms() / Costs.read().python_ms
            try:
                window = under_load(profile, under_test, load)
            except cpu.Gone as error:
                return Round(problems=(f"{error}:\n{under_test.log()}",))
            # Another program beside one of them makes the machine look slower than it is.
            slowness = min(slowness, python_ms() / Costs.read().python_ms)
            talked_s = phones.talked_s
            heard = phones.heard()
            reports.stop()
            evidence = gather(under_test, load)
    problems = evidence.problems(profile.calls, profile.record) + heard.problems(talked_s) + reports.problems
    if problems:
        return Round(failed=evidence.failed(profile.calls, profile.record), problems=problems)
    waited = [record["wait_s"] for record in evidence.records if record["wait_s"] is not None]
    return Round(
        {
            **figures_of(profile, window, evidence),
            **predicted(profile, Costs.read(), slowness, sum(window.cpu_s.values()) / window.seconds),
            "waited_percent": 100 * sum(each > RING_S + 0.2 for each in waited) / max(1, len(waited)),
            **reports.figures(),
            **heard.figures(),
        }
    )


class Reports:
    """Somebody reads reports all the time, as a wallboard does: each is a process of its own."""

    def __init__(self, under_test: System) -> None:
        self._system = under_test
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._times_ms: list[float] = []
        self.problems: tuple[str, ...] = ()

    def __enter__(self) -> Reports:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def figures(self) -> Figures:
        return {"reports": len(self._times_ms), "report_ms_median": median(self._times_ms or [0.0])}

    def _read(self) -> None:
        kinds = ("queues", "agents")
        while not self._stopping.wait(REPORT_EVERY_S):
            began = time.monotonic()
            kind = kinds[len(self._times_ms) % len(kinds)]
            done = self._system.command_line("report", kind, "--json")
            self._times_ms.append(1000 * (time.monotonic() - began))
            if not _is_report(done):
                self.problems = (f"report {kind}: {done.stderr[-500:]}",)


def _is_report(done: subprocess.CompletedProcess[str]) -> bool:
    try:
        json.loads(done.stdout)
    except ValueError:
        return False
    return done.returncode == 0
