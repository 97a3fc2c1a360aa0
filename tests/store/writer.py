"""A process that appends facts as fast as it can and says which ones were acknowledged."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from softswitch.store.journal import Journal


def main() -> None:
    state_dir, first, segment_bytes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    journal = Journal(state_dir, node="node1", segment_bytes=segment_bytes)
    os.write(1, b"ready\n")
    number = first
    while True:
        turn = [{"type": "counted", "data": {"number": number + each, "text": "x" * (number % 700)},
                 "keep": {"last": number + each}} for each in range(number % 4 + 1)]
        journal.append(turn)
        number += len(turn)
        os.write(1, b"%d\n" % (number - 1))


if __name__ == "__main__":
    main()
