"""Which prompts and music there are: a name without a file is refused before a caller hears nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from softswitch.config import Queue
from softswitch.config.errors import Path, Problem, did_you_mean

MUSIC = "music"
TONES = "tones"
TEXT = "text"


def slug(text: str) -> str:
    """The name that a prompt with this text might have."""
    return "_".join(re.findall(r"[a-z0-9]+", text.lower())[:6]) or "text"


class Texts(NamedTuple):
    """What prompts say (texts of the manifest), and why no engine can say anything else ('': one can)."""

    recorded: frozenset[str] = frozenset()
    no_engine: str = ""


class PromptNames:
    """Names by language, and those of music under 'music', as in the manifest; None: nothing is checked."""

    def __init__(self, manifest: Mapping[str, Collection[str]] | None, texts: Texts) -> None:
        self._texts = texts
        self._checked = manifest is not None
        by_group = manifest or {}
        self._music = frozenset(by_group.get(MUSIC, ()))
        self._by_language = {
            group: frozenset(names) for group, names in by_group.items() if group not in (MUSIC, TONES)
        }
        self._spoken = frozenset(name for names in self._by_language.values() for name in names)

    def missing(self, path: Path, kind: str, name: str, languages: Collection[str] = ()) -> Iterator[Problem]:
        """A problem when there is no `kind` (prompt or music) called `name`, a prompt lacks in one of the
        `languages` (none: any language will do), or `name` is a text that nobody can speak."""
        if kind == TEXT:
            yield from self._unspoken(path, name)
            return
        known = self._music if kind == MUSIC else self._spoken
        if self._checked and name not in known:
            what = "music" if kind == MUSIC else "prompt"
            yield Problem(path, f"there is no {what} {name!r}; {did_you_mean(name, known)}")
        elif self._checked and kind != MUSIC:
            yield from self._unrecorded(path, name, languages)

    def _unrecorded(self, path: Path, name: str, languages: Collection[str]) -> Iterator[Problem]:
        for language in sorted(languages):
            if name not in self._by_language.get(language, ()):
                there = ", ".join(sorted(each for each, names in self._by_language.items() if name in names))
                yield Problem(
                    path,
                    f"there is no prompt {name!r} in language {language}, in which the flow may come here,"
                    f" only in {there}; record it and add it to {language} in manifest.json of prompts_dir,"
                    " or branch on language before",
                )

    def _unspoken(self, path: Path, text: str) -> Iterator[Problem]:
        recorded, no_engine = self._texts
        if not no_engine or text in recorded:
            return
        if "{" in text:
            rest = "or say prompts, number: and digits: in its place"
        else:
            name, said = slug(text), json.dumps(text, ensure_ascii=False)
            entry = f'"{name}": {{"file": "en/{name}.flac", "text": {said}, "seconds": …}}'
            rest = f"or record it, and add the file to the language in manifest.json of prompts_dir: {entry}"
        yield Problem(path, f"{no_engine}, {rest}")

    def missing_in_queue(self, queue: Queue) -> list[Problem]:
        """Problems when the music of a queue, or a prompt of it or of its timeline, is not there."""
        path: Path = ("queues", queue.name)
        problems = [*self.missing((*path, MUSIC), MUSIC, queue.music)]
        for key in ("whisper", "announce_recording"):
            if (name := getattr(queue, key)) is not None:
                problems += self.missing((*path, key), "prompt", name)
        if queue.callback is not None:
            problems += self.missing((*path, "callback", "prompt"), "prompt", queue.callback.prompt)
        for place, step in enumerate(queue.timeline):
            if step.announce is not None:
                problems += self.missing((*path, "timeline", place, "announce"), "prompt", step.announce)
        return problems
