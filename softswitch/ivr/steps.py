"""What all steps of a flow are: frozen values that say what happens to the caller and where it goes on.

A kind of step is a class in a module of its own in `kinds/`, named in the table of `stepkinds.py`: its
settings with their descriptions, how it is read, what it does, and the ways that lead out of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from softswitch.ivr.events import Output, Returned
    from softswitch.ivr.reading import Given
    from softswitch.ivr.run import FlowRun

END = ""
"""Path of what comes after the last step."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step: `path` names it in its flow, `next` is the path of the one after it (END: none).

    `kind` is the key that begins the step in a flow file; `about`, `short` (an example of the short form) and
    `settings` (key -> description with the default) are its part of docs/flow-steps.md. `quiet`: neither
    speaks nor waits nor ends, so that a circle of such steps takes no time. `alone`: needs no caller, so that
    it may stand in `on_hang_up`.
    """

    kind: ClassVar[str] = ""
    about: ClassVar[str] = ""
    short: ClassVar[str] = ""
    settings: ClassVar[dict[str, str]] = {}
    quiet: ClassVar[bool] = False
    alone: ClassVar[bool] = False

    path: str
    next: str

    @classmethod
    def read(cls, given: Given) -> Step:
        """The step as it is written; mistakes are told to `given.reader`, and a harmless step returned."""
        raise NotImplementedError

    def ways(self) -> Iterator[tuple[str, str]]:
        """Every way out of the step: (what it takes to go there, path)."""
        yield "", self.next

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        """Begin; returns the path of the next step if there is nothing to wait for."""
        raise NotImplementedError

    def heard(self, run: FlowRun, now: float, out: list[Output]) -> None:
        """Its prompts were played to their end."""

    def interrupted(self, run: FlowRun, digit: str, now: float, out: list[Output]) -> None:
        """A key while prompts are played."""

    def pressed(self, run: FlowRun, digit: str, now: float, out: list[Output]) -> None:
        """A key while it listens."""

    def timeout(self, run: FlowRun, now: float, out: list[Output]) -> None:
        """Its deadline has passed."""

    def returned(self, run: FlowRun, event: Returned, now: float, out: list[Output]) -> None:
        """What it had sent away for has come back."""

    def flow_ended(
        self, run: FlowRun, outcome: str, values: dict[str, str], failed: bool, out: list[Output]
    ) -> str | None:
        """The flow that it began has ended with these variables; returns where it goes on, as `start`."""
        return self.next
