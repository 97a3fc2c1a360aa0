"""Memory of all processes for each registered contact and each call; shared pages are counted once."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench import cpu
from bench.figures import Figures, Round
from bench.house import House
from bench.sip_load import CALL_S, SipLoad, all_marked
from bench.system import System, system

PAIRS = 200
WARM_CALLS, WARM_CONTACTS = 200, 300
REGISTER_RATE, HOLD_RATE = 400, 250
SETTLE_S = 2.0
MEASURE_S = 3.0
# A worker has room for about a thousand calls.
CALLS_OF_A_WORKER = 1000
LONG_CALLS, LONG_RATE, LONG_REST_S = 20_000, 200, 60.0


def memory_round(tree: Path, contacts: int, held: int, *, long: bool, keep: bool) -> Round:
    """Growth by contacts, by calls that are held, and with `long` what 20,000 calls have left behind."""
    house = House(PAIRS, WARM_CONTACTS + contacts)
    workers = max((os.cpu_count() or 2) - 1, 1, -(-held // CALLS_OF_A_WORKER))
    with system(tree, keep=keep) as under_test:
        under_test.start(house.yaml(), workers=workers)
        with SipLoad(under_test, house) as load:
            load.sign_in()
            try:
                return _grown(under_test, load, contacts, held, long)
            except cpu.Gone as error:
                return Round(problems=(f"{error}:\n{under_test.log()}",))


def _grown(under_test: System, load: SipLoad, contacts: int, held: int, long: bool) -> Round:
    roles = under_test.processes()
    # Code, tables and caches that the first calls and contacts bring in are no memory of one.
    all_marked(load.start_registering(WARM_CONTACTS, REGISTER_RATE), "registered", WARM_CONTACTS)
    warm = load.start_calls(WARM_CALLS, 100).finish()
    if warm.problems("first calls"):
        return Round(failed=warm.failed(), problems=warm.problems("first calls"))
    before = _settled(roles)
    all_marked(load.start_registering(contacts, REGISTER_RATE, WARM_CONTACTS), "registered", contacts)
    with_contacts = _settled(roles)
    figures: Figures = {"kib_per_contact": (with_contacts - before) / contacts}
    if held:
        done = _held(load, roles, held, with_contacts)
        if not done.valid:
            return done
        figures |= done.figures
    if long:
        calling = load.start_calls(LONG_CALLS, LONG_RATE)
        time.sleep(LONG_CALLS / LONG_RATE)
        calls = calling.finish()
        if calls.problems("20,000 calls"):
            return Round(failed=calls.failed(), problems=calls.problems("20,000 calls"))
        time.sleep(LONG_REST_S)
        figures["kib_per_call_after"] = (cpu.proportional_kib(roles) - with_contacts) / (held or 2000)
    return Round(figures)


def _held(load: SipLoad, roles: dict[int, str], held: int, before: int) -> Round:
    """Growth while `held` calls go on, which all end well afterwards."""
    arrivals_s = held / HOLD_RATE
    hold_s = arrivals_s + MEASURE_S + 2.0
    calling = load.start_calls(held, HOLD_RATE, hold_ms=round(hold_s * 1000))
    time.sleep(arrivals_s + CALL_S + MEASURE_S)
    now = cpu.proportional_kib(roles)
    going_on = load.going_on()
    calls = calling.finish(arrivals_s + 10.0)
    problems = calls.problems(f"{held} calls held")
    if going_on != held:
        problems = (f"{going_on} of {held} calls were held at once", *problems)
    if problems:
        return Round(failed=calls.failed(), problems=problems)
    return Round({"calls_held": held, "kib_per_call": (now - before) / held})


def _settled(roles: dict[int, str]) -> int:
    """KiB of all processes, once the store has caught up."""
    time.sleep(SETTLE_S)
    return cpu.proportional_kib(roles)
