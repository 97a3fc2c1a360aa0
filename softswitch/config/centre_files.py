"""centre.yaml with the flows that stand in files of their own: `flow_files: flows/*.yaml`.

A file holds one flow, named as the file, or several under `flows`. They are put into the tree as if they
stood in centre.yaml; every mistake is shown with the file and the line in which it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from softswitch.config.errors import ConfigError, Problem
from softswitch.config.errors import Path as KeyPath
from softswitch.config.files import Document, read_document

KEY = "flow_files"
OWN_FILES = "python_flows"
"""Path of problems in other files, which they name themselves."""
MOST_FILES = 500


@dataclass(frozen=True, slots=True)
class CentreDocument(Document):
    """centre.yaml and its flow files: `parts` are those that a flow came from, and its path in there."""

    parts: dict[str, tuple[Document, KeyPath]] = field(default_factory=dict)

    def place(self, problem: Problem) -> str:
        """With the file in which a flow is written."""
        if problem.path[:1] == (OWN_FILES,):
            return problem.message
        part = (
            self.parts.get(str(problem.path[1])) if problem.path[:1] == ("flows",) != problem.path else None
        )
        if part is None:
            return Document.place(self, problem)
        document, at = part
        inside: KeyPath = (*at, *problem.path[2:])
        if not at and isinstance(document.tree, list):
            inside = problem.path[3:]
        return document.place(Problem(inside, problem.message))


def read_centre(path: Path) -> CentreDocument:
    """centre.yaml with its flow files; ConfigError when one is unreadable, no YAML, or names a flow twice."""
    document = read_document(path)
    found = CentreDocument(document.name, document.tree, document.lines)
    if not isinstance(document.tree, dict) or KEY not in document.tree:
        return found
    patterns = document.tree.pop(KEY)
    patterns = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(patterns, list) or not all(isinstance(each, str) and each for each in patterns):
        raise document.error(ConfigError([Problem((KEY,), "expected a pattern such as flows/*.yaml")]))
    flows = document.tree.setdefault("flows", {})
    if flows is None:
        flows = document.tree["flows"] = {}
    for number, pattern in enumerate(patterns):
        files = _files(path.parent, pattern)
        if not files:
            at = (KEY, number) if (KEY, number) in document.lines else (KEY,)
            raise document.error(ConfigError([Problem(at, f"there is no file {path.parent / pattern}")]))
        for file in files:
            _take(found, flows, file)
    return found


def _files(base: Path, pattern: str) -> list[Path]:
    try:
        found = [Path(pattern)] if Path(pattern).is_absolute() else sorted(base.glob(pattern))
    except (ValueError, NotImplementedError):
        return []
    return [each for each in found if each.is_file()][:MOST_FILES]


def _take(found: CentreDocument, flows: dict[str, Any], file: Path) -> None:
    """Put the flows of a file into the tree."""
    document = read_document(file)
    tree = document.tree
    several = isinstance(tree, dict) and isinstance(tree.get("flows"), dict) and len(tree) == 1
    if not isinstance(tree, dict | list):
        raise document.error(ConfigError([Problem((), "is neither a list of steps nor a flow")]))
    named = tree["flows"] if isinstance(tree, dict) and several else {file.stem: tree}
    for name, value in named.items():
        if name in flows:
            former = found.parts.get(name)
            where = former[0].name if former else found.name
            at: KeyPath = ("flows", name) if several else ()
            raise document.error(ConfigError([Problem(at, f"flow {name!r} is already in {where}")]))
        flows[name] = {"steps": value} if isinstance(value, list) else value
        found.parts[name] = (document, ("flows", name) if several else ())
