"""How long a phone hears nothing when its media worker is killed: python -m tests.system.worker_kills

One `softswitch run` with conversations between phones; the worker is killed again and again. A gap is the
longest time between two packets at one phone around one kill, by the kernel's receive stamps.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from itertools import pairwise

import numpy as np

from tests.system.handset import Floor, Handset, HandsetCall, all_hear
from tests.system.running import RunningSystem, running

_BETWEEN_S = 2.0
"""Time for a new standby to be ready: a worker that dies at once again has none."""


def conversations(floor: Floor, system: RunningSystem, pairs: int) -> list[HandsetCall]:
    """Both ends of each."""
    ends: list[HandsetCall] = []
    for pair in range(pairs):
        caller, callee = (
            Handset(
                floor, f"u{2 * pair + side}", system.address, tone_hz=500 + 50 * (2 * pair + side)
            ).register()
            for side in (0, 1)
        )
        asking = caller.call(str(8001 + 2 * pair))
        ends += [asking, callee.rings().answer()]
    all_hear(ends, 20)
    return ends


def gaps_ms(system: RunningSystem, ends: list[HandsetCall]) -> list[float]:
    """Of every phone around one kill."""
    killed_at = time.time()
    system.replaced("media-0", system.kill("media-0"))
    threading.Event().wait(_BETWEEN_S)
    found = []
    for end in ends:
        times = [each.at for each in end.audio.since(killed_at - 0.2)]
        assert times and times[-1] > killed_at + 1.0, (
            f"no audio: {end.state} {end.cause}, {len(times)} packets"
        )
        assert len({each.ssrc for each in end.audio.arrivals}) == 1
        found.append(1000 * max(after - before for before, after in pairwise(times)))
        del end.audio.arrivals[:-10]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--pairs", type=int, default=10, help="conversations that are up")
    options = parser.parse_args()
    numbers = range(2 * options.pairs)
    centre = {
        "users": {f"u{number}": {"password": f"u{number}-secret"} for number in numbers},
        "numbers": {str(8000 + number): f"user:u{number}" for number in numbers},
    }
    with running(centre, workers=1, ports=8 * options.pairs + 100) as system, Floor() as floor:
        ends = conversations(floor, system, options.pairs)
        found = [gaps_ms(system, ends) for _ in range(options.kills)]
        for end in ends:
            end.hang_up()
    every = np.array(found)
    figures = {
        "kills": options.kills, "phones": len(ends),
        **{f"gap_ms_p{p}": round(float(np.percentile(every, p)), 1) for p in (50, 90, 99)},
        "gap_ms_max": round(float(every.max()), 1),
        "worst_phone_of_each_kill_ms": sorted(round(float(each), 1) for each in every.max(axis=1)),
    }  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
