"""One target under atheris: `python -m tests.fuzz TARGET CORPUS [options of libFuzzer]`."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["softswitch.sip", "softswitch.sdp", "softswitch.rtp", "softswitch.net"]
):
    from tests.fuzz.targets import TARGETS, seeds


def main(target: str, corpus: str, *options: str) -> None:
    directory = Path(corpus)
    directory.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (directory / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], corpus, *options], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
