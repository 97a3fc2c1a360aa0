"""What a worker leaves to the one that takes its place, so that streams and prompts go on where they were.

The switch tells a new worker what should be there; this tells it how far each of those things had come. A
thing is taken up only under the id, and a leg only on the port, that it had.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from softswitch.media.tablefile import KEY, Table, TableFile, key_of, memory_table

Column = Mapping[str, tuple[Any, Any]]
"""Name → item type and initial value, one item a row."""

PLAYER_COLUMNS: Column = {"key": (KEY, b""), "start": (np.int64, 0)}


class Succession:
    """The tables of one worker, and what its predecessor had in its own. Without a path nobody succeeds."""

    def __init__(self, leg_columns: Column, capacity: int, path: Path | None = None) -> None:
        """Raises OSError."""
        columns: dict[str, tuple[Any, tuple[int, ...]]] = {"generation": (np.int64, (1,))}
        for kind, of_kind in (("leg", leg_columns), ("player", PLAYER_COLUMNS)):
            columns.update({f"{kind}.{name}": (dtype, (capacity,)) for name, (dtype, _) in of_kind.items()})
        self._file = TableFile(path, columns) if path else None
        table = self._file.table if self._file else memory_table(columns)
        former = (self._file.former if self._file else None) or {}
        self.legs = _part(table, "leg")
        self.players = _part(table, "player")
        self._generation = table["generation"]
        self.generation = int(former["generation"][0]) if former else 0
        self._left = {kind: _by_key(_part(former, kind)) for kind in ("leg", "player")}

    @property
    def generation(self) -> int:
        """The newest switch that was followed."""
        return int(self._generation[0])

    @generation.setter
    def generation(self, value: int) -> None:
        self._generation[0] = value

    def take_leg(self, id: str, port: int) -> dict[str, Any] | None:
        """The row that the leg had, given out once."""
        row = self._left["leg"].pop(key_of(id), None)
        return row if row is not None and row["port"] == port else None

    def bequeath(self, id: str, row: dict[str, Any]) -> None:
        """The row that a leg has had in another worker."""
        self._left["leg"][key_of(id)] = row

    def take_player(self, id: str) -> int | None:
        """The clock at which the player had begun."""
        row = self._left["player"].pop(key_of(id), None)
        return None if row is None else int(row["start"])

    def drop(self, kind: str, id: str) -> None:
        """It was deleted: what comes under its id is another one."""
        if kind in self._left:
            self._left[kind].pop(key_of(id), None)

    def forget(self) -> None:
        """Whatever has not been taken up by now has ended."""
        for rows in self._left.values():
            rows.clear()

    def close(self) -> None:
        """An ending in order: there is nothing to go on with."""
        if self._file is not None:
            self._file.discard()


def _part(table: Table, kind: str) -> Table:
    prefix = kind + "."
    return {name.removeprefix(prefix): column for name, column in table.items() if name.startswith(prefix)}


def _by_key(table: Table) -> dict[bytes, dict[str, Any]]:
    """Rows in use, each as values by column."""
    if not table:
        return {}
    rows = np.flatnonzero(table["key"] != b"").tolist()
    return {bytes(table["key"][row]): {name: column[row] for name, column in table.items()} for row in rows}
