"""The same load for a long time: memory, descriptors, ports, threads and lateness must not grow.

Calls as in `centre`, at a rate that is half of what the machine can do. Every few seconds everything is read;
the middle third of the time is compared with the last, since caches fill in the first. What has grown by more
than its allowance is a failure, and then there are no figures.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from bench import cpu
from bench.call import SETTLE_S, Profile
from bench.centre import MENU_S, RING_S, TALK_S
from bench.centre_settings import Centre
from bench.evidence import gather
from bench.figures import Figures, Round, median, quantile
from bench.harness import CannotMeasure, Progress, Result, measure
from bench.load import Load
from bench.options import positive_option
from bench.phones.softphones import USERS, Softphones, password
from bench.sipp import require_sipp
from bench.system import SIP_PORT, System, system

SUMMARY = "hours at half load: memory, descriptors, ports, threads, lateness; nothing grows"
MINUTES, RATE = 10.0, 5.0
SAMPLES = 90
LEAST_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """What the system holds at one moment, `at` seconds after the first call.

    `ports`: pairs of sockets that are not free for the next leg; other sockets count as halves.
    """

    at: float
    memory_mib: float
    descriptors: float
    ports: float
    threads: float
    late_ms_p99: float
    calls: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one thing may grow from the middle third to the last: by a share, and by so much in any case."""

    share: float
    amount: float


# Calls come at random, so that a few more or fewer go on; the lateness is that of the machine as well.
ALLOWED = {
    "memory_mib": Allowance(0.03, 4.0),
    "descriptors": Allowance(0.05, 8.0),
    "ports": Allowance(0.05, 8.0),
    "threads": Allowance(0.0, 0.0),
    "late_ms_p99": Allowance(0.5, 5.0),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--minutes", type=positive_option, default=MINUTES, help=f"how long (default {MINUTES:g})"
    )
    parser.add_argument(
        "--rate", type=positive_option, default=RATE, help=f"calls a second (default {RATE:g})"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="every sample, for a plot")


def run(options: argparse.Namespace, progress: Progress) -> Result:
    """Measure. CannotMeasure when something needed is missing."""
    require_sipp()
    call_s = MENU_S + RING_S + TALK_S
    seconds = 60 * options.minutes
    if seconds < 5 * call_s:
        raise CannotMeasure(f"--minutes {options.minutes:g}: the first third must be longer than a call")

    def one() -> Round:
        calls = round(options.rate * seconds)
        profile = Profile(calls, options.rate, MENU_S, RING_S, TALK_S, record=True, random_s=1.0, spare=0.2)
        done, samples = _soak(profile, progress)
        if options.csv:
            write_samples(options.csv, samples)
        return done

    return measure("soak", {"softswitch": one}, 1, progress)


def _soak(profile: Profile, progress: Progress) -> tuple[Round, list[Sample]]:
    with system() as under_test:
        addresses = under_test.addresses
        centre = Centre.of(profile.agents, profile.record, {user: password(user) for user in USERS})
        under_test.start(centre.yaml(addresses))
        phones = Softphones(f"{addresses.switch}:{SIP_PORT}", addresses.agents)
        with Load(under_test, centre) as load, phones:
            load.sign_in()
            phones.talk()
            try:
                samples = _under_load(profile, under_test, load, progress)
            except cpu.Gone as error:
                return Round(problems=(f"{error}:\n{under_test.log()}",)), []
            heard = phones.heard()
            evidence = gather(under_test, load)
    problems = evidence.problems(profile.calls, profile.record) + grown(samples)
    if problems:
        return Round(failed=evidence.failed(profile.calls, profile.record), problems=problems), samples
    return Round({"calls": profile.calls, **figures_of(samples), **heard.figures()}), samples


def _under_load(profile: Profile, under_test: System, load: Load, progress: Progress) -> list[Sample]:
    began = time.monotonic()
    load.start_calls(
        calls=profile.calls,
        rate=profile.rate,
        menu_s=profile.menu_s,
        ring_s=profile.ring_s,
        hold_s=profile.ring_s + profile.talk_s,
        random_s=profile.random_s,
    )
    every_s = max(LEAST_EVERY_S, profile.arrivals_s / SAMPLES)
    samples: list[Sample] = []
    told = 0
    time.sleep(profile.call_s + SETTLE_S)
    while (at := time.monotonic() - began) < profile.arrivals_s:
        samples.append(sample(under_test, at))
        if 10 * at / profile.arrivals_s >= told + 1:
            told = int(10 * at / profile.arrivals_s)
            progress(f"soak: {at:.0f} s, {samples[-1].memory_mib:.0f} MiB")
        time.sleep(every_s)
    load.finish(profile.call_s)
    return samples


def sample(under_test: System, at: float) -> Sample:
    """Read everything of the processes that stay: upkeep of recordings comes and goes. Raises Gone."""
    roles = {pid: role for pid, role in under_test.processes().items() if role != "other"}
    state = under_test.command("status")
    opened = [holds(pid) for pid in roles]
    return Sample(
        at=at,
        memory_mib=cpu.proportional_kib(roles) / 1024,
        descriptors=sum(each[0] for each in opened),
        ports=sum(each[1] for each in opened) / 2 - sum(each["free_ports"] for each in state["media"]),
        threads=sum(each[2] for each in opened),
        late_ms_p99=max((each["late_ms_p99"] for each in state["media"]), default=0.0),
        calls=state["calls"],
    )


def holds(pid: int) -> tuple[int, int, int]:
    """Open descriptors, sockets among them, and threads of a process. Raises Gone."""
    process = Path(f"/proc/{pid}")
    try:
        names = os.listdir(process / "fd")
        threads = len(os.listdir(process / "task"))
    except OSError:
        raise cpu.Gone(f"process {pid} has ended") from None
    sockets = 0
    for name in names:
        try:
            sockets += os.readlink(process / "fd" / name).startswith("socket:")
        except OSError:
            continue
    return len(names), sockets, threads


def thirds(samples: Sequence[Sample], name: str) -> tuple[float, float]:
    """Medians of the middle and of the last third. ValueError when there are fewer than three samples."""
    values = [getattr(each, name) for each in samples]
    third = len(values) // 3
    return median(values[third : 2 * third]), median(values[2 * third :])


def grown(samples: Sequence[Sample]) -> tuple[str, ...]:
    """What has grown beyond its allowance, a line each."""
    if len(samples) < 9:
        return (f"{len(samples)} samples are too few to see growth: give more --minutes",)
    found = []
    for name, allowed in ALLOWED.items():
        before, after = thirds(samples, name)
        if after > before * (1 + allowed.share) + allowed.amount:
            found.append(f"{name} has grown from {before:.4g} to {after:.4g}")
    return tuple(found)


def figures_of(samples: Sequence[Sample]) -> Figures:
    """Each thing in the middle and in the last third of the time, and how late workers were."""
    figures: Figures = {"minutes": samples[-1].at / 60}
    for name in ALLOWED:
        before, after = thirds(samples, name)
        figures |= {f"{name}_middle": before, f"{name}_last": after}
    figures["late_ms_p99_highest"] = quantile([each.late_ms_p99 for each in samples], 1.0)
    return figures


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Sample)])
        writer.writeheader()
        writer.writerows(asdict(each) for each in samples)
