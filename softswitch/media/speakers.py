"""Who speaks in a conference: the loudest of its members, once that has lasted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softswitch.media.legs import LegTable
from softswitch.media.recording import Emit
from softswitch.media.ring import SampleRing
from softswitch.media.routing import BridgeSettings

WINDOW = 800
"""Samples between two looks, and how many are looked at."""
_LEAST_RMS = 200.0
_LOUDER = 2.0
"""In power: 3 dB."""
_LOOKS = 3


@dataclass(slots=True)
class _Floor:
    """One bridge: who speaks, who may be about to, and for how many looks."""

    speaker: str = ""
    candidate: str = ""
    run: int = 0


class ActiveSpeakers:
    """Tells of each change in the bridges that want to know (`speaker`); only mixed legs are heard."""

    def __init__(self, legs: LegTable, ring: SampleRing, emit: Emit) -> None:
        self._legs = legs
        self._ring = ring
        self._emit = emit
        self._power = np.zeros(legs.capacity)
        self._floors: dict[str, _Floor] = {}

    def tick(self, bridges: Mapping[str, BridgeSettings], clock: int) -> None:
        """To be called every `WINDOW` samples with the bridges that want to know."""
        self._floors = {id: self._floors.get(id) or _Floor() for id in bridges}
        if not bridges:
            return
        index = self._legs.index
        rows = {index[each] for bridge in bridges.values() for each in bridge.members if each in index}
        self._listen(np.array(sorted(rows), np.int32), clock)
        for id, bridge in bridges.items():
            self._judge(id, self._floors[id], [each for each in bridge.members if each in index])

    def _listen(self, legs: NDArray[np.int32], clock: int) -> None:
        silent = legs[~self._legs.in_ring[legs]]
        heard = legs[self._legs.in_ring[legs]]
        self._power[silent] = 0
        if len(heard):
            samples, _ = self._ring.take(heard, np.full(len(heard), clock - WINDOW, np.int64), WINDOW)
            now = np.square(samples, dtype=np.float32).mean(axis=1)
            self._power[heard] = (self._power[heard] + now) / 2

    def _judge(self, bridge: str, floor: _Floor, members: list[str]) -> None:
        index = self._legs.index
        power = {each: float(self._power[index[each]]) for each in members}
        loudest = max(members, key=power.__getitem__, default="")
        least = max(_LEAST_RMS**2, _LOUDER * power.get(floor.speaker, 0.0))
        if not loudest or loudest == floor.speaker or power[loudest] < least:
            floor.run = 0
            return
        floor.run = floor.run + 1 if loudest == floor.candidate else 1
        floor.candidate = loudest
        if floor.run >= _LOOKS:
            floor.speaker, floor.run = loudest, 0
            self._emit({"event": "active_speaker", "bridge": bridge, "leg": loudest})
