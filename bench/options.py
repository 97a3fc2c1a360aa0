"""Options that several benches have."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def add_compared(parser: argparse.ArgumentParser, peers: Sequence[str], *, growth: str = "") -> None:
    """Rounds, length, peers, and where it makes sense the growth of the cost."""
    parser.add_argument(
        "--rounds", type=count_option, default=3, help="rounds, of which the median (default 3)"
    )
    parser.add_argument("--quick", action="store_true", help="short windows")
    if peers:
        parser.add_argument(
            "--against",
            metavar="PEER",
            action="append",
            default=[],
            help=f"{', '.join(peers)} or none; may be given again (default: all that are installed)",
        )
    if growth:
        parser.add_argument("--growth", action="store_true", help=f"the cost of one {growth}, and its slope")


def count_option(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def positive_option(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return number


def tree_option(text: str) -> Path:
    tree = Path(text).resolve()
    if not (tree / "softswitch" / "node.py").is_file():
        raise argparse.ArgumentTypeError(f"{text} is no source tree of softswitch")
    return tree
