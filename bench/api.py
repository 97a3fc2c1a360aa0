"""The API: reads, commands, event streams, and what all that does to the calls beside it.

reads_per_s: answers a second of CPU of the API process (one core), each connection of other processes asking
/v1/queues, /v1/status, /v1/calls and /v1/statistics in turn; reads_per_s_reached: by the clock.
command_ms_p50/_p99: from writing POST /v1/calls to the INVITE at the phone that is rung, one after the other.
signalling_slowdown: by which share the switch's CPU for a call, or the median time to set one up (without the
phones' own 120 ms), is higher while the API is saturated with reads; windows with and without take turns. The
larger of signalling_slowdown_cpu and _setup.
event_ms_p50/_p99: from writing a fact by command, 200 a second, to 500 event streams that receive everything;
none may be missing. event_cpu: cores that the API process took for it.
pop_ms_p50/_p99: from the offer of a call to an agent to the event screen_pop at a subscriber.
"""

from __future__ import annotations

import argparse
import http.client
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from websockets.sync.client import connect

from bench import cpu
from bench.api_system import DESKS, QUEUE_NUMBERS, ApiTarget, Desks, Helper, api_target
from bench.figures import Figures, Round, median, quantile
from bench.harness import Progress, Result, measure
from bench.offered import Seen, offered
from bench.options import count_option
from bench.sip_load import CALL_S, RING_MS, THINK_MS
from bench.sipp import elapsed_ms, require_sipp
from softswitch.control import ControlClient

SUMMARY = "API: reads, commands, 500 event streams, and what they do to the calls beside them"
PATHS = ("/v1/queues", "/v1/status", "/v1/calls", "/v1/statistics")
READERS, CONNECTIONS, READ_S, SETTLE_S = 2, 4, 4.0, 0.5
COMMANDS, PAUSE_S = 200, 0.01
RATE, WINDOWS, WINDOW_S = 30, 16, 1.5
PHONE_MS = THINK_MS + RING_MS
"""What the phones take of the time to set up a call."""
EVENTS_PER_S, EVENTS_S, SUBSCRIBERS = 200, 10.0, 500
POP_RATE, POP_S = 10, 4.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=count_option, default=1, help="rounds (default 1)")
    parser.add_argument(
        "--only", action="append", choices=sorted(PARTS), help="one part of it; may be given again"
    )


def run(options: argparse.Namespace, progress: Progress) -> Result:
    """Everything, `--rounds` times. CannotMeasure when SIPp is missing."""
    require_sipp()
    parts = [part for name, part in PARTS.items() if name in (options.only or PARTS)]
    return measure("api", {"softswitch": lambda: _round(parts, progress)}, options.rounds, progress)


def _round(parts: list[Part], progress: Progress) -> Round:
    figures: Figures = {}
    problems: list[str] = []
    with api_target() as (target, desks):
        for part in parts:
            progress(f"api: {part.__name__.strip('_')}")
            problems += part(target, desks, figures)
        if problems:
            problems.append(target.log())
    return Round(figures, problems=tuple(problems))


def _reads(target: ApiTarget, desks: Desks, figures: Figures) -> list[str]:
    roles = target.of_role("api")
    with Saturation(target) as readers:
        readers.go()
        time.sleep(SETTLE_S)
        before, first = cpu.usage(roles), readers.count()
        time.sleep(READ_S)
        after, last = cpu.usage(roles), readers.count()
        failures = readers.stop()
    answers = last - first
    figures["reads_per_s"] = answers / sum(cpu.used(before, after, roles).values())
    figures["reads_per_s_reached"] = answers / (after.at - before.at)
    return [f"{failures} reads failed"] if failures else []


class Saturation:
    """Readers that ask as fast as they are answered, when they are let."""

    def __init__(self, target: ApiTarget) -> None:
        host, port = target.api
        self._readers = [
            Helper("bench.api_readers", host, port, target.token, CONNECTIONS, *PATHS) for _ in range(READERS)
        ]

    def go(self) -> None:
        for each in self._readers:
            each.ask("go")

    def count(self) -> int:
        return sum(int(each.ask("count")["answers"]) for each in self._readers)

    def stop(self) -> int:
        """How many reads failed."""
        return sum(int(each.ask("stop")["failures"]) for each in self._readers)

    def __enter__(self) -> Saturation:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._readers:
            each.__exit__()


def _commands(target: ApiTarget, desks: Desks, figures: Figures) -> list[str]:
    connection = http.client.HTTPConnection(*target.api, timeout=10)
    headers = {"Authorization": f"Bearer {target.token}", "Content-Type": "application/json"}
    took_ms, problems = [], []
    for number in range(COMMANDS):
        desk = f"desk{number % DESKS}"
        body = json.dumps({"user": desk, "number": "1000"})
        began = time.monotonic()
        connection.request("POST", "/v1/calls", body, headers)
        try:
            took_ms.append((desks.rang(desk) - began) * 1000)
        except TimeoutError:
            problems.append(f"{desk} was not rung")
        answer = connection.getresponse()
        told = answer.read()
        if answer.status != 201:
            problems.append(f"POST /v1/calls: {answer.status} {told.decode()}")
        if problems:
            break
        time.sleep(PAUSE_S)
    connection.close()
    if not problems:
        figures["command_ms_p50"] = quantile(took_ms, 0.5)
        figures["command_ms_p99"] = quantile(took_ms, 0.99)
    return problems


def _slowdown(target: ApiTarget, desks: Desks, figures: Figures) -> list[str]:
    """Calls at one rate all the time; every other window the API is saturated."""
    roles = target.of_role("switch")
    begin = CALL_S + 1.5
    calls = round(RATE * (begin + WINDOWS * (WINDOW_S + SETTLE_S + 0.5)))
    windows: list[tuple[bool, float, float, float]] = []
    with Saturation(target) as readers, offered(target, target.system.addresses, calls, RATE) as offering:
        time.sleep(begin)
        for number in range(WINDOWS):
            busy = number % 2 == 1
            if busy:
                readers.go()
            time.sleep(SETTLE_S)
            before, since = cpu.usage(roles), time.time()
            time.sleep(WINDOW_S)
            after, until = cpu.usage(roles), time.time()
            windows.append((busy, since, until, sum(cpu.used(before, after, roles).values())))
            if busy:
                readers.stop()
        seen = offering.finish()
    problems = list(seen.problems("slowdown"))
    if not problems:
        figures.update(slowdown_figures(seen, windows))
    return problems


def slowdown_figures(seen: Seen, windows: list[tuple[bool, float, float, float]]) -> Figures:
    """`windows`: whether the API was saturated, begin and end (UTC), CPU seconds of the switch."""
    invited, answered = seen.marks["invite"], seen.marks["answered"]
    cpu_ms: dict[bool, list[float]] = {False: [], True: []}
    setup_ms: dict[bool, list[float]] = {False: [], True: []}
    for busy, since, until, spent in windows:
        begun = {call: at for call, at in invited.items() if since <= at < until}
        cpu_ms[busy].append(spent * 1000 / max(1, len(begun)))
        setup_ms[busy] += [each - PHONE_MS for each in elapsed_ms(begun, answered)]
    cpu_share = median(cpu_ms[True]) / median(cpu_ms[False]) - 1
    setup_share = median(setup_ms[True]) / median(setup_ms[False]) - 1
    return {
        "signalling_slowdown": max(cpu_share, setup_share),
        "signalling_slowdown_cpu": cpu_share,
        "signalling_slowdown_setup": setup_share,
        "switch_cpu_ms_per_call": median(cpu_ms[False]),
        "setup_ms_p50": median(setup_ms[False]),
        "setup_ms_p99": quantile(setup_ms[False], 0.99),
        "setup_ms_p99_saturated": quantile(setup_ms[True], 0.99),
    }


def _events(target: ApiTarget, desks: Desks, figures: Figures) -> list[str]:
    roles, count = target.of_role("api"), int(EVENTS_PER_S * EVENTS_S)
    with (
        Helper("bench.api_subscribers", *target.api, target.token, SUBSCRIBERS) as subscribers,
        ControlClient(target.directory / "run" / "control.sock") as switch,
    ):
        before, began = cpu.usage(roles), time.monotonic()
        for number in range(count):
            note = {"type": "recording_played", "recording": "r1", "by": repr(time.monotonic())}
            switch.call("recording.note", note)
            time.sleep(max(0.0, began + (number + 1) / EVENTS_PER_S - time.monotonic()))
        after = cpu.usage(roles)
        told = subscribers.ask(str(count))
    seconds = after.at - before.at
    figures["event_ms_p50"], figures["event_ms_p99"] = told["p50"] * 1e3, told["p99"] * 1e3
    figures["event_cpu"] = sum(cpu.used(before, after, roles).values()) / seconds
    figures["frames_per_s"] = told["frames"] / seconds
    if (told["fewest"], told["most"]) != (count, count):
        return [f"of {count} facts a subscriber had {told['fewest']}, another {told['most']}"]
    return []


def _pops(target: ApiTarget, desks: Desks, figures: Figures) -> list[str]:
    seen: list[tuple[float, dict[str, Any]]] = []
    calls = round(POP_RATE * POP_S)
    url = "ws://{}:{}/v1/events?types=offer_made,screen_pop".format(*target.api)
    headers = {"Authorization": f"Bearer {target.token}"}
    with connect(url, additional_headers=headers, proxy=None, compression=None) as stream:

        def listen() -> None:
            for message in stream:
                at = time.time()
                seen.extend((at, event) for event in json.loads(message).get("events", ()))

        listening = threading.Thread(target=listen)
        listening.start()
        addresses = target.system.addresses
        with offered(target, addresses, calls, POP_RATE, "pop", QUEUE_NUMBERS) as offering:
            time.sleep(POP_S)
            counted = offering.finish()
        stream.close()
        listening.join()
    problems = list(counted.problems("pops"))
    offers = {each["data"]["offer"]: each["at"] for _, each in seen if each["type"] == "offer_made"}
    pops = {each["data"]["offer"]: at for at, each in seen if each["type"] == "screen_pop"}
    took_ms = [(at - offers[offer]) * 1000 for offer, at in pops.items() if offer in offers]
    if len(took_ms) < calls:
        problems.append(f"{len(took_ms)} screen pops of {calls} calls came to the subscriber")
    if not problems:
        figures["pop_ms_p50"], figures["pop_ms_p99"] = quantile(took_ms, 0.5), quantile(took_ms, 0.99)
    return problems


Part = Callable[[ApiTarget, Desks, Figures], list[str]]
PARTS: dict[str, Part] = {
    "reads": _reads,
    "commands": _commands,
    "slowdown": _slowdown,
    "events": _events,
    "pops": _pops,
}
