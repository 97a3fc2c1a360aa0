"""Flows drawn: every step and every way is in the picture, each way with a label."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.ivr.drawing import HEIGHT, WIDTH, svg
from softswitch.ivr.flow import Flow
from softswitch.ivr.graph import Graph

MAIN: list[Any] = [
    {"say": "welcome"},
    {
        "name": "choose",
        "menu": {
            "prompts": "main_menu",
            "choices": {"1": [{"queue": "sales"}], "2": "choose", "#": "end"},
            "on_no_input": "end",
        },
    },
    {"loop": {"times": 3, "steps": [{"say": ['quote " here', "x<y"]}], "on_limit": "end"}},
    {"name": "end", "say": "goodbye", "on_hang_up": [{"hang_up": "flow_finished"}]},
]
SVG = "{http://www.w3.org/2000/svg}"


def test_a_flow_as_mermaid() -> None:
    lines = Graph.of(Flow.from_config("main", MAIN)).mermaid().splitlines()
    assert lines[0] == "flowchart TD"
    assert '  s0["say<br>welcome"]' in lines and '  s1{"choose<br>menu<br>main_menu"}' in lines
    assert '  s0 -- "next" --> s1' in lines and '  s1 -- "2" --> s1' in lines
    assert '  s1 -- "#35;, no input" --> s3' in lines, "several ways to one step are one line"
    assert any("quote #quot; here, x#lt;y" in line for line in lines)
    assert any('-- "hangs up" -->' in line for line in lines)


def test_every_step_is_there_and_every_way_has_a_label() -> None:
    flow = Flow.from_config("main", MAIN)
    graph = Graph.of(flow)
    assert {node.path for node in graph.nodes} == {*flow.steps, ""}
    ways = {(path, way) for path, step in flow.steps.items() for _, way in step.ways()}
    drawn = {(edge.start, edge.end) for edge in graph.edges}
    assert ways <= drawn and all(edge.label for edge in graph.edges)


def boxes(root: ET.Element) -> list[tuple[float, float]]:
    found = [each.find(f"{SVG}rect") for each in root.iter(f"{SVG}g")]
    return [(float(each.attrib["x"]), float(each.attrib["y"])) for each in found if each is not None]


def test_a_drawing_is_xml_in_which_no_box_lies_on_another() -> None:
    graph = Graph.of(Flow.from_config("main", MAIN))
    root = ET.fromstring(svg(graph))
    places = boxes(root)
    assert len(places) == len(graph.nodes)
    for number, (x, y) in enumerate(places):
        assert (
            0 <= x <= float(root.attrib["width"]) - WIDTH and 0 <= y <= float(root.attrib["height"]) - HEIGHT
        )
        assert all(abs(x - u) >= WIDTH or abs(y - v) >= HEIGHT for u, v in places[:number])
    texts = " ".join("".join(each.itertext()) for each in root.iter(f"{SVG}text"))
    assert all(edge.label in texts for edge in graph.edges)
    assert re.search(r"<title>flow main</title>", svg(graph))


names = st.sampled_from(["a", "b", "c", "d"])
steps = st.one_of(
    st.builds(lambda way: {"say": way}, names),
    st.builds(lambda one, two: {"menu": {"prompts": "p", "choices": {"1": one, "2": two}}}, names, names),
    st.builds(lambda way: {"queue": {"name": "q", "on_full": way}}, names),
)


@given(st.lists(steps, min_size=4, max_size=4))
def test_any_flow_can_be_drawn(given_steps: list[Any]) -> None:
    for step, name in zip(given_steps, "abcd", strict=True):
        step["name"] = name
    graph = Graph.of(Flow.from_config("main", given_steps))
    assert len(boxes(ET.fromstring(svg(graph)))) == len(graph.nodes)


@pytest.mark.parametrize("detail", ["x" * 90])
def test_long_texts_are_cut(detail: str) -> None:
    assert "x" * 41 not in Graph.of(Flow.from_config("main", [{"say": detail}])).mermaid()
