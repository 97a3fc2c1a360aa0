"""In which languages a flow may come to each of its steps, as far as the flow itself tells."""

from __future__ import annotations

from collections.abc import Iterator

from softswitch.ivr.flow import Flow
from softswitch.ivr.kinds.branch import Branch
from softswitch.ivr.kinds.set import Set
from softswitch.ivr.reading import LANGUAGES, Path, path_text
from softswitch.ivr.steps import Step

Languages = frozenset[str]


def languages_of(flow: Flow) -> dict[str, Languages]:
    """Path of each step that is reached -> the languages in which it may be said there.

    It begins in its own language. `set` changes it; a condition that asks for nothing but `language` is
    decided, any other may hold or not. What other flows and those in Python change is not seen.
    """
    found: dict[str, Languages] = {}
    left = [(flow.first, frozenset((flow.language,)))]
    while left:
        path, languages = left.pop()
        known = found.get(path, frozenset())
        if path not in flow.steps or languages <= known:
            continue
        found[path] = languages = known | languages
        left += _onward(flow.steps[path], languages)
    return found


def languages_at(flow: Flow, reached: dict[str, Languages], path: Path) -> Languages:
    """Those of the step to which a place of the flow belongs; none if it is never reached."""
    for end in range(len(path), 0, -1):
        if (text := path_text(path[:end])) in flow.steps:
            return reached.get(text, frozenset())
    return frozenset()


def _onward(step: Step, languages: Languages) -> Iterator[tuple[str, Languages]]:
    if isinstance(step, Branch):
        yield from _decided(step, languages)
        return
    if isinstance(step, Set):
        languages = _changed(step, languages)
    for _, way in step.ways():
        yield way, languages


def _changed(step: Set, languages: Languages) -> Languages:
    for each in step.values:
        if each.name == "language":
            languages = frozenset(LANGUAGES if each.formula is not None else (each.text,))
    return languages


def _decided(step: Branch, languages: Languages) -> Iterator[tuple[str, Languages]]:
    for formula, way in step.cases:
        taken = languages
        if formula.names == {"language"}:
            taken = frozenset(each for each in languages if formula.holds({"language": each}))
            languages -= taken
        yield way, taken
    yield step.next, languages
