"""A caller keeps the place in a queue to be called back: offered while waiting, or asked for by a flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.call.activity import Activity
from softswitch.call.callback_numbers import is_callable, written
from softswitch.ivr.callback_dialog import Ask, CallbackDialog, Chosen, Declined

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.flow_activity import FlowActivity
    from softswitch.call.leg import Leg
    from softswitch.config.callback import CallbackSettings

KEPT = "callback_kept"
BY_OTHERS = frozenset(("administrative_hang_up", "supervisor_hang_up"))
"""Reasons for which a place is given up although its caller has pressed the key."""
GOODBYE_S = 30.0
"""In case the end of the last prompt is never told."""

End = Callable[[float, list[Any]], None]


class Keeping:
    """The questions to one caller of one queue; `declined` is called when nothing came of them.

    Who has a number that may be called and hangs up in the middle of them is called back all the same.
    """

    def __init__(self, call: Call, queue: str, language: str, declined: End) -> None:
        self.call = call
        self.queue = queue
        self.language = language
        self._declined = declined
        self._dialog: CallbackDialog | None = None
        self._entry: dict[str, Any] = {}
        self._own = ""
        self._now = 0.0

    @property
    def settings(self) -> CallbackSettings | None:
        queue = self.call.exchange.centre.queues.get(self.queue)
        return queue.callback if queue is not None else None

    @property
    def active(self) -> bool:
        """Whether the caller is being asked."""
        return self._dialog is not None

    def possible(self, now: float) -> bool:
        """Whether this caller could be called back: there is room, and a number or a way to tell one."""
        settings, exchange = self.settings, self.call.exchange
        if settings is None or len(exchange.acd.callbacks.of_queue(self.queue)) >= settings.max_open:
            return False
        return settings.another_number or bool(self._own_number(now))

    def _own_number(self, now: float) -> str:
        """The caller's number as it is kept, '' if it may not be called."""
        caller, exchange = self.call.caller, self.call.exchange
        number = caller.number if caller.kind == "user" else written(exchange, caller.number)
        return number if is_callable(exchange, self.queue, number, caller.kind == "user", now) else ""

    def _outside(self, typed: str) -> str:
        number, exchange = written(self.call.exchange, typed), self.call.exchange
        return number if is_callable(exchange, self.queue, number, False, self._now) else ""

    def start(self, now: float, out: list[Any], **entry: Any) -> None:
        """Ask; `entry` is what a new place is to have of `CallbackKept`, for a caller who does not wait."""
        settings = self.settings
        self._entry = entry
        assert settings is not None, "possible() has said so"
        self._own, self._now = self._own_number(now), now
        self._dialog = CallbackDialog(self._own, settings.another_number, self._outside)
        self._carry_out(self._dialog.start(), now, out)

    def key(self, key: str, now: float, out: list[Any]) -> None:
        if self._dialog is not None:
            self._now = now
            self.call.stop_playing(out)
            self._carry_out(self._dialog.key(key, now), now, out)

    def player_finished(self, now: float, out: list[Any]) -> None:
        if self._dialog is not None:
            self._carry_out(self._dialog.prompts_finished(now), now, out)

    def timeout(self, now: float, out: list[Any]) -> None:
        if self._dialog is not None:
            self._now = now
            self._carry_out(self._dialog.timeout(now), now, out)

    def stop(self) -> None:
        """An agent is there for the caller: no further questions."""
        if self._dialog is not None:
            self._dialog = None
            self.call.wake_at(None)

    @property
    def keeps(self) -> bool:
        """Whether the caller, if they hang up now, is called back."""
        return self._dialog is not None and bool(self._own)

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        """The call has ended before the last answer."""
        keeps, self._dialog = self.keeps and reason not in BY_OTHERS, None
        if keeps:
            self._keep(self._own, False, now, out)

    def _carry_out(self, actions: list[Any], now: float, out: list[Any]) -> None:
        for action in actions:
            if isinstance(action, Ask):
                self._say(action.names, now, out)
            elif isinstance(action, Chosen):
                self._dialog = None
                self._keep(action.number, True, now, out)
                self.call.begin(KeptActivity(self.call, self.language), now, out)
            elif isinstance(action, Declined):
                self._dialog = None
                self.call.wake_at(None)
                self.call.stop_playing(out)
                self.call.fact("callback_declined", {"queue": self.queue}, out)
                self._declined(now, out)
        if self._dialog is not None:
            self.call.wake_at(self._dialog.next_timeout())

    def _say(self, names: tuple[str, ...], now: float, out: list[Any]) -> None:
        paths = self.call.exchange.prompt_paths(self.language, names, out)
        if paths:
            self.call.play(paths, out)
        elif self._dialog is not None:
            self._dialog.prompts_finished(now)

    def _keep(self, number: str, confirmed: bool, now: float, out: list[Any]) -> None:
        call = self.call
        inside = call.caller.kind == "user" and number == call.caller.number
        known = [each for each in call.exchange.acd.callbacks.of_queue(self.queue) if each.number == number]
        if known:
            # Who asks again keeps the place they have.
            fields = {"queue": self.queue, "callback": known[0].id}
            call.fact("callback_asked_again", fields, out)
            return
        event = acd.CallbackKept(
            "b" + call.exchange.entropy(8).hex(),
            call.id,
            self.queue,
            number,
            inside=inside,
            display=call.caller.display if inside or number == self._own else "",
            shown=call.dialled,
            language=self.language,
            confirmed=confirmed,
            data=call.data.values,
            **self._entry,
        )
        call.exchange.acd_event(event, now, out)


class KeptActivity(Activity):
    """The caller hears that the place is kept, and the call ends; hanging up is just as well."""

    kind = "failing"
    abandoned = KEPT

    def __init__(self, call: Call, language: str) -> None:
        super().__init__(call)
        self._language = language

    def start(self, now: float, out: list[Any]) -> None:
        names = (KEPT, "goodbye")
        self.call.play(self.call.exchange.prompt_paths(self._language, names, out), out)
        self.call.wake_at(now + GOODBYE_S)

    def player_finished(self, now: float, out: list[Any]) -> None:
        self.timeout(now, out)

    def timeout(self, now: float, out: list[Any]) -> None:
        self.call.end(KEPT, "switch", now, out)

    def to_state(self) -> dict[str, Any]:
        """A new process ends the call."""
        return {"kind": self.kind, "reason": KEPT, "ended_by": "switch"}


class KeepingActivity(Activity):
    """A flow's `callback` step."""

    kind = "keeping"

    def __init__(self, call: Call, flow: FlowActivity, queue: str, **entry: Any) -> None:
        super().__init__(call)
        self.flow = flow
        self._entry = entry
        self._keeping = Keeping(call, queue, flow.run.language, self._give_back)

    def start(self, now: float, out: list[Any]) -> None:
        if self._keeping.possible(now):
            self._keeping.start(now, out, **self._entry)
        else:
            self.flow.dial_ended("callback_unavailable", now, out)

    @property
    def abandoned(self) -> str:  # type: ignore[override]
        return KEPT if self._keeping.keeps else "abandoned_in_flow"

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        self._keeping.left(reason, now, out)

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        self._keeping.key(digit, now, out)

    def player_finished(self, now: float, out: list[Any]) -> None:
        self._keeping.player_finished(now, out)

    def timeout(self, now: float, out: list[Any]) -> None:
        self._keeping.timeout(now, out)

    def _give_back(self, now: float, out: list[Any]) -> None:
        self.flow.dial_ended("callback_declined", now, out)

    def to_state(self) -> dict[str, Any]:
        """The flow starts its step again."""
        return self.flow.to_state()
