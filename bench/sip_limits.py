"""The highest rate of calls without a failure, and what is left of it when far more calls come."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import Figures, Round, quantile
from bench.harness import CannotMeasure, Progress
from bench.house import House
from bench.sip_load import CALL_S, Calls, SipLoad
from bench.sipp import elapsed_ms
from bench.system import system

PAIRS = 200
FIRST_RATE, LOWEST_RATE, HIGHEST_RATE = 400.0, 40.0, 3000.0
FACTOR = 1.35
PROBE_S = 4.0
OVERLOADS = (3, 5)
OVERLOAD_S, SETTLE_S = 8.0, 2.0
# SIP sends again what was not answered within half a second: more than this share, and the queues grow.
MOST_RETRANSMITTED = 0.01
LEAST_OFFERED = 0.95


def limits_round(tree: Path, *, keep: bool, progress: Progress) -> Round:
    """Both figures; calls may fail here, that is what is looked for."""

    def clean(rate: float) -> bool:
        calls = _offer(tree, rate, keep)
        good = is_clean(calls, rate)
        progress(f"sip: {rate:.0f} calls/s: {'clean' if good else 'not clean'}")
        return good

    highest = highest_clean(clean)
    if highest is None:
        raise CannotMeasure(f"not even {LOWEST_RATE:.0f} calls/s were clean: this machine is too busy")
    figures: Figures = {"calls_per_s_ok": highest}
    for times in OVERLOADS:
        completed, offered, refusals_ms = _overload(tree, times * highest, keep)
        suffix = "" if times == OVERLOADS[0] else f"_{times}"
        figures[f"overload_goodput{suffix}"] = completed / highest
        figures[f"overload_offered{suffix}"] = offered / highest
        if refusals_ms:
            figures[f"overload_503_ms_p99{suffix}"] = quantile(refusals_ms, 0.99)
        progress(f"sip: {offered:.0f} calls/s offered: {completed:.0f} completed a second")
    return Round(figures)


def highest_clean(clean: Callable[[float], bool]) -> float | None:
    """The highest clean rate, to a tenth or two; None when there is none."""
    rate = FIRST_RATE
    if clean(rate):
        while rate * FACTOR <= HIGHEST_RATE and clean(rate * FACTOR):
            rate *= FACTOR
        low, high = rate, rate * FACTOR
    else:
        low, high = rate / FACTOR, rate
        while not clean(low):
            low, high = low / FACTOR, low
            if low < LOWEST_RATE:
                return None
    middle = (low + high) / 2
    return middle if clean(middle) else low


def is_clean(calls: Calls | None, rate: float) -> bool:
    """Whether no call failed, nothing had to be said again, and SIPp itself kept up."""
    return (
        calls is not None
        and not calls.problems("")
        and calls.retransmissions <= MOST_RETRANSMITTED * calls.wanted
        and calls.offered_per_s >= LEAST_OFFERED * rate
    )


def _offer(tree: Path, rate: float, keep: bool) -> Calls | None:
    """Calls at one rate on a fresh system; None when they did not come to an end in time."""
    house = House(PAIRS)
    with system(tree, keep=keep) as under_test:
        under_test.start(house.yaml())
        with SipLoad(under_test, house) as load:
            load.sign_in()
            calling = load.start_calls(round(rate * PROBE_S), rate)
            time.sleep(PROBE_S)
            try:
                return calling.finish(CALL_S + 2.0)
            except CannotMeasure:
                return None


def _overload(tree: Path, rate: float, keep: bool) -> tuple[float, float, list[float]]:
    """Calls completed and begun by second, once the system has been flooded for a while; and how long each
    refusal took then, in ms."""
    house = House(PAIRS)
    with system(tree, keep=keep) as under_test:
        under_test.start(house.yaml())
        with SipLoad(under_test, house) as load:
            load.sign_in()
            calling = load.start_calls(round(rate * (OVERLOAD_S + 1)), rate)
            begin = time.time() + SETTLE_S + CALL_S
            time.sleep(OVERLOAD_S)
            end = time.time()
            marks = calling.break_off()
    counted = {
        mark: sum(begin <= at < end for at in marks.get(mark, {}).values()) for mark in ("done", "invite")
    }
    late = {number: at for number, at in marks.get("invite", {}).items() if begin <= at < end}
    refusals_ms = elapsed_ms(late, marks.get("refused", {}))
    return counted["done"] / (end - begin), counted["invite"] / (end - begin), refusals_ms
