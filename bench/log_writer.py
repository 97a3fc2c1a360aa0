"""The writer of `python -m bench log`: facts of calls into a journal at a rate, turn by turn, until killed.

python -m bench.log_writer STATE_DIR FACTS_PER_S FACTS_PER_TURN. Prints a line a tenth of a second: how many
facts have been accepted, the log position after them, and the monotonic time.
"""

from __future__ import annotations

import sys
import threading
import time
from itertools import islice
from pathlib import Path

from bench.log_facts import interleaved
from softswitch.store.journal import Journal

TOLD_EVERY_S = 0.1
SYNC_EVERY_S = 1.0


def main(state_dir: Path, rate: float, turn: int) -> None:
    journal = Journal(state_dir, node="bench")
    threading.Thread(target=_sync, args=(journal,), daemon=True).start()
    facts, count = interleaved(1_000_000_000), 0
    began = told = time.monotonic()
    while True:
        journal.append([*islice(facts, turn)])
        count += turn
        now = time.monotonic()
        if now - told >= TOLD_EVERY_S:
            told = now
            print(count, journal.log_position, now, flush=True)
        if (ahead := began + count / rate - now) > 0:
            time.sleep(ahead)


def _sync(journal: Journal) -> None:
    """As the switch does once a second."""
    while True:
        time.sleep(SYNC_EVERY_S)
        journal.sync()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
