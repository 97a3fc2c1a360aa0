"""Every load, one after the other, as a page with tables and plots.

`python -m bench report` runs short forms (about a quarter of an hour), `--long` the long ones (hours, for a
machine that does nothing else). The page, its plots and all results as JSON go into docs/performance/;
`--from FILE` makes the page anew from such results, without measuring.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import report_page
from bench.harness import CannotMeasure, Progress
from bench.peers import PEERS
from bench.sipp import version as sipp_version
from bench.system import ROOT
from softswitch import __version__

SUMMARY = "all loads as a page with tables and plots in docs/performance/"
PLACE = ROOT / "docs" / "performance"


@dataclass(frozen=True, slots=True)
class Part:
    """One run of a bench: its title on the page, and its words in the short and in the long form."""

    title: str
    bench: str
    short: str
    long: str

    def words(self, long: bool) -> list[str]:
        return [self.bench, *(self.long if long else self.short).split()]


PARTS = (
    Part("Calls without audio", "setup", "--quick --rounds 3", "--rounds 5 --limits"),
    Part("Calls without audio, growth", "setup", "--quick --rounds 1 --growth", "--rounds 3 --growth"),
    Part("Registrations", "register", "--quick --rounds 3", "--rounds 5"),
    Part("Registrations, growth", "register", "--quick --rounds 1 --growth", "--rounds 3 --growth"),
    Part("Relayed calls", "relay", "--quick --rounds 3", "--rounds 5"),
    Part("Relayed calls, growth", "relay", "--quick --rounds 1 --growth", "--rounds 3 --growth"),
    Part("Recorded calls", "record", "--quick --rounds 3", "--rounds 5"),
    Part("Recorded calls, growth", "record", "--quick --rounds 1 --growth", "--rounds 3 --growth"),
    Part("Callers who hear music", "wait", "--quick --rounds 3", "--rounds 5"),
    Part("Callers who hear music, growth", "wait", "--quick --rounds 1 --growth", "--rounds 3 --growth"),
    Part("Conferences", "conference", "--quick --rounds 3", "--rounds 5"),
    Part("Conferences, growth", "conference", "--quick --rounds 1 --growth", "--rounds 3 --growth"),
    Part("Supervised calls", "supervise", "--quick --rounds 3", "--rounds 5"),
    Part("Supervised calls, growth", "supervise", "--quick --rounds 1 --growth", "--rounds 3 --growth"),
    Part("Calls with audio, softphones beside them", "calls", "--quick --rounds 2", "--rounds 5"),
    Part("Calls with audio, growth", "calls", "--quick --rounds 1 --growth", "--rounds 3 --growth"),
    Part("A whole centre", "centre", "--quick --rounds 3 --predict", "--rounds 5 --predict"),
    Part("A whole centre, growth", "centre", "--quick --rounds 1 --growth", "--rounds 3 --growth"),
    Part("Queues", "acd", "--rounds 1", "--rounds 3"),
    Part("Soak", "soak", "--minutes 2", "--minutes 240 --rate 10"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--long", action="store_true", help="long forms, for a quiet machine (hours)")
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help="only this load; again")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="results of before")
    parser.add_argument("--output", type=Path, default=PLACE, help="where the page goes (docs/performance)")


def run(options: argparse.Namespace, progress: Progress) -> int:
    """Measure, write the page; the exit status. CannotMeasure when there is nothing to write."""
    if options.source:
        document = read(options.source)
    else:
        document = measured(chosen_parts(options.only), options.long, progress)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "results.json").write_text(json.dumps(document, indent=1) + "\n")
    page = report_page.write(document, options.output)
    progress(f"report: {page}")
    return 0 if all(part["status"] == 0 for part in document["parts"]) else 1


def read(path: Path) -> dict[str, Any]:
    """Results of before. Raises CannotMeasure."""
    try:
        document: dict[str, Any] = json.loads(path.read_text())
        document["parts"][0]["result"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CannotMeasure(f"{path} has no results of a report: {error!r}") from None
    return document


def chosen_parts(only: Sequence[str]) -> list[Part]:
    """All parts, or those of some benches. Raises CannotMeasure."""
    names = {part.bench for part in PARTS}
    for name in only:
        if name not in names:
            raise CannotMeasure(f"--only {name}: allowed are {', '.join(sorted(names))}")
    return [part for part in PARTS if not only or part.bench in only]


def measured(parts: Sequence[Part], long: bool, progress: Progress) -> dict[str, Any]:
    """Every part in a process of its own; one that fails is on the page with what it said."""
    load = os.getloadavg()[0]
    began = datetime.datetime.now(datetime.UTC)
    done = []
    with tempfile.TemporaryDirectory(prefix="softswitch-report-") as name:
        for part in parts:
            progress(f"report: {part.title}")
            done.append({"title": part.title, **_run(part.words(long), Path(name))})
    return {
        "date": began.date().isoformat(),
        "minutes": round((datetime.datetime.now(datetime.UTC) - began).total_seconds() / 60, 1),
        "long": long,
        "load_before": round(load, 2),
        "versions": dict(_versions()),
        "parts": done,
    }


def _run(words: list[str], directory: Path) -> dict[str, Any]:
    samples = directory / "soak.csv"
    more = ["--csv", str(samples)] if words[0] == "soak" else []
    command = [sys.executable, "-m", "bench", *words, *more, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    last = done.stdout.splitlines()[-1:] or ["null"]
    result = json.loads(last[0]) if last[0].startswith("{") else None
    part = {"command": " ".join(words), "status": done.returncode, "result": result}
    if result is None:
        part["said"] = done.stderr[-500:]
    if more and samples.exists():
        part["samples"] = samples.read_text()
    return part


def _versions() -> Iterator[tuple[str, str]]:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    yield "softswitch", f"{__version__} {commit.stdout.strip()}".strip()
    yield "sipp", sipp_version()
    for peer in PEERS.values():
        if peer.found():
            yield peer.name, peer.version()
