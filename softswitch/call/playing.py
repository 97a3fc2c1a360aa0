"""Something is played into a conversation, over what its parties say: a prompt, or a text that is spoken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.speaking import Saying, Speak, Spoken

if TYPE_CHECKING:
    from softswitch.call.conversation import Conversation
    from softswitch.call.leg import Leg

FINISHED, STOPPED, FAILED = "finished", "stopped", "failed"


class Playing:
    """From the command until it was heard, or is stopped; a conversation has one at a time.

    Writes playback_started (when it can be heard) and playback_ended.
    """

    def __init__(self, talk: Conversation, legs: Sequence[Leg], name: str, language: str, by: str) -> None:
        """`name` is that of a prompt, or a Text."""
        self.talk = talk
        self.id = talk.call.next_id("p")
        self._legs = [leg.id for leg in legs]
        self._by = by
        self._name = name
        self._language = language
        self._saying = Saying(talk.call.exchange, language, (name,), False)
        self.player = ""

    def start(self, now: float, out: list[Any]) -> None:
        if self.talk.playing is not None:
            self.talk.playing.stop(STOPPED, out)
        self.talk.playing = self
        texts = self._saying.missing()
        if texts:
            out.append(Speak(self.id, self._language, texts))
        else:
            self._play(out)

    def spoken(self, spoken: Spoken, out: list[Any]) -> None:
        """The text has become sound, or could not."""
        if spoken.request == self.id and not self.player:
            self._saying.spoken(spoken, out)
            self._play(out)

    def _play(self, out: list[Any]) -> None:
        call, paths = self.talk.call, self._saying.paths(out)
        if not paths:
            self._over(FAILED, out)
            return
        self.player = self.id
        fields = {"legs": self._legs, "items": paths, "loop": False, "gain": 1.0}
        call.exchange.media.put(self.talk.caller.worker, "player", self.player, fields, out)
        told = {"playback": self.id, "legs": self._legs, "by": self._by}
        call.fact("playback_started", told, out)

    def finished(self, out: list[Any]) -> None:
        self.talk.call.exchange.media.forget(self.talk.caller.worker, "player", self.player)
        self._over(FINISHED, out)

    def stop(self, why: str, out: list[Any]) -> None:
        if self.player:
            self.talk.call.exchange.media.delete(self.talk.caller.worker, "player", self.player, out)
        self._over(why, out)

    def _over(self, how: str, out: list[Any]) -> None:
        self.talk.playing = None
        self.talk.call.fact("playback_ended", {"playback": self.id, "how": how}, out)
