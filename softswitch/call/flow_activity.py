"""A caller in an IVR flow: carries out what the flow asks for and tells it what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from softswitch.backend.events import OK, Answer
from softswitch.call.activity import Activity
from softswitch.call.flow_actions import ACTIONS
from softswitch.call.last_agents import LAST
from softswitch.call.message_taking import Taking
from softswitch.call.speaking import Saying, Spoken
from softswitch.call.waiting import Waiting
from softswitch.ivr import events as ivr
from softswitch.ivr.inquiry import taken
from softswitch.ivr.kinds.request import WHY
from softswitch.ivr.run import FlowRun, Phase

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg
    from softswitch.config import Queue

MEDIA_RETRY_S = 0.1


class FlowActivity(Activity):
    """Runs one flow for an answered inbound leg; a queue step makes it wait."""

    kind = "flow"
    reached = True

    def __init__(self, call: Call, run: FlowRun) -> None:
        super().__init__(call)
        self.run = run
        self.saying: Saying | None = None
        self.dialling: ivr.DialTarget | None = None
        self.taking: Taking | None = None
        self.asked = ""
        self.into: tuple[tuple[str, str], ...] = ()
        self.last_stay: Waiting | None = None

    def start(self, now: float, out: list[Any]) -> None:
        self.call.fact("flow_entered", {"flow": self.run.flow.name}, out)
        self.feed(ivr.FlowStarted(), now, out)

    # What happens to the caller

    @property
    def abandoned(self) -> str:  # type: ignore[override]
        if self.taking is not None and self.taking.recording:
            return "normal_hang_up_caller"
        return "abandoned_in_flow" if self.waiting is None else self.waiting.abandoned

    @property
    def flow_run(self) -> FlowRun | None:
        return self.run

    @property
    def ring_s(self) -> float | None:
        """How long what it dials rings at most; None: as usual."""
        return self.dialling.ring_s if self.dialling is not None else None

    @property
    def caller_id(self) -> str | None:
        """The number that is shown to whom it dials; None: as usual."""
        return (self.dialling.caller_id or None) if self.dialling is not None else None

    def hung_up(self, now: float, out: list[Any]) -> str:
        return self.caller_gone(now, out) or self.abandoned

    def caller_gone(self, now: float, out: list[Any]) -> str | None:
        """Do what the flow says for that; returns the reason that it gives, if it gives one."""
        reason = None
        for action in self.run.handle(ivr.CallerHungUp(), now):
            if isinstance(action, ivr.HangUp):
                reason = action.reason
            else:
                ACTIONS[type(action)](self, action, now, out)
        return reason

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        if self.taking is not None:
            self.taking.digit(digit, now, out)
        elif self.waiting is not None:
            self.waiting.key(digit, now, out)
        else:
            self.feed(ivr.DigitPressed(digit), now, out)

    def player_finished(self, now: float, out: list[Any]) -> None:
        if self.waiting is not None:
            self.waiting.player_finished(now, out)
        elif self.taking is not None:
            self.taking.player_finished(now, out)
        else:
            self.feed(ivr.PromptsFinished(), now, out)

    def timeout(self, now: float, out: list[Any]) -> None:
        if self.waiting is not None:
            self.waiting.timeout(now, out)
        elif self.run.phase is Phase.NEW:
            self.resume(None, now, out)
        else:
            self._carry_out(self.run.handle_timeout(now), now, out)

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        self.call.noted = {name: str(value) for name, value in self.run.variables.items()}
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            waiting.left(reason, now, out)
        taking, self.taking = self.taking, None
        if taking is not None:
            taking.left(now, out)
        if self.asked:
            self.call.exchange.backends.forget(self.asked)

    def message_timeout(self, now: float, out: list[Any]) -> None:
        if self.taking is not None:
            self.taking.timeout(now, out)

    def message_taken(self, outcome: str, message: str, now: float, out: list[Any]) -> None:
        self.taking = None
        self.feed(ivr.Returned(outcome, {"message": message}), now, out)

    def queue_ended(self, outcome: str, now: float, out: list[Any]) -> None:
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            self.last_stay = waiting
        self.feed(ivr.Returned(outcome), now, out)

    def dial_ended(self, outcome: str, now: float, out: list[Any]) -> None:
        """A dial step did not come to a conversation: the flow goes on."""
        self.call.turn_to(self, now, out)
        self.feed(ivr.Returned(outcome), now, out)

    # What the flow wants

    def feed(self, event: ivr.Event, now: float, out: list[Any]) -> None:
        """Tell the flow what has happened, and do what it wants then."""
        self._carry_out(self.run.handle(event, now), now, out)

    def _carry_out(self, actions: list[Any], now: float, out: list[Any]) -> None:
        for action in actions:
            if not self.call.ended:
                ACTIONS[type(action)](self, action, now, out)
        if self.call.activity is self:
            self.call.wake_at(self.run.next_timeout())
            self.call.keep(out)

    def spoken(self, spoken: Spoken, now: float, out: list[Any]) -> None:
        saying = self.saying
        if saying is not None and saying.request == spoken.request:
            saying.spoken(spoken, out)
            self.say(saying, now, out)

    def backend_answered(self, answer: Answer, now: float, out: list[Any]) -> None:
        if answer.id == self.asked:
            self.asked = ""
            values = taken(answer.value, self.into) if answer.outcome == OK else {}
            self.feed(ivr.Returned(answer.outcome, {**values, WHY: answer.why}), now, out)

    def say(self, saying: Saying, now: float, out: list[Any]) -> None:
        """Everything that is to be said is there."""
        self.saying = None
        paths = saying.paths(out)
        if paths:
            self.call.play(paths, out, loop=saying.loop)
        else:
            self.feed(ivr.PromptsFinished(), now, out)

    def enter_queue(
        self,
        entry: ivr.EnterQueue,
        now: float,
        out: list[Any],
        queued_at: float | None = None,
    ) -> None:
        settings = self.call.exchange.centre.queues.get(entry.queue)
        if settings is None:
            self.feed(ivr.Returned("queue_removed"), now, out)
            return
        if entry.agent == LAST:
            last = self.call.exchange.last_agents.of(self.call.caller.number, entry.queue, now)
            entry = replace(entry, agent=last)
        if queued_at is None:
            entry = replace(entry, priority=entry.priority + self._extra_priority(settings))
        self.call.queue = entry.queue
        self.waiting = Waiting(
            self.call,
            self,
            entry,
            music=entry.music or settings.music,
            language=settings.language or self.run.language,
            caller=self.run.variables,
        )
        self.waiting.start(now, out, queued_at)

    def _extra_priority(self, queue: Queue) -> int:
        """What the queue's list of important callers adds."""
        number = self.call.caller.number
        e164 = self.call.exchange.plan.numbering.normalised(number) if queue.vip else None
        return queue.vip.get(number, queue.vip.get(e164 or "", 0))

    # Over a restart

    def to_state(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "flow": self.run.flow.name,
            "run": self.run.state(),
            "waiting": self.waiting.to_state() if self.waiting else None,
        }

    def resume(self, waiting: dict[str, Any] | None, now: float, out: list[Any]) -> None:
        """Go on in a new process: a caller in a queue keeps the place, a step is started again as soon as the
        media worker is there."""
        if waiting is not None and self.run.lost is None:
            names = ("queue", "priority", "music", "require", "agent")
            entry = ivr.EnterQueue(**{name: waiting[name] for name in names})
            self.enter_queue(entry, now, out, waiting["queued_at"])
            if self.waiting is not None:
                self.waiting.callback_offered = waiting.get("callback_offered", False)
        elif self.call.exchange.media.has_port(self.call.inbound.worker):
            self.feed(ivr.FlowStarted(), now, out)
        else:
            self.call.wake_at(now + MEDIA_RETRY_S)
