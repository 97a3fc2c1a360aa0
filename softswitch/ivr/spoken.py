"""What callers hear: prompts by name, numbers, dates, money, made of texts with `{variable}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from softswitch.ivr import numbers

_VARIABLE = re.compile(r"\{(\w+)\}")


class Text(str):
    """What is to be spoken as it is written, among the names of prompts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Spoken:
    """One thing to be said: `kind` is prompt (`text` is its name), text, or one of numbers.SPOKEN. `text` may
    hold `{variable}`."""

    kind: str
    text: str

    def names(self, variables: Mapping[str, str], language: str) -> tuple[str, ...]:
        """Prompt names; none for a number that is not one, or anything else that cannot be spoken."""
        text = substitute(self.text, variables)
        if self.kind == "prompt":
            return (text,)
        if self.kind == "text":
            return (Text(text),) if text.strip() else ()
        return numbers.SPOKEN[self.kind](text, language)


def names_in(text: str) -> list[str]:
    """The variables that stand in a text."""
    return _VARIABLE.findall(text)


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Put the values of variables in place of `{name}`; an unset variable is empty."""
    return _VARIABLE.sub(lambda match: variables.get(match[1], ""), text)
