"""`data`: texts that stay with the call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import ChangeTexts, Output
from softswitch.ivr.reading import OF_EVERY_FLOW, Given
from softswitch.ivr.steps import Step
from softswitch.ivr.values import Assignment

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun


@dataclass(frozen=True, slots=True)
class CallTexts(Step):
    """Put texts on the call and take others off; the variables of these names have the values, too."""

    kind: ClassVar[str] = "data"
    about: ClassVar[str] = (
        "Puts texts on the call that stay with it through queues and transfers, for agents and programs."
    )
    settings: ClassVar[dict[str, str]] = {
        "set": "name: value, a text with `{variable}` or `= formula`; the variables are set, too (nothing)",
        "remove": "a list of names whose texts are taken off the call (nothing)",
    }
    quiet: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    values: tuple[Assignment, ...]
    remove: tuple[str, ...]

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("set")
        values = fields.assignments("set")
        for each in values:
            if each.name in OF_EVERY_FLOW:
                message = f"every flow has this by itself; not allowed: {', '.join(OF_EVERY_FLOW)}"
                given.problem((*fields.at("set"), each.name), message)
        remove = fields.given.get("remove") or []
        if not isinstance(remove, list) or not all(isinstance(name, str) for name in remove):
            given.problem(fields.at("remove"), "expected a list of names")
            remove = []
        if not values and not remove:
            given.problem(given.path, "nothing to do; give set or remove")
        return cls(given.here, given.follows, values, tuple(remove))

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        for each in self.values:
            run.variables[each.name] = each.value(run.variables)
        out.append(ChangeTexts({each.name: run.variables[each.name] for each in self.values}, self.remove))
        return self.next
