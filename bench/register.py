"""Registrations with digest: REGISTER, 401, REGISTER with credentials, 200, by users drawn from all.

softswitch knows every user and has a journal of contacts; Kamailio takes the password from a rule and keeps
contacts in memory only. Before the window some of the users register, evenly spread.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import cpu
from bench.figures import Round
from bench.growth import with_slope
from bench.harness import Progress, Result, measure
from bench.offered import Target
from bench.options import add_compared, count_option
from bench.peers import chosen
from bench.peers.sip import Kamailio
from bench.setup import Switch
from bench.sipp import Sipp, require_sipp, write_injection
from bench.system import SIP_PORT, Addresses, system

SUMMARY = "registrations with digest: CPU per REGISTER by number of users"
PEERS = ("kamailio",)
USERS = 1000
SIZES = (100, 1000, 10_000, 100_000)
RATE, FILL_RATE = 200, 600
WARM_S, FINISH_S = 1.0, 15.0
CHUNK = 10_000


def add_options(parser: argparse.ArgumentParser) -> None:
    sizes = ", ".join(f"{size:,}" for size in SIZES)
    add_compared(parser, PEERS, growth=f"REGISTER with {sizes} users")
    parser.add_argument("--users", type=count_option, default=USERS, help=f"users (default {USERS})")


def run(options: argparse.Namespace, progress: Progress) -> Result:
    """Measure. CannotMeasure when something needed is missing."""
    require_sipp()
    peers, notes = chosen(PEERS, options.against)
    fill_s, window_s = (2.0, 2.0) if options.quick else (5.0, 5.0)

    def one(name: str) -> Round:
        if not options.growth:
            return _cost(name, options.users, fill_s, window_s)
        costs: dict[float, float] = {}
        for users in SIZES:
            progress(f"register: {name}: {users:,} users")
            done = _cost(name, users, fill_s, window_s)
            if not done.valid:
                return done
            costs[users] = done.figures["cpu_ms_per_register"]
        return Round(with_slope("cpu_ms_per_register", costs))

    systems = {name: lambda name=name: one(name) for name in ("softswitch", *peers)}
    return measure("register", systems, options.rounds, progress, notes)


@contextmanager
def registrar_of(name: str, users: int) -> Iterator[tuple[Target, Addresses]]:
    """A registrar that knows so many users."""
    if name == "softswitch":
        with system() as under_test:
            under_test.start("users: {}\n")
            for first in range(0, users, CHUNK):
                names = [f"phone{k}" for k in range(first, min(users, first + CHUNK))]
                centre = {"users": {user: {"password": f"secret-of-{user}"} for user in names}}
                under_test.command("apply", {"centre": centre, "prune": False, "dry_run": False})
            yield Switch(under_test), under_test.addresses
        return
    addresses = Addresses.free()
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as directory:
        peer = Kamailio(Path(directory), addresses)
        try:
            peer.start()
            yield peer, addresses
        finally:
            peer.stop()


def spread(count: int, users: int, offset: int = 0) -> list[int]:
    """Numbers of `count` users, evenly spread over all; each once as long as there are enough."""
    step = max(1, users // count)
    return [(offset + k * step) % users for k in range(count)]


def _cost(name: str, users: int, fill_s: float, window_s: float) -> Round:
    with registrar_of(name, users) as (target, addresses):
        filled = spread(round(min(users, FILL_RATE * fill_s)), users)
        with _registering(target, addresses, filled, FILL_RATE, "fill") as fill:
            problems = _problems(fill, len(filled), target)
        if problems:
            return Round(failed=1, problems=problems)
        drawn = spread(round(RATE * (WARM_S + window_s)), users, offset=1)
        roles = target.roles()
        with _registering(target, addresses, drawn, RATE, "load") as load:
            time.sleep(WARM_S)
            before, begin_at = cpu.usage(roles), time.time()
            time.sleep(window_s)
            after, end_at = cpu.usage(roles), time.time()
            problems = _problems(load, len(drawn), target)
        if problems:
            return Round(failed=1, problems=problems)
        granted = sum(begin_at <= at <= end_at for at in load.marks()["registered"].values())
        spent = sum(cpu.used(before, after, roles).values())
        cost_ms = spent * 1000 / max(1, granted)
        return Round({"cpu_ms_per_register": cost_ms, "memory_mib": cpu.proportional_kib(roles) / 1024})


@contextmanager
def _registering(
    target: Target, addresses: Addresses, numbers: Sequence[int], rate: int, name: str
) -> Iterator[Sipp]:
    contact = f"{addresses.agents}:{SIP_PORT}"
    rows = [
        (f"phone{k}", f"[authentication username=phone{k} password=secret-of-phone{k}]", contact)
        for k in numbers
    ]
    path = target.directory / f"{name}.csv"
    write_injection(path, rows)
    sipp = Sipp(
        "register",
        local=(addresses.callers, SIP_PORT),
        remote=target.address,
        directory=target.directory,
        name=name,
    )
    sipp.start("-inf", str(path), "-m", str(len(rows)), "-l", str(len(rows)), "-r", str(rate))
    try:
        yield sipp
    finally:
        sipp.kill()


def _problems(sipp: Sipp, count: int, target: Target) -> tuple[str, ...]:
    """Waits for the last one; why they count for nothing, empty when everybody was let in."""
    sipp.wait(count / RATE + FINISH_S)
    registered = len(sipp.marks().get("registered", {}))
    if registered == count:
        return ()
    return (f"{registered} of {count} users could register", sipp.output(), target.log())
