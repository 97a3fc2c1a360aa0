"""The steps of a flow as frozen values: `path` names a step, `next` is that of the one after it ("": end)."""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar

from softswitch.ivr import numbers

END = ""
_VARIABLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Spoken:
    """One thing to be said: a prompt by name, a number or digits. `text` may hold `{variable}`."""

    kind: str
    text: str

    def names(self, variables: dict[str, str], language: str) -> tuple[str, ...]:
        """Prompt names; none for a number that is not one or is too large to be spoken."""
        text = substitute(self.text, variables)
        if self.kind == "prompt":
            return (text,)
        if self.kind == "digits":
            return numbers.digits(text)
        if not (text.isascii() and text.isdigit()) or int(text) > numbers.GREATEST:
            return ()
        return numbers.number(int(text), language)


def substitute(text: str, variables: dict[str, str]) -> str:
    """Put the values of variables in place of `{name}`; an unset variable is empty."""
    return _VARIABLE.sub(lambda match: variables.get(match[1], ""), text)


@dataclass(frozen=True, slots=True)
class Step:
    """What all steps have; `kind` is the key that begins the step in a flow file."""

    kind: ClassVar[str] = ""

    path: str
    next: str


@dataclass(frozen=True, slots=True)
class Say(Step):
    """Say something. A digit cuts it short if `barge_in`, and is kept for the next step that asks for one."""

    kind: ClassVar[str] = "say"

    prompts: tuple[Spoken, ...]
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class Asking(Step):
    """What `menu` and `collect` share: the caller is asked at most 1 + `retries` times. No key within
    `timeout_s` after the prompts is no input. `on_…`: path of the step that follows when all tries are used.
    """

    prompts: tuple[Spoken, ...]
    timeout_s: float
    retries: int
    no_input: tuple[Spoken, ...]
    wrong_input: tuple[Spoken, ...]
    on_no_input: str
    on_wrong_input: str


@dataclass(frozen=True, slots=True)
class Menu(Asking):
    """One digit decides where the flow goes on: digit -> path."""

    kind: ClassVar[str] = "menu"

    choices: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Collect(Asking):
    """Up to `digits` digits into the variable `into`; fewer, but at least `min_digits`, are ended by the
    terminator ('': none) or by `between_s` without a further one."""

    kind: ClassVar[str] = "collect"

    into: str = ""
    digits: int = 1
    min_digits: int = 1
    terminator: str = "#"
    between_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Set(Step):
    """Set variables; the variable `language` is the language of the prompts from here on."""

    kind: ClassVar[str] = "set"

    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Queue(Step):
    """Wait for an agent. `routes`: outcome of the queue -> path; any other outcome goes to `next`."""

    kind: ClassVar[str] = "queue"

    queue: str
    priority: int
    music: str | None
    require: str | None
    agent: str
    routes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Dial(Step):
    """Call `target`. `routes`: outcome -> path; any other outcome goes to `next`."""

    kind: ClassVar[str] = "dial"

    target: str
    routes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Ending(Step):
    """End the call with an end reason."""

    kind: ClassVar[str] = "hang_up"

    reason: str


@dataclass(frozen=True, slots=True)
class Record(Step):
    """From here on the call's conversations are recorded, or they are not, whatever the rules say."""

    kind: ClassVar[str] = "record"

    wanted: bool


@dataclass(frozen=True, slots=True)
class Goto(Step):
    """Go on at the step whose path is `next`."""

    kind: ClassVar[str] = "goto"
