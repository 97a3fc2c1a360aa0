"""Values of variables as flows write them: a text with `{variable}`, or `= formula`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from softswitch.config.formula import Formula, FormulaError
from softswitch.ivr.spoken import substitute


@dataclass(frozen=True, slots=True)
class Assignment:
    """A variable and what it is to be; `formula` None: the text."""

    name: str
    text: str
    formula: Formula | None = None

    def value(self, variables: Mapping[str, str]) -> str:
        """'' for a formula that has no value."""
        if self.formula is None:
            return substitute(self.text, variables)
        try:
            return self.formula.text_of(variables)
        except FormulaError:
            return ""
