"""A flow as a graph: its steps, and every way between them with what it takes to go there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from softswitch.ivr.flow import Flow
from softswitch.ivr.steps import END

MOST_DETAIL = 40
_TELLING = (
    "name",
    "target",
    "to",
    "flow",
    "calendar",
    "backend",
    "prompts",
    "into",
    "service",
    "reason",
    "if",
)


@dataclass(frozen=True, slots=True)
class Node:
    """A step: `kind`, what it is about, and `name` if others lead to it by that; END is the end."""

    path: str
    kind: str
    detail: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from step to step; every one has a label."""

    start: str
    end: str
    label: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the order in which a caller may come to them."""

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @classmethod
    def of(cls, flow: Flow) -> Graph:
        """The graph of a flow, with what is done when the caller hangs up."""
        nodes: dict[str, Node] = {}
        edges: dict[tuple[str, str], list[str]] = {}
        left = [flow.first]
        while left:
            path = left.pop(0)
            if path in nodes:
                continue
            nodes[path] = _node(flow, path)
            for label, way in _ways(flow, path):
                edges.setdefault((path, way), []).append(label)
                left.append(way)
        joined = tuple(
            Edge(start, end, ", ".join(_telling(labels))) for (start, end), labels in edges.items()
        )
        return cls(flow.name, tuple(nodes.values()), joined)

    def mermaid(self) -> str:
        """The graph as a Mermaid flowchart."""
        ids = {node.path: f"s{number}" for number, node in enumerate(self.nodes)}
        lines = ["flowchart TD"]
        for node in self.nodes:
            text = "<br>".join(_escaped(each) for each in (node.name, node.kind, node.detail) if each)
            left, right = ("([", "])") if node.path == END else ("{", "}") if _asks(node) else ("[", "]")
            lines.append(f'  {ids[node.path]}{left}"{text}"{right}')
        for edge in self.edges:
            lines.append(f'  {ids[edge.start]} -- "{_escaped(edge.label)}" --> {ids[edge.end]}')
        return "\n".join(lines) + "\n"


def _asks(node: Node) -> bool:
    return node.kind in ("menu", "branch", "hours", "collect")


def _ways(flow: Flow, path: str) -> Iterator[tuple[str, str]]:
    if path == END:
        return
    for label, way in flow.steps[path].ways():
        yield label or "next", way
    gone = flow.hung_up(path)
    if gone != END and not path.startswith("on_hang_up") and ".on_hang_up" not in path:
        yield "hangs up", gone


def _telling(labels: list[str]) -> list[str]:
    """Without repetition; where several lead to one place "else" says nothing more."""
    unique = list(dict.fromkeys(labels))
    return [label for label in unique if label != "else"] or unique


def _node(flow: Flow, path: str) -> Node:
    if path == END:
        return Node(END, "end")
    kind = flow.steps[path].kind
    if path.endswith(".again"):
        return Node(path, kind, "another round?")
    written = _written(flow.source, path)
    if not isinstance(written, dict):
        return Node(path, kind)
    return Node(path, kind, _detail(written.get(kind)), str(written.get("name", "")))


def _written(source: Any, path: str) -> Any:
    """What stands at a path such as steps[0].menu.choices.1[0]."""
    found = source
    for piece in path.replace("[", ".[").split("."):
        found = found[int(piece[1:-1])] if piece.startswith("[") else found[piece]
    return found


def _detail(value: Any) -> str:
    """The most telling of a step's settings, in short."""
    if isinstance(value, dict):
        known = [value[key] for key in _TELLING if key in value]
        return _detail(known[0]) if known else _cut(", ".join(f"{key} {each}" for key, each in value.items()))
    if isinstance(value, list):
        return _cut(", ".join(filter(None, map(_detail, value))))
    return "" if value is None else _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_DETAIL else text[: MOST_DETAIL - 1] + "…"


def _escaped(text: str) -> str:
    """Mermaid reads HTML entities, by number with #."""
    return text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
