"""Reading softswitch.yaml and centre.yaml so that every mistake names its file, line and key.

YAML is composed to nodes, not to values: a number such as 0123 keeps its zero, because the typed tree,
not YAML, decides what is text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode

from softswitch.config.errors import ConfigError, Problem, key_text, validate
from softswitch.config.errors import Path as KeyPath
from softswitch.config.node import Node

MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
# What is written out is bounded by the size of the file; anchors can make millions of values of a few lines.
MAX_REPEATED = 200_000


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as plain values, and the line on which each path of keys begins."""

    name: str
    tree: Any
    lines: dict[KeyPath, int]

    def line(self, path: KeyPath) -> int:
        """Line of `path`, or of the nearest group around it."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)

    def error(self, error: ConfigError) -> ConfigError:
        """The same problems, each beginning with file and line."""
        problems = sorted(error.problems, key=lambda problem: self.line(problem.path))
        return ConfigError(Problem((), self.place(problem)) for problem in problems)

    def place(self, problem: Problem) -> str:
        key = f"{key_text(problem.path)}: " if problem.path else ""
        return f"{self.name}:{self.line(problem.path)}: {key}{problem.message}"


def read_document(path: Path) -> Document:
    """Parse a YAML file; ConfigError when it is unreadable or no YAML."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _file_error(path, f"the file is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _file_error(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _file_error(path, "is no UTF-8 text; save it as UTF-8") from None
    return parse_document(text, str(path))


def parse_document(text: str, name: str) -> Document:
    """`text` as a Document called `name`; ConfigError with the line of a YAML mistake."""
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
        lines: dict[KeyPath, int] = {(): 1}
        tree = _Reader(name, lines).value(root, ()) if root is not None else {}
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise _located(name, line, f"is no valid YAML: {error.problem or error.context}") from None
    except (YAMLError, ValueError) as error:
        raise _located(name, 1, f"is no valid YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise _located(name, 1, "is nested too deeply") from None
    return Document(name, tree, lines)


def load_node(path: Path) -> Node:
    """softswitch.yaml with its paths made absolute; ConfigError names file, line and key."""
    return _load(path, Node).resolved(path.resolve().parent)


def _load(path: Path, model: type[Node]) -> Node:
    document = read_document(path)
    try:
        return validate(model, document.tree)
    except ConfigError as error:
        raise document.error(error) from None


def _file_error(path: Path, message: str) -> ConfigError:
    return ConfigError([Problem((), f"{path}: {message}")])


def _located(name: str, line: int, message: str) -> ConfigError:
    return ConfigError([Problem((), f"{name}:{line}: {message}")])


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns YAML nodes into plain values, noting lines; the typed tree turns text into numbers."""

    name: str
    lines: dict[KeyPath, int]
    nodes: set[int] = field(default_factory=set)
    """The ids of those that were met: of what is written out, each once."""

    def value(self, node: YamlNode, path: KeyPath) -> Any:
        if len(path) > MAX_DEPTH:
            raise _located(self.name, node.start_mark.line + 1, "is nested too deeply")
        self.nodes.add(id(node))
        if len(self.lines) > len(self.nodes) + MAX_REPEATED:
            message = f"repeats more than {MAX_REPEATED} values by anchors; write less of them"
            raise _located(self.name, node.start_mark.line + 1, message)
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._item(item, (*path, place)) for place, item in enumerate(node.value)]
        return self._scalar(node)

    def _item(self, node: YamlNode, path: KeyPath) -> Any:
        self.lines[path] = node.start_mark.line + 1
        return self.value(node, path)

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                raise _located(self.name, line, "a key must be plain text")
            key = key_node.value
            if key in values:
                first = self.lines[(*path, key)]
                message = f"{key_text((*path, key))} is already on line {first}; keep one of them"
                raise _located(self.name, line, message)
            self.lines[(*path, key)] = line
            values[key] = self.value(value_node, (*path, key))
        return values

    def _scalar(self, node: Any) -> Any:
        return plain_value(node.value) if node.style is None else node.value


def plain_value(text: str) -> Any:
    """An unquoted YAML 1.2 scalar; numbers that would not be written back the same stay text (0123, +49)."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    try:
        whole = int(text)
        return whole if str(whole) == text else text
    except ValueError:
        return _decimal(text)


def _decimal(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if str(number) == text else text
