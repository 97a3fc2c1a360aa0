"""Who hears whom: bridges, edges and players become one row a leg, and each row a way to serve it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from softswitch.media.dtmf import FRAME
from softswitch.media.formats import PASSED, WIDE
from softswitch.media.legs import BadCommand, LegTable
from softswitch.media.players import PlayerTable
from softswitch.media.ring import SampleRing

UNITY = 256
MAX_MEMBERS = 200
_MANY = 8
"""So many sources make a sum worth sharing."""
_MOST_GAIN = 65_000
"""Beyond this the kernel leaves sources out, and a difference would not be what is left."""

LEG, PLAYER = 0, 1
Row = tuple[tuple[int, int, int], ...]
"""Sources of one leg: (LEG or PLAYER, index, gain in 1/256), sorted."""


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    id: str
    members: tuple[str, ...]
    edges: tuple[tuple[str, str, float], ...]
    speaker: bool = False

    @classmethod
    def parse(cls, command: Mapping[str, Any]) -> BridgeSettings:
        """Raises BadCommand."""
        try:
            members = tuple(map(str, command.get("members", [])))
            edges = tuple((str(e), str(s), float(g)) for e, s, g in command.get("edges", []))
        except (TypeError, ValueError) as error:
            raise BadCommand(f"put_bridge: {error}") from error
        if len(members) > MAX_MEMBERS:
            raise BadCommand(f"put_bridge: {len(members)} members: at most {MAX_MEMBERS}")
        if any(not 0 <= gain <= 8 for _, _, gain in edges):
            raise BadCommand("put_bridge: gain: allowed are 0 to 8")
        return cls(str(command["id"]), members, edges, bool(command.get("speaker", False)))

    def mentions(self) -> set[str]:
        return {*self.members, *(ear for ear, _, _ in self.edges), *(source for _, source, _ in self.edges)}

    def heard_by(self, ear: str) -> dict[str, float]:
        """Source and gain; an edge replaces what membership gives, so that gain 0 mutes a member."""
        gains = {member: 1.0 for member in self.members if member != ear} if ear in self.members else {}
        gains.update({source: gain for who, source, gain in self.edges if who == ear and source != ear})
        return gains


class Routing:
    """Rows of all legs. Ids may be named before they exist; `refresh` applies what has changed."""

    def __init__(self, legs: LegTable, players: PlayerTable, ring: SampleRing) -> None:
        self._legs = legs
        self._players = players
        self._ring = ring
        self.bridges: dict[str, BridgeSettings] = {}
        self.with_speaker: dict[str, BridgeSettings] = {}
        """Those of them that want to know who speaks."""
        self._bridges_of: defaultdict[str, set[str]] = defaultdict(set)
        self._players_of: defaultdict[str, set[str]] = defaultdict(set)
        self._touched: set[str] = set()
        # What each leg has asked of the ring. A row does not tell: its relay may have ended since.
        self._used: dict[int, set[int]] = {}
        self.rows: dict[int, Row] = {}
        self.replaced: dict[int, Row] = {}
        """Former rows of legs that got the mix, until the mixer has taken them up."""
        self.stale_cohorts: set[int] = set()

    # What changes.

    def put_bridge(self, bridge: BridgeSettings) -> None:
        self.delete_bridge(bridge.id)
        self.bridges[bridge.id] = bridge
        if bridge.speaker:
            self.with_speaker[bridge.id] = bridge
        for each in bridge.mentions():
            self._bridges_of[each].add(bridge.id)
            self._touched.add(each)

    def delete_bridge(self, id: str) -> None:
        bridge = self.bridges.pop(id, None)
        self.with_speaker.pop(id, None)
        for each in bridge.mentions() if bridge else ():
            self._bridges_of[each].discard(id)
            if not self._bridges_of[each]:
                del self._bridges_of[each]
            self._touched.add(each)

    def player_added(self, id: str, legs: Iterable[str]) -> None:
        for leg in legs:
            self._players_of[leg].add(id)
        self.touch(id)
        self._touched.update(legs)

    def player_removed(self, id: str, legs: Iterable[str]) -> None:
        for leg in legs:
            self._players_of[leg].discard(id)
            if not self._players_of[leg]:
                del self._players_of[leg]
        self.touch(id)
        self._touched.update(legs)

    def touch(self, id: str) -> None:
        """The leg or player `id` came or changed: its own row and those of its neighbours."""
        self._touched.add(id)
        for bridge in self._bridges_of.get(id, ()):
            self._touched.update(self.bridges[bridge].mentions())

    def leg_leaving(self, id: str) -> None:
        """To be called while the leg is still in the table."""
        leg = self._legs.index[id]
        self._apply(leg, ())
        self.rows.pop(leg, None)
        self.replaced.pop(leg, None)
        ear = int(self._legs.relay_ear[leg])
        if ear >= 0:
            self._stop_relay(ear)
        self.stale_cohorts.add(int(self._legs.cohort[leg]))
        self.touch(id)

    # What follows.

    def refresh(self) -> None:
        """Brings the rows of all touched legs up to date."""
        if not self._touched:
            return
        index = self._legs.index
        legs = sorted(index[id] for id in self._touched if id in index)
        self._touched.clear()
        for leg in legs:
            self._apply(leg, self._row(leg))

    def partners(self, leg: int) -> list[int]:
        """Legs that hear this one alone."""
        return [ear for ear, row in self.rows.items() if [n for kind, n, _ in row if kind == LEG] == [leg]]

    def _row(self, leg: int) -> Row:
        settings = self._legs.settings[leg]
        assert settings is not None
        gains: dict[str, float] = {}
        for bridge in self._bridges_of.get(settings.id, ()):
            for source, gain in self.bridges[bridge].heard_by(settings.id).items():
                gains[source] = max(gain, gains.get(source, 0.0))
        for player in self._players_of.get(settings.id, ()):
            gains[player] = max(1.0, gains.get(player, 0.0))
        found = (self._source(id, gain) for id, gain in gains.items() if gain > 0)
        return tuple(sorted(source for source in found if source is not None))

    def _source(self, id: str, gain: float) -> tuple[int, int, int] | None:
        leg = self._legs.index.get(id)
        if leg is not None:
            return LEG, leg, round(gain * UNITY)
        player = self._players.index.get(id)
        if player is not None:
            return PLAYER, player, round(gain * self._players.settings[player].gain * UNITY)
        return None

    def _apply(self, leg: int, row: Row) -> None:
        old = self.rows.get(leg, ())
        source = self._relayable(leg, row)
        if row == old and source == self._legs.relay_source[leg] and leg in self.rows:
            return
        if self._legs.relay_source[leg] < 0 and row != old:
            self.replaced.setdefault(leg, old)
        if source != self._legs.relay_source[leg]:
            self._stop_relay(leg)
            if source >= 0:
                self._start_relay(leg, source)
        self.rows[leg] = row
        self._use(leg, _mixed(row, source))
        self.stale_cohorts.add(int(self._legs.cohort[leg]))

    def _use(self, leg: int, mixed: set[int]) -> None:
        """Have the samples of these legs, and of no others, in the ring for this one."""
        before = self._used.pop(leg, set())
        if mixed:
            self._used[leg] = mixed
        for each in mixed - before:
            self._ring.use(each)
        for each in before - mixed:
            self._ring.drop(each)

    def _relayable(self, leg: int, row: Row) -> int:
        """The one leg whose packets can be passed on untouched, or -1."""
        if len(row) != 1 or row[0][0] != LEG or row[0][2] != UNITY:
            return -1
        source = row[0][1]
        legs = self._legs
        # Codes of one law become those of the other one for one; anything else has to be decoded.
        if legs.law[leg] != legs.in_law[source] and max(legs.law[leg], legs.in_law[source]) >= WIDE:
            return -1
        taken = legs.relay_ear[source] not in (-1, leg)
        return -1 if taken or legs.ptime[source] != legs.ptime[leg] or not legs.send[leg] else source

    def _start_relay(self, ear: int, source: int) -> None:
        self._legs.relay_ear[source] = ear
        self._legs.relay_source[ear] = source
        self._legs.relay_fresh[ear] = True
        self._legs.relayed_at[ear] = self._legs.out_at[ear]

    def _stop_relay(self, ear: int) -> None:
        source = int(self._legs.relay_source[ear])
        if source >= 0:
            self._legs.relay_ear[source] = -1
            self._legs.relay_source[ear] = -1
            self.stale_cohorts.add(int(self._legs.cohort[ear]))


def _mixed(row: Row, relay_source: int) -> set[int]:
    """Legs whose samples the row needs."""
    return {index for kind, index, _ in row if kind == LEG} if relay_source < 0 else set()


class MixPlan(NamedTuple):
    """One cohort's tick as arrays: CSR rows over the sources, each distinct row mixed and encoded once.

    `plain`: all of it is G.711 in packets of 20 ms without comfort noise. The levels are how far
    the limiter has turned each row down, and change with every tick.
    """

    comfort: bool
    standard: bool
    plain: bool
    relayed: np.ndarray[Any, np.dtype[np.int32]]
    ears: np.ndarray[Any, np.dtype[np.int32]]
    heard: np.ndarray[Any, np.dtype[np.bool_]]
    members: np.ndarray[Any, np.dtype[np.int32]]
    wide: np.ndarray[Any, np.dtype[np.bool_]]
    encoded: np.ndarray[Any, np.dtype[np.int32]]
    mixed_row: np.ndarray[Any, np.dtype[np.int32]]
    law: np.ndarray[Any, np.dtype[np.uint8]]
    legs: np.ndarray[Any, np.dtype[np.int32]]
    players: np.ndarray[Any, np.dtype[np.int32]]
    start: np.ndarray[Any, np.dtype[np.int32]]
    source: np.ndarray[Any, np.dtype[np.int32]]
    gain: np.ndarray[Any, np.dtype[np.int32]]
    base: np.ndarray[Any, np.dtype[np.int32]]
    level: np.ndarray[Any, np.dtype[np.float32]]
    wide_level: np.ndarray[Any, np.dtype[np.float32]]


_NO_INDICES = np.zeros(0, np.int32)
_NO_FLAGS = np.zeros(0, np.bool_)
_NOTHING_MIXED = MixPlan(
    comfort=False,
    standard=True,
    plain=False,
    relayed=_NO_INDICES,
    ears=_NO_INDICES,
    heard=_NO_FLAGS,
    members=_NO_INDICES,
    wide=_NO_FLAGS,
    encoded=_NO_INDICES,
    mixed_row=_NO_INDICES,
    law=np.zeros(0, np.uint8),
    legs=_NO_INDICES,
    players=_NO_INDICES,
    start=np.zeros(1, np.int32),
    source=_NO_INDICES,
    gain=_NO_INDICES,
    base=_NO_INDICES,
    level=np.zeros(0, np.float32),
    wide_level=np.zeros(0, np.float32),
)


def plan_cohort(legs: LegTable, rows: Mapping[int, Row], cohort: int) -> MixPlan:
    """`ears[k]` hears encoded row `encoded[k]`, which is mixed row `mixed_row[…]` in law `law[…]`."""
    members = np.array(sorted(legs.in_cohort[cohort]), np.int32)
    is_relayed = legs.relay_source[members] >= 0
    ears = members[~is_relayed & (legs.law[members] != PASSED)]
    if not len(ears):
        return _NOTHING_MIXED._replace(members=members, relayed=members[is_relayed])
    row_numbers: dict[Row, int] = {}
    encodings: dict[tuple[int, int], int] = {}
    encoded = np.zeros(len(ears), np.int32)
    first_ear: dict[Row, int] = {}
    for k, ear in enumerate(ears.tolist()):
        row = rows.get(ear, ())
        number = row_numbers.setdefault(row, len(row_numbers))
        first_ear.setdefault(row, ear)
        encoded[k] = encodings.setdefault((number, int(legs.law[ear])), len(encodings))
    mixed, base = _factored(first_ear)
    wide, comfort = legs.law[ears] >= WIDE, bool(legs.comfort[ears].any())
    standard = bool((legs.ptime[ears] == FRAME).all())
    return mix_rows(mixed, base)._replace(
        comfort=comfort,
        standard=standard,
        plain=standard and not comfort and not wide.any(),
        relayed=members[is_relayed],
        ears=ears,
        members=members,
        wide=wide,
        heard=np.array([bool(rows.get(ear)) for ear in ears.tolist()], np.bool_),
        encoded=encoded,
        mixed_row=np.array([number for number, _ in encodings], np.int32),
        law=np.array([law for _, law in encodings], np.uint8),
    )


def mix_rows(rows: Sequence[Row], base: Sequence[int] | None = None) -> MixPlan:
    """A plan's part about what is mixed; `base`: the rows and what they are added to, as of `_factored`."""
    sources = sorted({(kind, index) for row in rows for kind, index, _ in row})
    column = {source: k for k, source in enumerate(sources)}
    edges = [(column[kind, index], gain) for row in rows for kind, index, gain in row]
    return _NOTHING_MIXED._replace(
        legs=np.array([index for kind, index in sources if kind == LEG], np.int32),
        players=np.array([index for kind, index in sources if kind == PLAYER], np.int32),
        start=np.cumsum([0, *(len(row) for row in rows)]).astype(np.int32),
        source=np.array([edge[0] for edge in edges], np.int32),
        gain=np.array([edge[1] for edge in edges], np.int32),
        base=np.full(len(rows), -1, np.int32) if base is None else np.array(base, np.int32),
        level=np.ones(len(rows) if base is None else len(base), np.float32),
        wide_level=np.ones(len(rows) if base is None else len(base), np.float32),
    )


def _factored(rows: Mapping[Row, int]) -> tuple[list[Row], list[int]]:
    """Rows, each with an ear of it, as they are mixed: who hears all others of a conference hears the sum of
    everybody less oneself.

    Returns the rows in their order, sums that several of them share behind them, and for each row the number
    of the sum that it is added to, or -1.
    """
    everybody = {
        row: tuple(sorted((*row, (LEG, ear, UNITY))))
        for row, ear in rows.items()
        if len(row) >= _MANY and sum(gain for _, _, gain in row) <= _MOST_GAIN
    }
    ears = Counter(everybody.values())
    sums: dict[Row, int] = {}
    mixed: list[Row] = []
    base: list[int] = []
    for row, ear in rows.items():
        whole = everybody.get(row, ())
        shared = ears[whole] > 1
        mixed.append(((LEG, ear, -UNITY),) if shared else row)
        base.append(sums.setdefault(whole, len(rows) + len(sums)) if shared else -1)
    return [*mixed, *sums], base
