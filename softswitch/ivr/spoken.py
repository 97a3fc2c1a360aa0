"""What callers hear: prompts by name, numbers and digits, made of texts with `{variable}`."""

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
    """One thing to be said: a prompt by name, a number, digits, or a text. `text` may hold `{variable}`."""

    kind: str
    text: str

    def names(self, variables: Mapping[str, str], language: str) -> tuple[str, ...]:
        """Prompt names; none for a number that is not one or is too large to be spoken."""
        text = substitute(self.text, variables)
        if self.kind == "prompt":
            return (text,)
        if self.kind == "text":
            return (Text(text),) if text.strip() else ()
        if self.kind == "digits":
            return numbers.digits(text)
        if not (text.isascii() and text.isdigit()) or int(text) > numbers.GREATEST:
            return ()
        return numbers.number(int(text), language)


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Put the values of variables in place of `{name}`; an unset variable is empty."""
    return _VARIABLE.sub(lambda match: variables.get(match[1], ""), text)
