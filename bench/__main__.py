"""python -m bench LIST | NAME [--against PEER] [--json] …

Ends with 0 when there are figures, 1 when calls failed, 2 when something needed is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bench import acd, call, media, sip
from bench.harness import CannotMeasure, Result
from bench.output import as_json, print_table

BENCHES = {"acd": acd, "call": call, "media": media, "sip": sip}
FAILED, MISSING = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one bench, or list them; the exit status."""
    options = _parser().parse_args(arguments)
    if options.bench == "LIST":
        for name, bench in BENCHES.items():
            print(f"{name:10} {bench.SUMMARY}")
        return 0
    try:
        result: Result = BENCHES[options.bench].run(options, _progress)
    except CannotMeasure as error:
        print(f"bench {options.bench}: {error}", file=sys.stderr)
        return MISSING
    if options.json:
        print(as_json(result), flush=True)
    else:
        print_table(result)
    return 0 if result.valid else FAILED


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure a running system.")
    benches = parser.add_subparsers(dest="bench", required=True, metavar="LIST | NAME")
    benches.add_parser("LIST", help="list the benches")
    for name, bench in BENCHES.items():
        described = benches.add_parser(name, help=bench.SUMMARY, description=bench.__doc__)
        described.add_argument("--json", action="store_true", help="one JSON object on the last line")
        bench.add_options(described)
    return parser


if __name__ == "__main__":
    sys.exit(main())
