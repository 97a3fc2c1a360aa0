"""Players: prompts and music as sources of the mix.

What a player is at depends on the clock alone, so a shared one is read by any number of bridges in any phase.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.arrays import Samples
from softswitch.media.dtmf import FRAME
from softswitch.media.legs import BadCommand
from softswitch.media.packets import Indices
from softswitch.media.prompts import PromptError
from softswitch.media.succession import Succession
from softswitch.media.tablefile import key_of

Load = Callable[[str, int], Samples]
RATE_HZ = 8000
_IN_PLACE = RATE_HZ // 5
"""Samples of silence where a prompt cannot be played."""


@dataclass(frozen=True, slots=True)
class PlayerSettings:
    id: str
    legs: tuple[str, ...]
    items: tuple[str, ...]
    loop: bool
    gain: float

    @classmethod
    def parse(cls, command: dict[str, object]) -> PlayerSettings:
        """Raises BadCommand."""
        legs, items = command.get("legs", []), command.get("items", [])
        if not isinstance(legs, list) or not isinstance(items, list) or not items:
            raise BadCommand("put_player: legs and items must be lists, and items not empty")
        gain = command.get("gain", 1.0)
        if not isinstance(gain, int | float) or not 0 <= gain <= 8:
            raise BadCommand(f"put_player: gain {gain!r}: allowed are 0 to 8")
        return cls(
            id=str(command["id"]),
            legs=tuple(map(str, legs)),
            items=tuple(map(str, items)),
            loop=bool(command.get("loop", False)),
            gain=float(gain),
        )


def load_items(settings: PlayerSettings, load: Load) -> tuple[Samples, list[str]]:
    """All items as one stretch without gaps, silence for those that cannot be played, and what is wrong with
    them; nothing at all when none can."""
    pieces: list[Samples] = []
    problems: list[str] = []
    for item in settings.items:
        try:
            pieces.append(load(item, RATE_HZ))
        except PromptError as error:
            problems.append(str(error))
            pieces.append(np.zeros(_IN_PLACE, np.int16))
    if len(problems) == len(settings.items):
        return np.zeros(0, np.int16), problems
    if len(pieces) == 1:
        return pieces[0], problems
    return np.concatenate(pieces), problems


_NEVER = 1 << 60
FADING = 2 * FRAME
"""For how long a player that was removed can still be heard, in samples: every leg has its tick in it."""


class PlayerTable:
    """Structure of arrays like the leg table; `index` maps a player's id to its row."""

    def __init__(self, capacity: int, succession: Succession) -> None:
        self.index: dict[str, int] = {}
        self.settings: dict[int, PlayerSettings] = {}
        self._samples: list[Samples | None] = [None] * capacity
        self._address = np.zeros(capacity, np.int64)
        self._length = np.zeros(capacity, np.int64)
        self._succession = succession
        self._key = succession.players["key"]
        self._start = succession.players["start"]
        self._loop = np.zeros(capacity, np.uint8)
        self._used = np.zeros(capacity, np.bool_)
        self._free = list(range(capacity - 1, -1, -1))
        self._leaving: deque[tuple[int, int]] = deque()
        self._next_end = _NEVER
        """When the first of them ends, or earlier."""

    def add(self, settings: PlayerSettings, samples: Samples, start: int) -> int:
        """Plays from the clock's `start` on, or from where a former worker had it start.

        Raises BadCommand when the table is full.
        """
        if not self._free:
            raise BadCommand(f"all {len(self._samples)} players of this worker are in use")
        player = self._free.pop()
        samples = np.ascontiguousarray(samples, np.int16)
        self._samples[player] = samples  # keeps alive what the address points to
        self._address[player] = samples.ctypes.data
        self._length[player] = len(samples)
        former = self._succession.take_player(settings.id)
        self._start[player] = start if former is None else former
        self._key[player] = key_of(settings.id)
        self._loop[player] = settings.loop
        self._used[player] = True
        self._next_end = min(self._next_end, self._end_of(player))
        self.index[settings.id] = player
        self.settings[player] = settings
        return player

    def remove(self, player: int, clock: int) -> PlayerSettings:
        """Its sound stays to fade until `let_go`."""
        settings = self.settings.pop(player)
        del self.index[settings.id]
        self._key[player] = b""
        self._used[player] = False
        self._leaving.append((clock + FADING, player))
        return settings

    def let_go(self, clock: int) -> None:
        """Players that were removed so long ago that they have faded."""
        while self._leaving and self._leaving[0][0] <= clock:
            _, player = self._leaving.popleft()
            self._samples[player] = None
            self._length[player] = 0
            self._free.append(player)

    @property
    def finite(self) -> bool:
        """Whether any of them ends by itself."""
        return any(not settings.loop for settings in self.settings.values())

    def finished(self, clock: int) -> Iterable[int]:
        """Players that have played their last sample."""
        if clock < self._next_end:
            return ()
        ends = {player: self._end_of(player) for player in self.settings}
        self._next_end = min((end for end in ends.values() if end > clock), default=_NEVER)
        return [player for player, end in ends.items() if end <= clock]

    def _end_of(self, player: int) -> int:
        return _NEVER if self._loop[player] else int(self._start[player] + self._length[player])

    def take(self, players: Indices, clock: int, width: int) -> NDArray[np.int16]:
        """int16[n, width] from the clock on."""
        out = np.empty((len(players), width), np.int16)
        if len(players):
            _codecs.play(self._address, self._length, self._start, self._loop, players, out, clock)
        return out
