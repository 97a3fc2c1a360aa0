"""One use of a feature code: what it asks for is done, a prompt says so, and the call is over."""

from __future__ import annotations

from typing import Any

from softswitch.call.activity import Activity

PROMPT_TIMEOUT_S = 20.0
"""How long a prompt may be played, and how long the caller has to answer it where it asks for something."""


class FeatureActivity(Activity):
    """Acts, confirms, hangs up."""

    kind = "service"
    abandoned = "normal_hang_up_caller"
    language = "en"

    def act(self, now: float, out: list[Any]) -> str:
        """Do what was dialled; returns the prompt that tells the caller what came of it."""
        raise NotImplementedError

    def start(self, now: float, out: list[Any]) -> None:
        self.say(self.act(now, out), now, out)

    def say(self, prompt: str, now: float, out: list[Any]) -> None:
        self.call.play(self.call.exchange.prompt_paths(self.language, (prompt,), out), out)
        self.call.wake_at(now + PROMPT_TIMEOUT_S)

    def player_finished(self, now: float, out: list[Any]) -> None:
        self.call.end("flow_finished", "switch", now, out)

    def timeout(self, now: float, out: list[Any]) -> None:
        self.call.end("flow_finished", "switch", now, out)
