"""Which prompts and music there are: a name without a file is refused before a caller hears nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from softswitch.config import Queue
from softswitch.config.errors import Path, Problem, did_you_mean

MUSIC = "music"
TONES = "tones"


class PromptNames:
    """Names by language, and those of music under 'music', as in the manifest; None: nothing is checked."""

    def __init__(self, manifest: Mapping[str, Collection[str]] | None) -> None:
        self._checked = manifest is not None
        by_group = manifest or {}
        self._music = frozenset(by_group.get(MUSIC, ()))
        spoken = (names for group, names in by_group.items() if group not in (MUSIC, TONES))
        # A flow may change its language on the way, so a prompt of any language will do.
        self._spoken = frozenset(name for names in spoken for name in names)

    def missing(self, path: Path, kind: str, name: str) -> Iterator[Problem]:
        """A problem when there is no `kind` (prompt or music) called `name`."""
        known = self._music if kind == MUSIC else self._spoken
        if self._checked and name not in known:
            what = "music" if kind == MUSIC else "prompt"
            yield Problem(path, f"there is no {what} {name!r}; {did_you_mean(name, known)}")

    def missing_in_queue(self, queue: Queue) -> list[Problem]:
        """Problems when the music of a queue, or a prompt of its timeline, is not there."""
        path: Path = ("queues", queue.name)
        problems = [*self.missing((*path, MUSIC), MUSIC, queue.music)]
        for place, step in enumerate(queue.timeline):
            if step.announce is not None:
                problems += self.missing((*path, "timeline", place, "announce"), "prompt", step.announce)
        return problems
