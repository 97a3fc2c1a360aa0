"""`python`: a flow that is written in Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from softswitch.ivr.actions import Action
from softswitch.ivr.events import FlowFact, Output
from softswitch.ivr.kinds.flow import read_outcomes, read_results
from softswitch.ivr.reading import FlowError, Given
from softswitch.ivr.steps import Step
from softswitch.ivr.values import Assignment

if TYPE_CHECKING:
    from softswitch.ivr.flow import Flow
    from softswitch.ivr.run import FlowRun

PREFIX = "python:"
"""How the flows are called that the actions of a Python flow make."""


class Diverged(Exception):
    """A Python flow did not do again what it has done before; the text says what."""


@dataclass(frozen=True, slots=True)
class PythonStep(Step):
    """A generator says what is done with the caller and is told what came of it.

    Its results are kept. After a restart it is begun again and given them, which must lead to the same
    action.
    """

    kind: ClassVar[str] = "python"
    about: ClassVar[str] = "Goes through a flow written in Python and then on with the next step."
    short: ClassVar[str] = "python: check_account"
    settings: ClassVar[dict[str, str]] = {
        "flow": "the flow: the name of its file without .py",
        "with": "what `call` holds besides caller, called, user_to_user and language: values, as in set",
        "into": "variable here: name in the dict that the flow returns",
        "on": "word that the flow returns: where it goes then",
        "on_failure": "there is no such flow, or it made a mistake (next step)",
    }

    flow: str
    arguments: tuple[Assignment, ...]
    results: tuple[tuple[str, str], ...]
    routes: dict[str, str]
    on_failure: str

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("flow")
        name = fields.text("flow")
        fields.refer("flow", "python", name)
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
        program = run.flows.program(self.flow)
        if program is None:
            return self._failed(out, "there is no such flow")
        values = {**run.given, "language": run.language}
        values |= {each.name: each.value(run.variables) for each in self.arguments}
        frame = run.frame
        frame.python = {"version": program.version, "values": values, "results": []}
        frame.generator = program.start(dict(values))
        return self._go_on(run, None, out)

    def flow_ended(
        self, run: FlowRun, outcome: str, values: dict[str, str], failed: bool, out: list[Output]
    ) -> str | None:
        """An action is over."""
        frame = run.frame
        assert frame.action is not None and frame.python is not None
        result = frame.action.result(outcome, values)
        frame.python["results"].append(result)
        return self._go_on(run, result, out)

    def _go_on(self, run: FlowRun, result: Any, out: list[Output]) -> str | None:
        """Tell the generator what came of its action and begin the next one."""
        try:
            flow = next_action(self.flow, run, result)
        except StopIteration as stop:
            return self._returned(run, stop.value)
        except FlowError as error:
            return self._failed(out, str(error.problems[0]))
        except Exception as error:
            return self._failed(out, f"{type(error).__name__}: {error}"[:300])
        return run.enter_flow(flow, {}, out)

    def _returned(self, run: FlowRun, value: Any) -> str:
        """The flow is over and has returned a word, or a dict of results with a word as `outcome`."""
        run.frame.python = run.frame.generator = run.frame.action = None
        results = value if isinstance(value, dict) else {"outcome": value}
        for here, there in self.results:
            found = results.get(there)
            run.variables[here] = "" if found is None else str(found)
        return self.routes.get(str(results.get("outcome")), self.next)

    def _failed(self, out: list[Output], why: str) -> str:
        message = f"python flow {self.flow}: {why}"
        out.append(FlowFact("alarm_raised", {"code": "flow_failed", "message": message}))
        return self.on_failure

    def replayed(self, run: FlowRun) -> Flow:
        """The flow of the action at which it was, after a restart. Raises Diverged."""
        frame = run.frame
        kept = frame.python or {}
        program = run.flows.program(self.flow, kept.get("version"))
        if program is None:
            raise Diverged("its version is not kept any more")
        frame.generator = program.start(dict(kept["values"]))
        try:
            flow = next_action(self.flow, run, None)
            for result in kept["results"]:
                flow = next_action(self.flow, run, result)
        except StopIteration:
            raise Diverged("it ended earlier than before") from None
        except Exception as error:
            raise Diverged(f"{type(error).__name__}: {error}") from None
        return flow


def next_action(step: str, run: FlowRun, result: Any) -> Flow:
    """What the generator wants next, as a flow. Raises whatever it raises, FlowError, TypeError."""
    frame = run.frame
    assert frame.generator is not None
    action = frame.generator.send(result)
    if not isinstance(action, Action):
        raise TypeError(f"yielded {action!r:.60}; allowed: Say, Collect, Choose and the other actions")
    frame.action = action
    return run.flow_of(PREFIX + step, action.steps())
