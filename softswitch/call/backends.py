"""Back-ends of the configuration, asked for calls: what goes out, what comes back, and what people are
told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from softswitch.backend.engine import Backends as Engine
from softswitch.backend.events import Answer, Attempt, AttemptEnded, Question, ServerChanged
from softswitch.call.outputs import Fact

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.config import Backend

TIMER = ("backends", "")


class Backends:
    """Composes the engine with the exchange. An answer goes to the activity of the call that has asked."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._engine = Engine()
        self._outputs: dict[type, Callable[..., None]] = {
            Attempt: self._attempt,
            Answer: self._answer,
            ServerChanged: self._changed,
        }

    def configured(self, name: str, backend: Backend | None, now: float, out: list[Any]) -> None:
        self._engine.configured(name, backend, now)
        self._carry_out([], now, out)

    def ask(self, question: Question, now: float, out: list[Any]) -> None:
        """The answer may be told at once, before this returns."""
        made: list[Any] = []
        self._engine.ask(question, now, made)
        self._carry_out(made, now, out)

    def forget(self, id: str) -> None:
        """Nobody waits for this answer any more."""
        self._engine.forget(id)

    def attempted(self, event: AttemptEnded, now: float, out: list[Any]) -> None:
        """What came of an `Attempt`."""
        made: list[Any] = []
        self._engine.ended(event, now, made)
        self._carry_out(made, now, out)

    def timeout(self, now: float, out: list[Any]) -> None:
        made: list[Any] = []
        self._engine.handle_timeout(now, made)
        self._carry_out(made, now, out)

    def snapshot(self) -> list[dict[str, object]]:
        return self._engine.snapshot()

    def _carry_out(self, made: list[Any], now: float, out: list[Any]) -> None:
        for output in made:
            self._outputs[type(output)](output, now, out)
        when = self._engine.next_timeout()
        if when is None:
            self._exchange.deadlines.cancel(TIMER)
        else:
            self._exchange.deadlines.set(TIMER, when)

    def _attempt(self, attempt: Attempt, now: float, out: list[Any]) -> None:
        out.append(attempt)

    def _answer(self, answer: Answer, now: float, out: list[Any]) -> None:
        """The fact says how the back-end is, never what it told: that may be a caller's affairs."""
        call = self._exchange.call_of(answer.id)
        fields = {
            "call": call.id if call is not None else None,
            "backend": answer.backend,
            "outcome": answer.outcome,
            "why": answer.why,
            "attempts": answer.attempts,
            "cached": answer.cached,
            "seconds": round(answer.seconds, 3),
        }
        out.append(Fact("backend_answered", fields))
        self._exchange.lookups.answered(answer, now, out)
        if call is not None and call.activity is not None:
            call.activity.backend_answered(answer, now, out)

    def _changed(self, changed: ServerChanged, now: float, out: list[Any]) -> None:
        fields = {
            "backend": changed.backend,
            "url": changed.url,
            "healthy": changed.healthy,
            "why": changed.why,
        }
        out.append(Fact("backend_server_changed", fields))
        if not changed.healthy:
            message = f"back-end {changed.backend}: {changed.url} is asked no more: {changed.why}"
            out.append(Fact("alarm_raised", {"code": "backend_down", "message": message}))
