"""`say`: something is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import Output, StopPrompts
from softswitch.ivr.reading import SPOKEN_KINDS, Given
from softswitch.ivr.spoken import Spoken
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun


@dataclass(frozen=True, slots=True)
class Say(Step):
    """Say something. A digit cuts it short if `barge_in`, and is kept for the next step that asks for one."""

    kind: ClassVar[str] = "say"
    about: ClassVar[str] = "Says something and goes on with the next step."
    short: ClassVar[str] = "say: welcome"
    settings: ClassVar[dict[str, str]] = {
        "prompts": "what is said",
        "barge_in": "a key cuts it short and answers the next question (true)",
    }

    prompts: tuple[Spoken, ...]
    barge_in: bool = True

    @classmethod
    def read(cls, given: Given) -> Step:
        value = given.value
        if isinstance(value, dict) and set(value) & set(SPOKEN_KINDS):
            value = [value]
        fields = given.fields("prompts", value)
        return cls(given.here, given.follows, fields.prompts("prompts"), fields.flag("barge_in", True))

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        names = run.names(self.prompts)
        if not names or (run.typed and self.barge_in):
            return self.next
        run.play(names, out)
        return None

    def heard(self, run: FlowRun, now: float, out: list[Output]) -> None:
        run.go(self.next, now, out)

    def interrupted(self, run: FlowRun, digit: str, now: float, out: list[Output]) -> None:
        run.type_ahead(digit)
        if self.barge_in:
            out.append(StopPrompts())
            run.go(self.next, now, out)
