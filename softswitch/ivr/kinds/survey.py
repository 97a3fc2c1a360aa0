"""`survey`: the caller judges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import Output, TellScore
from softswitch.ivr.kinds.asking import ASKING, Asking
from softswitch.ivr.reading import Given
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun

SCORES = "12345"
LONGEST = 64


@dataclass(frozen=True, slots=True)
class Survey(Asking):
    """One key from 1 to 5 is the answer to `question`."""

    kind: ClassVar[str] = "survey"
    about: ClassVar[str] = (
        "Asks for a score from 1 to 5 and tells it to the reports, with the queue and the agent of the call."
    )
    short: ClassVar[str] = "survey: satisfaction"
    settings: ClassVar[dict[str, str]] = {
        **ASKING,
        "prompts": "the question as it is said (rate_call)",
        "question": "the name under which reports show the answers (satisfaction)",
    }

    question: str = ""

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("question")
        fields.given.setdefault("prompts", "rate_call")
        question = fields.text("question", "satisfaction")
        if len(question) > LONGEST or not question.isprintable():
            given.problem(fields.at("question"), f"expected a line of at most {LONGEST} characters")
        return cls(given.here, given.follows, **cls.asked(fields, given.follows), question=question)

    def ways(self) -> Iterator[tuple[str, str]]:
        yield "answered", self.next
        yield from Asking.ways(self)

    def pressed(self, run: FlowRun, digit: str, now: float, out: list[Output]) -> None:
        if digit in SCORES:
            out.append(TellScore(self.question, int(digit)))
            run.go(self.next, now, out)
        else:
            self.wrong(run, now, out)
