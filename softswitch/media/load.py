"""What a worker tells of itself: how busy it is, how late it wakes, and what it has counted."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from softswitch.media.engine import MediaEngine
from softswitch.media.lanes import Lanes

EVERY_S = 5.0


class LoadReport:
    """Lateness of the wakes and processor time between two reports."""

    def __init__(self, engine: MediaEngine, lanes: Lanes, now: float) -> None:
        self._legs = engine.legs
        self._slow_path = engine.slow_path
        self._lanes = lanes
        self._late_s: list[float] = []
        self._cpu_s = time.process_time()
        self._since = now

    def woke(self, late_s: float) -> None:
        self._late_s.append(late_s)

    def due(self, now: float) -> bool:
        return now - self._since >= EVERY_S

    def event(self, now: float) -> dict[str, Any]:
        """The `load` event for the time since the last one."""
        cpu_s = time.process_time()
        late_ms = np.array(self._late_s or [0.0]) * 1000
        p50, p99, most = np.percentile(late_ms, (50, 99, 100)).tolist()
        share = (cpu_s - self._cpu_s) / max(now - self._since, 1e-3)
        self._late_s.clear()
        self._cpu_s, self._since = cpu_s, now
        return {
            "event": "load", "legs": len(self._legs.index), "cpu_s": round(cpu_s, 3), "cpu": round(share, 4),
            "late_ms_p50": round(p50, 3), "late_ms_p99": round(p99, 3), "late_ms_max": round(most, 3),
            "counters": {**self._legs.totals(), "unsent": self._lanes.unsent, **self._slow_path.counted},
        }  # fmt: skip
