"""One caller's way through a flow: the engine.

What each kind of step does stands in its own module; here is what they share: where the caller is, what has
been typed, which event a step is told in which phase. Digits that are pressed before they are asked for are
kept for the next step that asks, so whoever knows the menu need not listen to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from softswitch.ivr.actions import Action
from softswitch.ivr.events import (
    CallerHungUp,
    DigitPressed,
    Event,
    FlowFact,
    FlowStarted,
    HangUp,
    Output,
    PlayPrompts,
    PromptsFinished,
    Returned,
)
from softswitch.ivr.flow import Flow, Flows, NoFlows
from softswitch.ivr.kinds.python import PREFIX, Diverged, PythonStep
from softswitch.ivr.spoken import Spoken
from softswitch.ivr.steps import END, Step

# A flow that goes round and round holds a line for nothing.
MOST_STEPS = 1000
# A queue that refuses at once and a way back to it would be a circle that takes no time.
MOST_DEPARTURES = 10
MOST_TYPED = 32
MOST_DEPTH = 10
"""Flows within flows."""

Clock = Callable[[float], Mapping[str, str]]


class Phase(StrEnum):
    """What the run waits for: nothing yet, the end of prompts, a key, what comes back (from a queue, a
    dialled target, a back-end), nothing any more."""

    NEW = "new"
    SPEAKING = "speaking"
    LISTENING = "listening"
    AWAY = "away"
    ENDED = "ended"


@dataclass(slots=True)
class Frame:
    """One flow of those that have begun each other: `counts` are the rounds of its loops. Where its step is a
    flow in Python, `python` is what is kept of that, `generator` and `action` what it is and does now."""

    flow: Flow
    path: str
    variables: dict[str, str]
    counts: dict[str, int] = field(default_factory=dict)
    python: dict[str, Any] | None = None
    generator: Generator[Any, Any, Any] | None = None
    action: Action | None = None

    def state(self) -> dict[str, Any]:
        return {
            "flow": self.flow.name,
            "version": self.flow.version,
            "step": self.path,
            "variables": dict(self.variables),
            "counts": dict(self.counts),
            **({"python": self.python} if self.python is not None else {}),
        }


class FlowRun:
    """Engine of one caller in one flow. `language` is that of the prompts and may change on the way.

    `flows` are those that steps may begin; `clock(now)` gives the variables of reading.CLOCK. For the steps:
    `variables`, all texts, and `counts` of the present flow; `typed`, digits typed ahead; `collected`, those
    of the question that is asked; `tries`, how often it was asked again; `gone`: the caller has hung up.
    """

    def __init__(
        self,
        flow: Flow,
        *,
        language: str | None = None,
        variables: Mapping[str, str] | None = None,
        flows: Flows | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.given = dict(variables or {})
        self._frames = [Frame(flow, flow.first, {"language": language or flow.language, **self.given})]
        self.flows = flows or NoFlows()
        self._clock = clock
        self.gone = False
        self.lost: tuple[str, str] | None = None
        self.phase = Phase.NEW
        self.typed = ""
        self.collected = ""
        self.tries = 0
        self._steps = 0
        self._deadline: float | None = None
        self._departures = (0.0, 0)

    @property
    def flow(self) -> Flow:
        """The flow that is gone through now."""
        return self._frames[-1].flow

    @property
    def variables(self) -> dict[str, str]:
        return self._frames[-1].variables

    @property
    def frame(self) -> Frame:
        """The flow that is gone through now, and where it is."""
        return self._frames[-1]

    @property
    def counts(self) -> dict[str, int]:
        return self._frames[-1].counts

    @property
    def language(self) -> str:
        return self.variables["language"]

    @property
    def step(self) -> str:
        """Path of the current step, '' after the last."""
        return self._frames[-1].path

    @property
    def visit(self) -> int:
        """How many steps were begun: the number of the stay in the current one, also over a restart."""
        return self._steps

    def handle(self, event: Event, now: float) -> list[Output]:
        """Take in one event; one that does not fit the phase is late news and changes nothing."""
        out: list[Output] = []
        action = TABLE.get((self.phase, type(event)))
        if action is not None:
            action(self, event, now, out)
        return out

    def next_timeout(self) -> float | None:
        return self._deadline

    def handle_timeout(self, now: float) -> list[Output]:
        out: list[Output] = []
        if self._deadline is not None and self._deadline <= now:
            self._deadline = None
            self._step.timeout(self, now, out)
        return out

    # Over a restart

    @property
    def versions(self) -> list[tuple[str, str]]:
        """Name and version of every flow that it is in."""
        found = [(frame.flow.name, frame.flow.version) for frame in self._frames]
        for frame in self._frames:
            step = frame.flow.steps.get(frame.path)
            if frame.python is not None and isinstance(step, PythonStep):
                found.append((PREFIX + step.flow, frame.python["version"]))
        return found

    def state(self) -> dict[str, Any]:
        """JSON values; versions of flows are named in it, so that a call finishes on those it began with."""
        return {
            "frames": [frame.state() for frame in self._frames],
            "given": self.given,
            "tries": self.tries,
            "count": self._steps,
            "ended": self.phase is Phase.ENDED,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], flows: Flows, clock: Clock | None = None) -> FlowRun:
        """The run of a former process, before the `FlowStarted` that begins its step again. It is `lost`,
        with end reason and why, if its flow cannot be had any more: then it ends the call."""
        run = cls(_NONE, variables=state["given"], flows=flows, clock=clock)
        run._frames, run.lost = restored_frames(run, state["frames"])
        run.tries, run._steps = state["tries"], state["count"]
        run.phase = Phase.ENDED if state["ended"] else Phase.NEW
        return run

    # What steps do

    def go(self, path: str, now: float, out: list[Output]) -> None:
        """On to another step."""
        self._frames[-1].path, self.tries, self._deadline = path, 0, None
        self._start(now, out)

    def names(self, prompts: tuple[Spoken, ...]) -> tuple[str, ...]:
        """The prompts by which this is said now."""
        return tuple(name for spoken in prompts for name in spoken.names(self.variables, self.language))

    def play(self, names: tuple[str, ...], out: list[Output]) -> None:
        """Play prompts; the step is told when they were `heard` or `interrupted`."""
        self.phase, self._deadline = Phase.SPEAKING, None
        out.append(PlayPrompts(names))

    def listen(self, until: float | None) -> None:
        """Wait for keys; the step is told what was `pressed`, or at `until` of the `timeout`."""
        self.phase, self._deadline = Phase.LISTENING, until

    @property
    def listening(self) -> bool:
        return self.phase is Phase.LISTENING

    def leave(self, now: float, out: list[Output], until: float | None = None) -> bool:
        """The caller leaves the flow for a while; the step is told what `returned`, or at `until` of the
        `timeout`. False if this goes round without taking time: then the call is over."""
        at, count = self._departures
        self._departures = (now, count + 1 if at == now else 1)
        if self._departures[1] > MOST_DEPARTURES:
            self.end("flow_failed", out)
            return False
        self.phase, self.typed, self._deadline = Phase.AWAY, "", until
        return True

    def end(self, reason: str, out: list[Output], cause: int = 0) -> None:
        """End the call, with a cause (Q.850) or that of the reason."""
        self.phase, self._deadline = Phase.ENDED, None
        out.append(HangUp(reason, cause))

    def enter(self, name: str, values: Mapping[str, str], out: list[Output]) -> str | None:
        """Begin another flow with these variables, for a step that is told when the `flow_ended`. Returns the
        path of the step that is next."""
        flow = self.flows.find(name)
        if flow is None:
            return self._step.flow_ended(self, "", {}, True, out)
        return self.enter_flow(flow, values, out)

    def flow_of(self, name: str, steps: list[Any]) -> Flow:
        """A flow of these steps, in the present language. Raises FlowError."""
        return _flow_of(name, json.dumps(steps, default=str), self.language)

    def enter_flow(self, flow: Flow, values: Mapping[str, str], out: list[Output]) -> str | None:
        """As `enter`."""
        if len(self._frames) >= MOST_DEPTH:
            return self._step.flow_ended(self, "", {}, True, out)
        self._frames.append(Frame(flow, flow.first, {**self.given, "language": self.language, **values}))
        return flow.first

    def leave_flow(self, outcome: str, out: list[Output]) -> str | None:
        """The end of the present flow: on with the one that began it, else the end of the call."""
        if self.gone:
            self.phase = Phase.ENDED
            return None
        if len(self._frames) == 1:
            self.end("flow_finished", out)
            return None
        ended = self._frames.pop()
        self.variables["language"] = ended.variables["language"]
        return self._step.flow_ended(self, outcome, ended.variables, False, out)

    def type_ahead(self, digit: str) -> None:
        """Keep a digit for the next step that asks."""
        self.typed = (self.typed + digit)[:MOST_TYPED]

    def next_typed(self) -> str:
        """The first of the digits typed ahead, which is used up by it."""
        digit, self.typed = self.typed[0], self.typed[1:]
        return digit

    # Going through the steps

    @property
    def _step(self) -> Step:
        return self.flow.steps[self._frames[-1].path]

    def _begin(self, event: Event, now: float, out: list[Output]) -> None:
        """Start the current step, and the next ones until one has to wait; one that is begun again after a
        restart is the same stay."""
        self.typed = ""
        self._steps = max(self._steps - 1, 0)
        if self.lost is not None:
            reason, why = self.lost
            message = f"flow {self._frames[0].flow.name} cannot go on after the restart: {why}"
            out.append(FlowFact("alarm_raised", {"code": reason, "message": message}))
            self.end(reason, out)
        else:
            self._start(now, out)

    def _start(self, now: float, out: list[Output]) -> None:
        following: str | None = self.step
        while following is not None:
            self._frames[-1].path = following
            if following == END:
                following = self.leave_flow("", out)
                continue
            self._steps += 1
            if self._steps > MOST_STEPS:
                self.end("flow_failed", out)
                return
            following = self._start_step(self._step, now, out)

    def _start_step(self, step: Step, now: float, out: list[Output]) -> str | None:
        self.collected = ""
        if self._clock is not None:
            self.variables.update(self._clock(now))
        fact = {"flow": self.flow.name, "step": step.path, "kind": step.kind}
        out.append(FlowFact("flow_step", fact))
        following = step.start(self, now, out)
        if self.gone and following is None and self.phase is not Phase.ENDED:
            # Nobody waits for what comes back.
            return step.next
        return following

    # What happens

    def _caller_hung_up(self, event: CallerHungUp, now: float, out: list[Output]) -> None:
        """What the step or its flow says for that, else the flow that began it."""
        self.gone = True
        while self.lost is None and self._frames:
            frame = self._frames[-1]
            way = frame.flow.hung_up(frame.path)
            if way != END:
                frame.path = way
                self._start(now, out)
                break
            if len(self._frames) == 1:
                break
            self._frames.pop()
        self.phase, self._deadline = Phase.ENDED, None

    def _heard(self, event: PromptsFinished, now: float, out: list[Output]) -> None:
        self._step.heard(self, now, out)

    def _interrupted(self, event: DigitPressed, now: float, out: list[Output]) -> None:
        self._step.interrupted(self, event.digit, now, out)

    def _pressed(self, event: DigitPressed, now: float, out: list[Output]) -> None:
        self._step.pressed(self, event.digit, now, out)

    def _returned(self, event: Returned, now: float, out: list[Output]) -> None:
        if event.visit in (None, self.visit):
            self._step.returned(self, event, now, out)


def restored_frames(run: FlowRun, kept: list[dict[str, Any]]) -> tuple[list[Frame], tuple[str, str] | None]:
    """The frames of a former process; where they are not all, the end reason and why."""
    frames = run._frames = []
    for each in kept:
        step = frames[-1].flow.steps[frames[-1].path] if frames else None
        if isinstance(step, PythonStep):
            try:
                flow: Flow | None = step.replayed(run)
            except Diverged as why:
                return frames, ("flow_diverged", f"python flow {step.flow}: {why}")
            if flow is not None and flow.version != each["version"]:
                other = "its action is another one than before"
                return frames, ("flow_diverged", f"python flow {step.flow}: {other}")
        else:
            flow = run.flows.version(each["flow"], each["version"])
        if flow is None or each["step"] not in (END, *flow.steps):
            frames = frames or [Frame(_NONE, _NONE.first, {"language": "en"})]
            return frames, ("flow_failed", f"version {each['version']} of flow {each['flow']} is not kept")
        frame = Frame(flow, each["step"], dict(each["variables"]), dict(each["counts"]))
        frame.python = each.get("python")
        frames.append(frame)
    return frames, None


@lru_cache(maxsize=1024)
def _flow_of(name: str, steps: str, language: str) -> Flow:
    return Flow.from_config(name, json.loads(steps), language=language)


_NONE = Flow.from_config("", [{"hang_up": "flow_failed"}])

# (phase, event) -> action. After a restart a caller who waits in a queue is back before any FlowStarted.
TABLE: dict[tuple[Phase, type], Callable[[FlowRun, Any, float, list[Output]], None]] = {
    (Phase.NEW, FlowStarted): FlowRun._begin,
    (Phase.NEW, CallerHungUp): FlowRun._caller_hung_up,
    (Phase.NEW, Returned): FlowRun._returned,
    (Phase.SPEAKING, PromptsFinished): FlowRun._heard,
    (Phase.SPEAKING, DigitPressed): FlowRun._interrupted,
    (Phase.SPEAKING, CallerHungUp): FlowRun._caller_hung_up,
    (Phase.LISTENING, DigitPressed): FlowRun._pressed,
    (Phase.LISTENING, CallerHungUp): FlowRun._caller_hung_up,
    (Phase.AWAY, PromptsFinished): FlowRun._heard,
    (Phase.AWAY, Returned): FlowRun._returned,
    (Phase.AWAY, CallerHungUp): FlowRun._caller_hung_up,
}
