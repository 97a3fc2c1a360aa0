"""Calls through the switch without audio, beside other SIP servers at the same rate.

A call comes from a trunk, that is from a known address and without a password, and rings at a phone behind
the system: 14 messages, 20 ms until it rings, 100 ms of ringing, 500 ms until the caller hangs up. softswitch
and Sippy are B2BUAs, Kamailio is a stateful proxy that stays in the dialog. softswitch also reserves media
ports and writes its journal and call records; all its processes are counted.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench import sip_limits
from bench.figures import Figures, Round, quantile
from bench.growth import FACTORS, with_slope
from bench.harness import Progress, Result, measure, merged
from bench.offered import NUMBERS, Target, cost_at, offered
from bench.options import add_compared, count_option
from bench.peers import chosen
from bench.peers.pbx import Asterisk, FreeSwitch
from bench.peers.sip import Kamailio, Sippy
from bench.phones.sign_in import SignIn
from bench.sip_load import CALL_S
from bench.sipp import elapsed_ms, require_sipp
from bench.system import SIP_PORT, Addresses, System, system

SUMMARY = "calls without audio: CPU per call, highest rate, overload"
PEERS = ("sippy", "kamailio", "asterisk", "freeswitch")
_PROCESSES = {"sippy": Sippy, "kamailio": Kamailio, "asterisk": Asterisk, "freeswitch": FreeSwitch}
RATE, GROWTH_RATE = 100, 25
WINDOW_S, QUICK_S = 5.0, 2.5
LIMIT_S, OVERLOAD_S, OVERLOAD = 3.0, 6.0, 3


def add_options(parser: argparse.ArgumentParser) -> None:
    add_compared(parser, PEERS, growth=f"at {', '.join(str(GROWTH_RATE * f) for f in FACTORS)} calls/s")
    parser.add_argument("--rate", type=count_option, default=RATE, help=f"calls a second (default {RATE})")
    parser.add_argument("--limits", action="store_true", help="also the highest rate, and overload above it")


def run(options: argparse.Namespace, progress: Progress) -> Result:
    """Measure. CannotMeasure when something needed is missing."""
    require_sipp()
    peers, notes = chosen(PEERS, options.against)
    names = ("softswitch", *peers)
    seconds = QUICK_S if options.quick else WINDOW_S

    def all_of(one: Callable[[str], Round]) -> dict[str, Callable[[], Round]]:
        return {name: lambda name=name: one(name) for name in names}  # type: ignore[misc]

    if options.growth:
        return measure("setup", all_of(lambda name: _grown(name, seconds)), options.rounds, progress, notes)
    parts = [
        measure("setup", all_of(lambda name: _cost(name, options.rate, seconds)), options.rounds, progress)
    ]
    if options.limits and parts[0].valid:
        parts.append(measure("setup", all_of(lambda name: _limits(name, progress)), 1, progress))
    return merged(parts, notes)


class Switch:
    """A whole softswitch whose numbers 1000 and up ring at SIPp's phones, for callers of a trunk."""

    def __init__(self, under_test: System, others: Mapping[str, str] | None = None) -> None:
        """`others`: further users with their passwords."""
        self._system = under_test
        self._others = others or {}
        self.address = (under_test.addresses.switch, SIP_PORT)
        self.directory = under_test.directory

    def start(self) -> None:
        addresses = self._system.addresses
        users = [f"phone{k}" for k in range(NUMBERS)]
        lines = ["users:", *(f"  {user}: {{password: secret-of-{user}}}" for user in users)]
        lines += [f"  {user}: {{password: {word}}}" for user, word in self._others.items()]
        lines += ["trunks:", f"  carrier: {{allow_from: [{addresses.callers}]}}", "numbers:"]
        lines += [f'  "{1000 + k}": user:{user}' for k, user in enumerate(users)]
        self._system.start("\n".join(lines) + "\n")
        with SignIn(self.address, addresses.agents, f"{addresses.agents}:{SIP_PORT}") as phones:
            phones.register((user, f"secret-of-{user}") for user in users)

    def roles(self) -> dict[int, str]:
        return self._system.processes()

    def log(self) -> str:
        return self._system.log()


@contextmanager
def target_of(name: str) -> Iterator[tuple[Target, Addresses]]:
    """softswitch or a peer, started, with the addresses that are its own."""
    if name == "softswitch":
        with system() as under_test:
            switch = Switch(under_test)
            switch.start()
            yield switch, under_test.addresses
        return
    addresses = Addresses.free()
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as directory:
        peer = _PROCESSES[name](Path(directory), addresses)
        try:
            peer.start()
            yield peer, addresses
        finally:
            peer.stop()


def _cost(name: str, rate: float, seconds: float) -> Round:
    with target_of(name) as (target, addresses):
        return cost_at(target, addresses, rate, seconds)


def _grown(name: str, seconds: float) -> Round:
    """One fresh system at each rate in turn."""
    costs: dict[float, float] = {}
    with target_of(name) as (target, addresses):
        for factor in FACTORS:
            done = cost_at(target, addresses, GROWTH_RATE * factor, seconds)
            if not done.valid:
                return done
            costs[GROWTH_RATE * factor] = done.figures["cpu_ms_per_call"]
    return Round(with_slope("cpu_ms_per_call", costs))


def _limits(name: str, progress: Progress) -> Round:
    """Highest rate at which no call fails and nothing is said again; what is left at thrice that rate."""

    def clean(rate: float) -> bool:
        calls = round(rate * LIMIT_S)
        with target_of(name) as (target, at), offered(target, at, calls, rate) as offering:
            time.sleep(LIMIT_S)
            seen = offering.finish(2.0)
        good = (
            not seen.failed
            and seen.retransmissions <= sip_limits.MOST_RETRANSMITTED * seen.wanted
            and seen.offered_per_s >= sip_limits.LEAST_OFFERED * rate
        )
        progress(f"setup: {name}: {rate:.0f} calls/s: {'clean' if good else 'not clean'}")
        return good

    highest = sip_limits.highest_clean(clean)
    if highest is None:
        return Round(problems=(f"{name}: not even {sip_limits.LOWEST_RATE:g} calls/s were clean",))
    return Round({"calls_per_s_ok": highest, **_overload(name, highest)})


def _overload(name: str, highest: float) -> Figures:
    """Calls done a second when three times as many come, and how long a refusal (503) takes then."""
    with target_of(name) as (target, addresses):
        rate = OVERLOAD * highest
        with offered(target, addresses, round(rate * (OVERLOAD_S + 1)), rate) as offering:
            begin = time.time() + 2.0 + CALL_S
            time.sleep(OVERLOAD_S)
            end = time.time()
        marks = offering.callers.marks()
    return overload_figures(marks, begin, end, highest)


def overload_figures(
    marks: Mapping[str, Mapping[str, float]], begin: float, end: float, highest: float
) -> Figures:
    """From the callers' marks between two moments (UTC); rates are divided by the highest clean one."""
    done = sum(begin <= at < end for at in marks.get("done", {}).values()) / (end - begin)
    late = {number: at for number, at in marks.get("invite", {}).items() if begin <= at < end}
    refused_ms = elapsed_ms(late, marks.get("refused", {}))
    return {
        "overload_goodput": done / highest,
        "overload_offered": len(late) / (end - begin) / highest,
        "overload_503_share": len(refused_ms) / max(1, len(late)),
        "overload_503_ms_p99": quantile(refused_ms, 0.99) if refused_ms else 0.0,
    }
