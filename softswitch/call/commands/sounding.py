"""Commands by which something is heard in a conversation: prompts, texts, keys."""

from __future__ import annotations

import re
from typing import Any

from softswitch.call.commands.finding import call_of, owner, sides, text_or, wrong
from softswitch.call.commands.group import Arguments, Command, CommandGroup, by
from softswitch.call.conversation import Conversation
from softswitch.call.playing import STOPPED, Playing
from softswitch.config.errors import CONFLICT, NOT_FOUND, did_you_mean
from softswitch.directory.commands import text_argument
from softswitch.ivr.reading import LANGUAGES
from softswitch.ivr.spoken import Text

DIGITS = re.compile(r"[0-9*#A-D]{1,32}")
LONGEST_TEXT = 1000


class SoundingCommands(CommandGroup):
    """Play, stop, send digits."""

    def commands(self) -> dict[str, Command]:
        return {
            "call.play": self._play,
            "call.stop_playing": self._stop,
            "call.send_digits": self._send_digits,
        }

    def _play(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: prompt or text, to (agent, caller, both: the default, or a leg), language."""
        talk = self._conversation(args)
        legs = sides(talk, text_or(args, "to", "both"), owner(args))
        language = self._language(talk, args)
        playing = Playing(talk, legs, self._what(args, language), language, by(args))
        playing.start(now, out)
        return {"call": talk.call.id, "playback": playing.id, "legs": [leg.id for leg in legs]}

    def _language(self, talk: Conversation, args: Arguments) -> str:
        """That of the queue if none is given, else English."""
        queue = self._exchange.centre.queues.get(talk.queue) if talk.queue else None
        usual = (queue.language if queue is not None else None) or "en"
        language = text_or(args, "language", usual)
        if language not in LANGUAGES:
            raise wrong("language", f"{language!r} is no language; allowed: {', '.join(LANGUAGES)}")
        return language

    def _what(self, args: Arguments, language: str) -> str:
        if (args.get("prompt") is None) == (args.get("text") is None):
            raise wrong("prompt", "give either a prompt or a text")
        if args.get("text") is not None:
            text = text_argument(args, "text")
            if len(text) > LONGEST_TEXT or not text.isprintable():
                raise wrong("text", f"cannot be spoken; allowed: one line of up to {LONGEST_TEXT} characters")
            return Text(text)
        prompt, known = text_argument(args, "prompt"), self._exchange.prompt_names(language)
        if prompt not in known:
            raise wrong("prompt", f"there is no prompt {prompt!r}; {did_you_mean(prompt, known)}", NOT_FOUND)
        return prompt

    def _stop(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        talk = self._conversation(args)
        playing = talk.playing
        if playing is not None:
            playing.stop(STOPPED, out)
        return {"call": talk.call.id, "playback": playing.id if playing is not None else None}

    def _send_digits(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: digits, to (agent, caller: the default, both, or a leg)."""
        talk, digits = self._conversation(args), text_argument(args, "digits")
        if DIGITS.fullmatch(digits) is None:
            raise wrong("digits", f"{digits!r:.40} are no keys; allowed: up to 32 of 0-9 * # A-D")
        legs = sides(talk, text_or(args, "to", "caller"), owner(args))
        for leg in legs:
            leg.send_digits(digits, now, out)
        told = {"legs": [leg.id for leg in legs], "count": len(digits), "by": by(args)}
        talk.call.fact("digits_sent", told, out)
        return {"call": talk.call.id, "legs": told["legs"]}

    def _conversation(self, args: Arguments) -> Conversation:
        call = call_of(self._exchange, args)
        if call.conversation is None:
            raise wrong("call", f"there is no conversation in call {call.id!r}; see call list", CONFLICT)
        return call.conversation
