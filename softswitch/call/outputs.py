"""What the call layer asks the driver to do, beside `softswitch.sip.flow.Send`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Stateful(Protocol):
    """Anything that can say its whole restorable state as plain JSON values."""

    def to_state(self) -> dict[str, Any]: ...


class Fact:
    """Something that happened: one record of the journal, filed under the call, agent or user in `data`."""

    __slots__ = ("data", "type")

    def __init__(self, type: str, data: dict[str, Any]) -> None:
        self.type = type
        self.data = data

    def __repr__(self) -> str:
        return f"Fact({self.type!r}, {self.data!r})"


class Keep:
    """Live state to be kept over a restart; `None` forgets the key.

    The driver asks a `Stateful` for its state once at the end of the turn, however often it was kept.
    """

    __slots__ = ("key", "value")

    def __init__(self, key: str, value: Stateful | dict[str, Any] | None) -> None:
        self.key = key
        self.value = value

    def __repr__(self) -> str:
        return f"Keep({self.key!r})"


class RemoveFiles:
    """Erase these files of ours, as far as they are there."""

    __slots__ = ("paths",)

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths

    def __repr__(self) -> str:
        return f"RemoveFiles({self.paths!r})"


class MediaCommand:
    """One command of the media control protocol for the worker with this number."""

    __slots__ = ("command", "worker")

    def __init__(self, worker: int, command: dict[str, Any]) -> None:
        self.worker = worker
        self.command = command

    def __repr__(self) -> str:
        return f"MediaCommand({self.worker}, {self.command!r})"
