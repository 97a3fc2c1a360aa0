"""`menu`: one key decides where the flow goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import Output
from softswitch.ivr.kinds.asking import ASKING, Asking
from softswitch.ivr.reading import Given
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun

KEYPAD = "0123456789*#"


@dataclass(frozen=True, slots=True)
class Menu(Asking):
    """One digit decides where the flow goes on: digit -> path."""

    kind: ClassVar[str] = "menu"
    about: ClassVar[str] = "Asks for one key and goes where that key leads."
    settings: ClassVar[dict[str, str]] = {**ASKING, "choices": "key: where it leads"}

    choices: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("prompts")
        choices = fields.given.get("choices")
        routes: dict[str, str] = {}
        if not isinstance(choices, dict) or not choices:
            given.problem(fields.at("choices"), "choices is missing; give digits and where each leads")
            choices = {}
        for digit, branch in choices.items():
            at = (*given.path, "choices", digit)
            if len(digit) != 1 or digit not in KEYPAD:
                given.problem(at, f"is no key of a phone; allowed: one of {KEYPAD}")
            routes[digit] = given.reader.route(branch, at, given.follows)
        return cls(given.here, given.follows, **cls.asked(fields, given.follows), choices=routes)

    def ways(self) -> Iterator[tuple[str, str]]:
        yield from self.choices.items()
        # Without super(): slots make a new class, which a method of the old one does not know.
        yield from Asking.ways(self)

    def pressed(self, run: FlowRun, digit: str, now: float, out: list[Output]) -> None:
        if digit in self.choices:
            run.go(self.choices[digit], now, out)
        else:
            self.wrong(run, now, out)
