"""What the questions share: prompts, then keys; asked again where none or wrong ones come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from softswitch.ivr.events import Output, StopPrompts
from softswitch.ivr.reading import Fields
from softswitch.ivr.spoken import Spoken
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun

ASKING = {
    "prompts": "the question",
    "timeout_s": "how long to wait for a key after the prompts (5)",
    "retries": "how often it is asked again (2)",
    "no_input": "what is said before it is asked again because no key came (no_input)",
    "wrong_input": "what is said before it is asked again because of a wrong key (invalid_choice)",
    "on_no_input": "where it goes when no key came at the last try (next step)",
    "on_wrong_input": "where it goes when the key was wrong at the last try (next step)",
}


@dataclass(frozen=True, slots=True)
class Asking(Step):
    """The caller is asked at most 1 + `retries` times. No key within `timeout_s` after the prompts is no
    input. `on_…`: path of the step that follows when all tries are used.
    """

    settings: ClassVar[dict[str, str]] = ASKING

    prompts: tuple[Spoken, ...]
    timeout_s: float
    retries: int
    no_input: tuple[Spoken, ...]
    wrong_input: tuple[Spoken, ...]
    on_no_input: str
    on_wrong_input: str

    @staticmethod
    def asked(fields: Fields, follows: str) -> dict[str, Any]:
        """The fields that all questions have."""
        return {
            "prompts": fields.prompts("prompts"),
            "timeout_s": fields.number("timeout_s", 5, 0.5, 120),
            "retries": fields.whole("retries", 2, 0, 20),
            "no_input": fields.prompts("no_input", "no_input"),
            "wrong_input": fields.prompts("wrong_input", "invalid_choice"),
            "on_no_input": fields.route("on_no_input", follows),
            "on_wrong_input": fields.route("on_wrong_input", follows),
        }

    def ways(self) -> Iterator[tuple[str, str]]:
        yield "no input", self.on_no_input
        yield "wrong input", self.on_wrong_input

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        if not run.typed:
            self.ask(run, self.prompts, now, out)
            return None
        run.listen(None)
        step = run.step
        while run.typed and run.listening and run.step == step:
            self.pressed(run, run.next_typed(), now, out)
        return None

    def ask(self, run: FlowRun, prompts: tuple[Spoken, ...], now: float, out: list[Output]) -> None:
        """Ask, or listen at once where there is nothing to say."""
        run.collected = ""
        names = run.names(prompts)
        if names:
            run.play(names, out)
        else:
            self.heard(run, now, out)

    def heard(self, run: FlowRun, now: float, out: list[Output]) -> None:
        run.listen(now + self.timeout_s)

    def interrupted(self, run: FlowRun, digit: str, now: float, out: list[Output]) -> None:
        out.append(StopPrompts())
        run.listen(None)
        self.pressed(run, digit, now, out)

    def timeout(self, run: FlowRun, now: float, out: list[Output]) -> None:
        self.again(run, self.no_input, self.on_no_input, now, out)

    def wrong(self, run: FlowRun, now: float, out: list[Output]) -> None:
        self.again(run, self.wrong_input, self.on_wrong_input, now, out)

    def again(
        self, run: FlowRun, remark: tuple[Spoken, ...], way_out: str, now: float, out: list[Output]
    ) -> None:
        """Say why and ask once more, or give up."""
        # Digits typed ahead were meant for another answer than this one.
        run.typed = ""
        run.tries += 1
        if run.tries > self.retries:
            run.go(way_out, now, out)
        else:
            self.ask(run, remark + self.prompts, now, out)
