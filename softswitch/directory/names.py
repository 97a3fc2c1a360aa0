"""Names that one object says of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from softswitch.config.errors import Path, Problem, did_you_mean

Names = Mapping[str, frozenset[str]]
"""The names that there are, by kind."""


def missing(names: Names, path: Path, kind: str, name: str) -> Iterator[Problem]:
    """A problem when there is no `kind` called `name`."""
    known = names[kind]
    if name not in known:
        yield Problem(path, f"there is no {kind} {name!r}; {did_you_mean(name, known)}")
