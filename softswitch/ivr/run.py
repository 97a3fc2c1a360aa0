"""One caller's way through a flow: the engine.

Digits that are pressed before they are asked for are kept for the next step that asks, so whoever knows the
menu need not listen to it.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from softswitch.ivr.events import (
    CallerHungUp,
    DialEnded,
    DialTarget,
    DigitPressed,
    EnterQueue,
    Event,
    FlowFact,
    FlowStarted,
    HangUp,
    Output,
    PlayPrompts,
    PromptsFinished,
    QueueEnded,
    RecordCall,
    StopPrompts,
)
from softswitch.ivr.flow import Flow
from softswitch.ivr.steps import (
    END,
    Asking,
    Collect,
    Dial,
    Ending,
    Goto,
    Menu,
    Queue,
    Record,
    Say,
    Set,
    Spoken,
    Step,
    substitute,
)

__all__ = [
    "CallerHungUp", "DialEnded", "DialTarget", "DigitPressed", "EnterQueue", "FlowFact", "FlowRun",
    "FlowStarted", "HangUp", "PlayPrompts", "PromptsFinished", "QueueEnded", "StopPrompts",
]

# A flow that goes round and round holds a line for nothing.
MOST_STEPS = 1000
# A queue that refuses at once and a way back to it would be a circle that takes no time.
MOST_DEPARTURES = 10
MOST_TYPED = 32


class Phase(StrEnum):
    """What the run waits for: nothing yet, prompts of a say step, prompts of a question, a digit, the outcome
    of a queue or dialled target, nothing any more."""

    NEW = "new"
    SAYING = "saying"
    ASKING = "asking"
    LISTENING = "listening"
    AWAY = "away"
    ENDED = "ended"


class FlowRun:
    """Engine of one caller in one flow. `language` is that of the prompts and may change on the way."""

    def __init__(self, flow: Flow, *, language: str = "en",
                 variables: Mapping[str, str] | None = None) -> None:
        self.flow = flow
        self.variables: dict[str, str] = {"language": language, **(variables or {})}
        self.phase = Phase.NEW
        self._path = flow.first
        self._tries = 0
        self._steps = 0
        self._typed = ""
        self._collected = ""
        self._deadline: float | None = None
        self._departures = (0.0, 0)

    @property
    def language(self) -> str:
        return self.variables["language"]

    @property
    def step(self) -> str:
        """Path of the current step, '' after the last."""
        return self._path

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
            self._silence(now, out)
        return out

    # Over a restart

    def state(self) -> dict[str, Any]:
        """JSON values; the flow is in it, so that a call finishes on the version on which it began."""
        return {
            "flow": self.flow.name, "steps": self.flow.source, "variables": dict(self.variables),
            "step": self._path, "tries": self._tries, "count": self._steps,
            "ended": self.phase is Phase.ENDED,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FlowRun:
        """The run of a former process, before the `FlowStarted` that begins its step again."""
        run = cls(Flow.from_config(state["flow"], state["steps"]), variables=state["variables"])
        run._path, run._tries, run._steps = state["step"], state["tries"], state["count"]
        run.phase = Phase.ENDED if state["ended"] else Phase.NEW
        return run

    # Going through the steps

    def _begin(self, event: Event, now: float, out: list[Output]) -> None:
        """Start the current step, and the next ones until one has to wait."""
        self._typed = ""
        self._start(now, out)

    def _go(self, path: str, now: float, out: list[Output]) -> None:
        self._path, self._tries, self._deadline = path, 0, None
        self._start(now, out)

    def _start(self, now: float, out: list[Output]) -> None:
        following: str | None = self._path
        while following is not None:
            self._path = following
            if following == END:
                self._end("flow_finished", out)
                return
            self._steps += 1
            if self._steps > MOST_STEPS:
                self._end("flow_failed", out)
                return
            step = self.flow.steps[following]
            out.append(FlowFact("flow_step", {
                "flow": self.flow.name, "step": step.path, "kind": step.kind,
            }))
            following = STARTS[type(step)](self, step, now, out)

    def _end(self, reason: str, out: list[Output]) -> None:
        self.phase, self._deadline = Phase.ENDED, None
        out.append(HangUp(reason))

    def _caller_hung_up(self, event: Event, now: float, out: list[Output]) -> None:
        self.phase, self._deadline = Phase.ENDED, None

    # What each kind of step begins with; returns the path of the next step if it has nothing to wait for

    def _start_say(self, step: Say, now: float, out: list[Output]) -> str | None:
        names = self._names(step.prompts)
        if not names or (self._typed and step.barge_in):
            return step.next
        self.phase = Phase.SAYING
        out.append(PlayPrompts(names))
        return None

    def _start_asking(self, step: Asking, now: float, out: list[Output]) -> str | None:
        if not self._typed:
            self._ask(step.prompts, now, out)
            return None
        self.phase, self._collected = Phase.LISTENING, ""
        while self._typed and self.phase is Phase.LISTENING:
            digit, self._typed = self._typed[0], self._typed[1:]
            self._take_digit(digit, now, out)
        return None

    def _start_set(self, step: Set, now: float, out: list[Output]) -> str | None:
        for name, value in step.values:
            self.variables[name] = substitute(value, self.variables)
        return step.next

    def _start_record(self, step: Record, now: float, out: list[Output]) -> str | None:
        out.append(RecordCall(step.wanted))
        return step.next

    def _start_goto(self, step: Goto, now: float, out: list[Output]) -> str | None:
        return step.next

    def _start_queue(self, step: Queue, now: float, out: list[Output]) -> str | None:
        if self._depart(now, out):
            agent = substitute(step.agent, self.variables)
            out.append(EnterQueue(step.queue, step.priority, step.music, step.require, agent))
        return None

    def _start_dial(self, step: Dial, now: float, out: list[Output]) -> str | None:
        if self._depart(now, out):
            out.append(DialTarget(step.target))
        return None

    def _start_hang_up(self, step: Ending, now: float, out: list[Output]) -> str | None:
        self._end(step.reason, out)
        return None

    def _depart(self, now: float, out: list[Output]) -> bool:
        """The caller leaves the flow for a while; False if this goes round without taking time."""
        at, count = self._departures
        self._departures = (now, count + 1 if at == now else 1)
        if self._departures[1] > MOST_DEPARTURES:
            self._end("flow_failed", out)
            return False
        self.phase, self._typed, self._deadline = Phase.AWAY, "", None
        return True

    # Speaking and listening

    def _names(self, prompts: tuple[Spoken, ...]) -> tuple[str, ...]:
        return tuple(name for spoken in prompts for name in spoken.names(self.variables, self.language))

    def _ask(self, prompts: tuple[Spoken, ...], now: float, out: list[Output]) -> None:
        self._collected = ""
        self._deadline = None
        names = self._names(prompts)
        if names:
            self.phase = Phase.ASKING
            out.append(PlayPrompts(names))
        else:
            self._listen(None, now, out)

    def _listen(self, event: Event | None, now: float, out: list[Output]) -> None:
        self.phase = Phase.LISTENING
        self._deadline = now + self._asking().timeout_s

    def _said(self, event: Event, now: float, out: list[Output]) -> None:
        self._go(self.flow.steps[self._path].next, now, out)

    def _interrupt(self, event: DigitPressed, now: float, out: list[Output]) -> None:
        step = self.flow.steps[self._path]
        self._typed = (self._typed + event.digit)[:MOST_TYPED]
        if isinstance(step, Say) and step.barge_in:
            out.append(StopPrompts())
            self._go(step.next, now, out)

    def _interrupt_question(self, event: DigitPressed, now: float, out: list[Output]) -> None:
        out.append(StopPrompts())
        self.phase = Phase.LISTENING
        self._take_digit(event.digit, now, out)

    def _digit(self, event: DigitPressed, now: float, out: list[Output]) -> None:
        self._take_digit(event.digit, now, out)

    def _take_digit(self, digit: str, now: float, out: list[Output]) -> None:
        step = self._asking()
        if isinstance(step, Collect):
            self._collect(step, digit, now, out)
        elif isinstance(step, Menu) and digit in step.choices:
            self._go(step.choices[digit], now, out)
        else:
            self._again(step, step.wrong_input, step.on_wrong_input, now, out)

    def _collect(self, step: Collect, digit: str, now: float, out: list[Output]) -> None:
        if digit != step.terminator:
            self._collected += digit
        if digit == step.terminator or len(self._collected) == step.digits:
            self._collection_over(step, now, out)
        else:
            self._deadline = now + step.between_s

    def _collection_over(self, step: Collect, now: float, out: list[Output]) -> None:
        if len(self._collected) < step.min_digits:
            self._again(step, step.wrong_input, step.on_wrong_input, now, out)
        else:
            self.variables[step.into] = self._collected
            self._go(step.next, now, out)

    def _silence(self, now: float, out: list[Output]) -> None:
        step = self._asking()
        if isinstance(step, Collect) and self._collected:
            self._collection_over(step, now, out)
        else:
            self._again(step, step.no_input, step.on_no_input, now, out)

    def _again(self, step: Asking, remark: tuple[Spoken, ...], way_out: str, now: float,
               out: list[Output]) -> None:
        # Digits typed ahead were meant for another answer than this one.
        self._typed = ""
        self._tries += 1
        if self._tries > step.retries:
            self._go(way_out, now, out)
        else:
            self._ask(remark + step.prompts, now, out)

    def _asking(self) -> Asking:
        step = self.flow.steps[self._path]
        assert isinstance(step, Asking), "only a question listens"
        return step

    # Coming back

    def _queue_ended(self, event: QueueEnded, now: float, out: list[Output]) -> None:
        step = self.flow.steps.get(self._path)
        if isinstance(step, Queue):
            self._go(step.routes.get(event.outcome, step.next), now, out)

    def _dial_ended(self, event: DialEnded, now: float, out: list[Output]) -> None:
        step = self.flow.steps.get(self._path)
        if isinstance(step, Dial):
            self._go(step.routes.get(event.outcome, step.next), now, out)


STARTS: dict[type[Step], Callable[[Any, Any, float, list[Output]], str | None]] = {
    Say: FlowRun._start_say, Menu: FlowRun._start_asking, Collect: FlowRun._start_asking,
    Set: FlowRun._start_set, Queue: FlowRun._start_queue, Dial: FlowRun._start_dial,
    Ending: FlowRun._start_hang_up, Goto: FlowRun._start_goto,
    Record: FlowRun._start_record,
}

# (phase, event) -> action. After a restart a caller who waits in a queue is back before any FlowStarted.
TABLE: dict[tuple[Phase, type], Callable[[FlowRun, Any, float, list[Output]], None]] = {
    (Phase.NEW, FlowStarted): FlowRun._begin,
    (Phase.NEW, CallerHungUp): FlowRun._caller_hung_up,
    (Phase.NEW, QueueEnded): FlowRun._queue_ended,
    (Phase.NEW, DialEnded): FlowRun._dial_ended,
    (Phase.SAYING, PromptsFinished): FlowRun._said,
    (Phase.SAYING, DigitPressed): FlowRun._interrupt,
    (Phase.SAYING, CallerHungUp): FlowRun._caller_hung_up,
    (Phase.ASKING, PromptsFinished): FlowRun._listen,
    (Phase.ASKING, DigitPressed): FlowRun._interrupt_question,
    (Phase.ASKING, CallerHungUp): FlowRun._caller_hung_up,
    (Phase.LISTENING, DigitPressed): FlowRun._digit,
    (Phase.LISTENING, CallerHungUp): FlowRun._caller_hung_up,
    (Phase.AWAY, QueueEnded): FlowRun._queue_ended,
    (Phase.AWAY, DialEnded): FlowRun._dial_ended,
    (Phase.AWAY, CallerHungUp): FlowRun._caller_hung_up,
}
