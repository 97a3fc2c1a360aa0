"""`flow` and `return`: another flow as a part of this one, with arguments and results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import Output
from softswitch.ivr.reading import Fields, Given
from softswitch.ivr.steps import Step
from softswitch.ivr.values import Assignment

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun

ARGUMENTS = {
    "name": "the flow",
    "with": "its variables: values, as in set (caller, called and language are there anyway)",
    "into": "variable here: variable there, copied when it has ended",
    "on": "word of its `return`: where it goes then",
    "on_failure": "there is no such flow any more, or it failed (next step)",
}


def read_results(fields: Fields) -> tuple[tuple[str, str], ...]:
    """`into`: variable here -> variable there."""
    written = fields.given.get("into", {})
    if not isinstance(written, dict):
        fields.reader.problem(fields.at("into"), "expected variable here: variable there")
        return ()
    for here, there in written.items():
        if not here.isidentifier() or not isinstance(there, str) or not there.isidentifier():
            problem = "is no pair of variables; letters, digits and _"
            fields.reader.problem((*fields.at("into"), here), problem)
    return tuple((here, str(there)) for here, there in written.items())


def read_outcomes(fields: Fields, follows: str) -> dict[str, str]:
    """`on`: word -> path."""
    written = fields.given.get("on", {})
    if not isinstance(written, dict):
        fields.reader.problem(fields.at("on"), "expected words of its return and where each leads")
        return {}
    return {
        word: fields.reader.route(way, (*fields.at("on"), word), follows) for word, way in written.items()
    }


@dataclass(frozen=True, slots=True)
class SubFlow(Step):
    """Another flow is gone through; then this one goes on. `routes`: what it returned -> path."""

    kind: ClassVar[str] = "flow"
    about: ClassVar[str] = "Goes through another flow and then on with the next step."
    short: ClassVar[str] = "flow: authenticate"
    settings: ClassVar[dict[str, str]] = ARGUMENTS

    name: str
    arguments: tuple[Assignment, ...]
    results: tuple[tuple[str, str], ...]
    routes: dict[str, str]
    on_failure: str

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("name")
        name = fields.text("name")
        fields.refer("name", "flow", name)
        return cls(
            given.here,
            given.follows,
            name,
            fields.assignments("with"),
            read_results(fields),
            read_outcomes(fields, given.follows),
            fields.route("on_failure", given.follows),
        )

    def ways(self) -> Iterator[tuple[str, str]]:
        yield from self.routes.items()
        yield "failure", self.on_failure
        yield "else" if self.routes else "", self.next

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        values = {each.name: each.value(run.variables) for each in self.arguments}
        return run.enter(self.name, values, out)

    def flow_ended(
        self, run: FlowRun, outcome: str, values: dict[str, str], failed: bool, out: list[Output]
    ) -> str | None:
        """On by the word of its return, which is the variable `outcome`, too."""
        run.variables["outcome"] = outcome
        for here, there in self.results:
            run.variables[here] = values.get(there, "")
        return self.on_failure if failed else self.routes.get(outcome, self.next)


@dataclass(frozen=True, slots=True)
class Return(Step):
    """The end of a flow that another has begun, with a word for it; for others the end of the call."""

    kind: ClassVar[str] = "return"
    about: ClassVar[str] = (
        "Ends the flow; one that was begun by a `flow` step goes on behind that, or where its `on` has the"
        " word for. A flow that nobody began ends the call."
    )
    short: ClassVar[str] = "return: verified"
    settings: ClassVar[dict[str, str]] = {"outcome": "a word for how it went (none)"}
    alone: ClassVar[bool] = True

    outcome: str

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("outcome")
        return cls(given.here, given.follows, fields.text("outcome", ""))

    def ways(self) -> Iterator[tuple[str, str]]:
        yield from ()

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        return run.leave_flow(self.outcome, out)
