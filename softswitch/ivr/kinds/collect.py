"""`collect`: keys into a variable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import Output
from softswitch.ivr.kinds.asking import ASKING, Asking
from softswitch.ivr.reading import Given
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun


@dataclass(frozen=True, slots=True)
class Collect(Asking):
    """Up to `digits` digits into the variable `into`; fewer, but at least `min_digits`, are ended by the
    terminator ('': none) or by `between_s` without a further one."""

    kind: ClassVar[str] = "collect"
    about: ClassVar[str] = "Asks for digits, puts them into a variable and goes on with the next step."
    settings: ClassVar[dict[str, str]] = {
        **ASKING,
        "into": "the variable",
        "digits": "how many at most (1)",
        "min_digits": "how many at least; fewer are wrong input (1)",
        "terminator": '"#", "*" or "" for none: the key that ends the input ("#")',
        "between_s": "how long without a further digit ends the input (3)",
    }

    into: str = ""
    digits: int = 1
    min_digits: int = 1
    terminator: str = "#"
    between_s: float = 3.0

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("into")
        digits = fields.whole("digits", 1, 1, 64)
        terminator = fields.text("terminator", "#") if fields.given.get("terminator") != "" else ""
        if terminator not in ("", "#", "*"):
            given.problem(fields.at("terminator"), 'allowed: "#", "*" or "" for none')
        return cls(
            given.here,
            given.follows,
            **cls.asked(fields, given.follows),
            into=fields.variable("into"),
            digits=digits,
            min_digits=fields.whole("min_digits", 1, 1, digits),
            terminator=terminator,
            between_s=fields.number("between_s", 3, 0.5, 60),
        )

    def ways(self) -> Iterator[tuple[str, str]]:
        yield self.into, self.next
        yield from Asking.ways(self)

    def pressed(self, run: FlowRun, digit: str, now: float, out: list[Output]) -> None:
        if digit != self.terminator:
            run.collected += digit
        if digit == self.terminator or len(run.collected) == self.digits:
            self._over(run, now, out)
        else:
            run.listen(now + self.between_s)

    def timeout(self, run: FlowRun, now: float, out: list[Output]) -> None:
        if run.collected:
            self._over(run, now, out)
        else:
            Asking.timeout(self, run, now, out)

    def _over(self, run: FlowRun, now: float, out: list[Output]) -> None:
        if len(run.collected) < self.min_digits:
            self.wrong(run, now, out)
        else:
            run.variables[self.into], run.collected = run.collected, ""
            run.go(self.next, now, out)
