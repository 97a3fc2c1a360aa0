"""What can still be checked of a configuration with mistakes: one of them must not hide all the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from softswitch.config import KINDS, SINGLES, Centre
from softswitch.config.errors import ConfigError, Path, Problem, validate
from softswitch.directory.names import Names
from softswitch.directory.references import names_of

GROUPS = {entry.group: kind for kind, entry in KINDS.items()}


class Usable(NamedTuple):
    """The objects that are right without their mistaken keys; `names` are all that were given."""

    centre: Centre
    names: Names


def usable(tree: Any, problems: Iterable[Problem]) -> Usable | None:
    """None when a whole group cannot be read: what refers to its objects cannot be judged."""
    told = [problem.path for problem in problems]
    if any(len(path) < 2 and not (path and path[0] in SINGLES) for path in told):
        return None
    rest = {group: _copy(entries) for group, entries in tree.items()}
    names = {kind: frozenset(map(str, rest.get(group) or ())) for group, kind in GROUPS.items()}
    _without(rest, told)
    try:
        centre = validate(Centre, rest)
    except ConfigError as error:
        # Something an object cannot do without was among it.
        _without(rest, (problem.path[:2] for problem in error.problems))
        try:
            centre = validate(Centre, rest)
        except ConfigError:
            return None
    known = names_of(centre)
    return Usable(centre, {kind: known[kind] | names[kind] for kind in KINDS})


def _copy(given: Any) -> Any:
    return {key: _copy(value) for key, value in given.items()} if isinstance(given, dict) else given


def _without(tree: dict[str, Any], paths: Iterable[Path]) -> None:
    """Take out what is at each path; of a mistake in a list the whole list."""
    for path in paths:
        here: Any = tree
        for key in path[:-1]:
            below = here.get(key)
            if not isinstance(below, dict):
                here.pop(key, None)
                break
            here = below
        else:
            here.pop(path[-1], None)
