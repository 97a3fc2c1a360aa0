"""What a Python flow may yield: actions, and what each of them gives back.

An action is a step of a flow, carried out as such; `yield` returns when it is over. A flow written in Python
is a generator function and nothing else, so that a test needs no switch: `send()` it results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RESULT = "result"
"""Variable into which an action collects."""
DONE = ""
"""Outcome of an action that went its usual way."""

Result = Any


@dataclass(frozen=True, slots=True)
class Action:
    """A step: its kind and settings as in a flow file. `outcomes` are its keys that lead somewhere; where
    they do is what comes back, as a word."""

    kind: str
    settings: Any
    outcomes: Mapping[str, Any] = field(default_factory=dict)

    def steps(self) -> list[Any]:
        """The action as the steps of a flow of its own, which returns the outcome."""
        settings = {**self.settings, **self.outcomes} if self.outcomes else self.settings
        return [{self.kind: settings}]

    def result(self, outcome: str, variables: Mapping[str, str]) -> Result:
        """What `yield` returns, in JSON values: what was collected, else the outcome, with the variables of
        `into` where there are some."""
        if self.kind == "collect":
            return variables.get(RESULT, "") if outcome == DONE else None
        into = self.settings.get("into") if isinstance(self.settings, dict) else None
        if isinstance(into, dict):
            said = outcome or variables.get("outcome", "")
            return {**{name: variables.get(name, "") for name in into}, "outcome": said}
        return outcome or None


def _leading(*keys: str) -> dict[str, Any]:
    """Ways that return a word: on_no_input -> no_input."""
    return {key: [{"return": key.removeprefix("on_")}] for key in keys}


def Number(value: Any) -> dict[str, str]:
    """To be said as a number."""
    return {"number": str(value)}


def Digits(value: Any) -> dict[str, str]:
    """To be said digit by digit."""
    return {"digits": str(value)}


def Date(value: Any) -> dict[str, str]:
    """To be said as a date, 2026-11-22."""
    return {"date": str(value)}


def Time(value: Any) -> dict[str, str]:
    """To be said as a time of day, 14:05."""
    return {"time": str(value)}


def Money(amount: Any, currency: str) -> dict[str, str]:
    """To be said as an amount of money, of which hundredths are said."""
    return {"money": f"{amount} {currency}"}


def Text(text: str) -> dict[str, str]:
    """To be spoken by the engine."""
    return {"text": text}


def Say(*what: Any, barge_in: bool = True) -> Action:
    """Say prompts, Numbers, Texts … Gives None."""
    return Action("say", {"prompts": [*what], "barge_in": barge_in})


def Collect(prompts: Any, digits: int = 1, **settings: Any) -> Action:
    """Ask for digits; settings as of the step. Gives them, or None when there were none or wrong ones."""
    given = {"prompts": prompts, "digits": digits, "into": RESULT, **settings}
    return Action("collect", given, _leading("on_no_input", "on_wrong_input"))


def Choose(prompts: Any, keys: str, **settings: Any) -> Action:
    """Ask for one of these keys. Gives it, or no_input or wrong_input."""
    choices = {key: [{"return": key}] for key in keys}
    given = {"prompts": prompts, "choices": choices, **settings}
    return Action("menu", given, _leading("on_no_input", "on_wrong_input"))


def EnterQueue(name: str, **settings: Any) -> Action:
    """Wait for an agent. Comes back with timeout, full, closed or None (else) if there was none."""
    return Action("queue", {"name": name, **settings}, _leading("on_timeout", "on_full", "on_closed"))


def Dial(target: str, **settings: Any) -> Action:
    """Call somebody. Comes back with busy, no_answer, rejected, unreachable, forbidden or None (else)."""
    ways = _leading("on_busy", "on_no_answer", "on_rejected", "on_unreachable", "on_forbidden")
    return Action("dial", {"target": target, **settings}, ways)


def Transfer(to: str, **settings: Any) -> Action:
    """Send the caller to a target for good. Comes back with failure if it leads nowhere."""
    return Action("transfer", {"to": to, **settings}, _leading("on_failure"))


def Call(name: str, *into: str, **values: Any) -> Action:
    """Go through another flow with these values. Gives a dict of its variables `into`, and its word, or
    failure, as `outcome`."""
    given = {key: str(value) for key, value in values.items()}
    settings = {"name": name, "with": given, "into": {each: each for each in into}}
    return Action("flow", settings, _leading("on_failure"))


def Language(language: str) -> Action:
    """The language from here on."""
    return Action("set", {"language": language})


def CallData(*remove: str, **values: Any) -> Action:
    """Put texts on the call, and take others off it."""
    given = {key: str(value) for key, value in values.items()}
    return Action("data", {"set": given, "remove": [*remove]})


def HangUp(reason: str = "flow_finished", cause: int | None = None) -> Action:
    """End the call; the phone is told the cause (Q.850), else that of the reason."""
    return Action("hang_up", reason if cause is None else {"reason": reason, "cause": cause})


def Step(kind: str, settings: Any, *ways: str) -> Action:
    """Any other step as in a flow file; `ways` are its keys that lead somewhere (`on_failure`). Gives the
    word of the way that it went, without `on_`, or None."""
    return Action(kind, settings, _leading(*ways))


VOCABULARY: dict[str, Any] = {
    each.__name__: each
    for each in (
        Number,
        Digits,
        Date,
        Time,
        Money,
        Text,
        Say,
        Collect,
        Choose,
        EnterQueue,
        Dial,
        Transfer,
        Call,
        Language,
        CallData,
        HangUp,
        Step,
    )
}
"""The names that a Python flow has beside those of the language."""
