"""python -m bench LIST | NAME [--against PEER] [--json] …

Ends with 0 when there are figures, 1 when calls failed or something is dearer than it may be, 2 when
something needed is missing.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from bench.audio import AUDIO, AudioBench
from bench.harness import CannotMeasure, Result
from bench.output import as_json, print_table
from bench.peers import PEERS

BENCHES = (
    "smoke",
    "setup",
    "register",
    *AUDIO,
    "calls",
    "centre",
    "soak",
    "costs",
    "acd",
    "call",
    "ivr",
    "log",
    "media",
    "sip",
    "api",
    "report",
)
FAILED, MISSING = 1, 2
Bench = ModuleType | AudioBench


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one bench, or list them; the exit status."""
    found = benches()
    options = parser_of(found).parse_args(arguments)
    if options.bench == "LIST":
        _list(found)
        return 0
    try:
        result: Result | int = found[options.bench].run(options, _progress)
    except CannotMeasure as error:
        print(f"bench {options.bench}: {error}", file=sys.stderr)
        return MISSING
    if isinstance(result, int):
        return result
    if options.json:
        print(as_json(result), flush=True)
    else:
        print_table(result)
    return 0 if result.valid and not result.dearer else FAILED


def benches() -> dict[str, Bench]:
    """Every bench by name."""
    return {name: AUDIO.get(name) or importlib.import_module(f"bench.{name}") for name in BENCHES}


def _list(found: dict[str, Bench]) -> None:
    """Every load with its peers, every peer with where it is or how it comes to be there."""
    for name, bench in found.items():
        peers = ", ".join(getattr(bench, "PEERS", ()))
        print(f"{name:11} {bench.SUMMARY}{f' (against {peers})' if peers else ''}")
    print("\npeers")
    for peer in PEERS.values():
        where = peer.found()
        print(f"{peer.name:11} {peer.what}: {where if where else f'missing: {peer.install}'}")


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def parser_of(found: dict[str, Bench]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure a running system.")
    commands = parser.add_subparsers(dest="bench", required=True, metavar="LIST | NAME")
    commands.add_parser("LIST", help="list the benches and the peers")
    for name, bench in found.items():
        summary = bench.SUMMARY.replace("%", "%%")
        described = commands.add_parser(name, help=summary, description=bench.__doc__)
        described.add_argument("--json", action="store_true", help="one JSON object on the last line")
        bench.add_options(described)
    return parser


if __name__ == "__main__":
    sys.exit(main())
