"""A drawing of a flow: a graph in layers, from top to bottom, as SVG.

Layers by the longest way from the first step without ways that lead back; in each layer the steps are sorted
by where those stand that they are joined to (Sugiyama, Tagawa and Toda 1981). A way over several layers
passes between their steps.
"""

from __future__ import annotations

from html import escape

from softswitch.ivr.graph import Edge, Graph, Node
from softswitch.ivr.steps import END

WIDTH, HEIGHT, LINE = 190, 58, 16
GAP_X, GAP_Y, MARGIN = 40, 74, 24
SWEEPS = 8
COLOURS = {
    "menu": "#fff3cd",
    "collect": "#fff3cd",
    "branch": "#e2e3ff",
    "hours": "#e2e3ff",
    "queue": "#d4edda",
}
_STYLE = "font-family:sans-serif;font-size:12px"

Layers = list[list[str]]


def svg(graph: Graph) -> str:
    """The whole picture, with a title."""
    layers = _sorted(_layers(graph), graph.edges)
    places = _places(layers)
    width = max(x for x, _ in places.values()) + WIDTH + 2 * MARGIN + GAP_X
    height = max(y for _, y in places.values()) + HEIGHT + MARGIN
    nodes = {node.path: node for node in graph.nodes}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" style="{_STYLE}">',
        f"<title>flow {escape(graph.name)}</title>",
        '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8"'
        ' orient="auto"><path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *(_line(edge, places, number) for number, edge in enumerate(graph.edges)),
        *(_box(nodes[path], *place) for path, place in places.items()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _layers(graph: Graph) -> Layers:
    """Steps by the longest way to them; ways to a step that is on the way already lead back."""
    ways: dict[str, list[str]] = {}
    for edge in graph.edges:
        ways.setdefault(edge.start, []).append(edge.end)
    depth: dict[str, int] = {}
    back = _ways_back(graph.nodes[0].path, ways)
    waiting = {node.path: 0 for node in graph.nodes}
    for start, ends in ways.items():
        for end in ends:
            if (start, end) not in back:
                waiting[end] += 1
    ready = [path for path, count in waiting.items() if count == 0]
    while ready:
        path = ready.pop(0)
        depth.setdefault(path, 0)
        for end in ways.get(path, ()):
            if (path, end) in back:
                continue
            depth[end] = max(depth.get(end, 0), depth[path] + 1)
            waiting[end] -= 1
            if waiting[end] == 0:
                ready.append(end)
    if END in depth:
        depth[END] = max(depth.values())
    layers: Layers = [[] for _ in range(max(depth.values()) + 1)]
    for path, layer in depth.items():
        layers[layer].append(path)
    return layers


def _ways_back(first: str, ways: dict[str, list[str]]) -> set[tuple[str, str]]:
    """The ways that close a circle, found depth first and without recursion."""
    back: set[tuple[str, str]] = set()
    done: set[str] = set()
    passing = {first}
    stack = [(first, iter(ways.get(first, ())))]
    while stack:
        path, rest = stack[-1]
        end = next(rest, None)
        if end is None:
            stack.pop()
            passing.discard(path)
            done.add(path)
        elif end in passing:
            back.add((path, end))
        elif end not in done:
            passing.add(end)
            stack.append((end, iter(ways.get(end, ()))))
    return back


def _sorted(layers: Layers, edges: tuple[Edge, ...]) -> Layers:
    """Each layer by the mean place of the steps above and, in every other sweep, below."""
    for sweep in range(SWEEPS):
        place = {path: number - len(layer) / 2 for layer in layers for number, path in enumerate(layer)}
        for layer in layers:
            near = {path: [place[path]] for path in layer}
            for edge in edges:
                here, other = (edge.end, edge.start) if sweep % 2 == 0 else (edge.start, edge.end)
                if here in near and other != here:
                    near[here].append(place[other])
            layer.sort(key=lambda path: sum(near[path]) / len(near[path]))
    return layers


def _places(layers: Layers) -> dict[str, tuple[int, int]]:
    """The upper left corner of every box."""
    widest = max(map(len, layers))
    places = {}
    for number, layer in enumerate(layers):
        left = MARGIN + GAP_X + (widest - len(layer)) * (WIDTH + GAP_X) // 2
        for column, path in enumerate(layer):
            places[path] = (left + column * (WIDTH + GAP_X), MARGIN + number * (HEIGHT + GAP_Y))
    return places


def _box(node: Node, x: int, y: int) -> str:
    lines = [each for each in (node.name, node.kind, node.detail) if each]
    lines = [each if len(each) <= 28 else each[:27] + "…" for each in lines]
    round_, colour = ("29", "#eeeeee") if node.path == END else ("6", COLOURS.get(node.kind, "#f8f9fa"))
    top = y + HEIGHT / 2 - LINE * (len(lines) - 1) / 2 + 4
    texts = "".join(
        f'<text x="{x + WIDTH / 2:g}" y="{top + LINE * number:g}" text-anchor="middle"'
        f"{_weight(node, number)}>{escape(line)}</text>"
        for number, line in enumerate(lines)
    )
    return (
        f'<g><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="{round_}" fill="{colour}"'
        f' stroke="#555"/>{texts}</g>'
    )


def _weight(node: Node, number: int) -> str:
    return ' font-weight="bold"' if (number == 0) == bool(node.name) or number == bool(node.name) else ""


def _line(edge: Edge, places: dict[str, tuple[int, int]], number: int) -> str:
    """From the bottom of a box to the top of a lower one; past the side of one that is not lower."""
    (x1, y1), (x2, y2) = places[edge.start], places[edge.end]
    # Lines that start at one box do not all start at one point.
    shift = (number % 5 - 2) * 14
    start, end = x1 + WIDTH // 2 + shift, x2 + WIDTH // 2 + shift
    if y2 > y1:
        bottom = y1 + HEIGHT
        half = (y2 - bottom) / 2
        path = f"M{start} {bottom}C{start} {bottom + half:g} {end} {y2 - half:g} {end} {y2}"
        label_x, label_y = start + (end - start) * 0.3, bottom + (y2 - bottom) * 0.35
    else:
        side = min(x1, x2) - 20 - (number % 4) * 6
        path = f"M{x1} {y1 + 29}C{side} {y1 + 29} {side} {y2 + 29} {x2} {y2 + 29}"
        label_x, label_y = side + 6, (y1 + y2) / 2 + 29
    label = edge.label if len(edge.label) <= 34 else edge.label[:33] + "…"
    return (
        f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#a)"/>'
        f'<text x="{label_x:g}" y="{label_y:g}" text-anchor="middle" fill="#06c" stroke="white"'
        f' stroke-width="3" paint-order="stroke">{escape(label)}</text>'
    )
