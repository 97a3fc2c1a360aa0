"""Texts that are spoken to callers: asking for their sound, and what came of it.

Making speech takes time that the switch does not have, so it is asked for like a message is sent: `Speak`
goes out, `Spoken` comes back. A text that is also the text of a recorded prompt is that prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from softswitch.call.outputs import Fact
from softswitch.ivr.spoken import Text

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.ivr.flow import Flow


@dataclass(frozen=True, slots=True)
class Speak:
    """Make the sound of these texts. `request` names who waits (an id of a part of a call); '': nobody does,
    the texts are made ready."""

    request: str
    language: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spoken:
    """The outcome of a `Speak`: files by text, and why the others could not be spoken."""

    request: str
    paths: Mapping[str, str]
    failed: Mapping[str, str]


class Saying:
    """Prompts and texts on their way to one caller; `paths` are the files when all have been made."""

    def __init__(self, exchange: Exchange, language: str, names: Sequence[str], loop: bool) -> None:
        self._exchange = exchange
        self._language = language
        self._names = names
        self.loop = loop
        self._paths: dict[str, str] = {}
        self.request = ""

    def missing(self) -> tuple[str, ...]:
        """The texts for which there is no recorded prompt."""
        recorded = self._exchange.recorded_texts(self._language)
        texts = dict.fromkeys(name for name in self._names if isinstance(name, Text))
        self._paths = {text: recorded[text] for text in texts if text in recorded}
        return tuple(str(text) for text in texts if text not in recorded)

    def spoken(self, spoken: Spoken, out: list[Any]) -> None:
        self._paths.update(spoken.paths)
        alarm_failed(spoken, self._language, out)

    def paths(self, out: list[Any]) -> list[str]:
        """Files in their order, what cannot be said left out."""
        found: list[str] = []
        for name in self._names:
            if isinstance(name, Text):
                found += [self._paths[name]] if name in self._paths else []
            else:
                found += self._exchange.prompt_paths(self._language, (name,), out)
        return found


def alarm_failed(spoken: Spoken, language: str, out: list[Any]) -> None:
    """Raise an alarm for what could not be spoken; not the text itself, in which a caller's affairs may
    be."""
    for why in dict.fromkeys(spoken.failed.values()):
        message = f"a text in language {language!r} was not spoken: {why}"
        out.append(Fact("alarm_raised", {"code": "speech_failed", "message": message}))


def prepare(exchange: Exchange, language: str, flow: Flow, out: list[Any]) -> None:
    """Have the constant texts of a flow made before the first caller hears them, in every language in which
    the flow may say them."""
    named = (each.name for each in flow.references if each.kind == "text")
    texts = dict.fromkeys(name for name in named if "{" not in name)
    for spoken in dict.fromkeys((language, *flow.languages)):
        recorded = exchange.recorded_texts(spoken)
        wanted = tuple(text for text in texts if text not in recorded)
        if wanted:
            out.append(Speak("", spoken, wanted))
