"""The examples of docs/flows.md are flows, and the page of the steps has every kind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from softswitch.cli.firstfiles import centre_file
from softswitch.config import Centre
from softswitch.ivr.actions import VOCABULARY
from softswitch.ivr.flow import Flow
from softswitch.ivr.graph import Graph
from softswitch.ivr.script import SomeFlows, Talk, read
from softswitch.ivr.stepkinds import KINDS, steps_page
from softswitch.python_flows import compile_program

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "flows.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)


@pytest.mark.parametrize("example", EXAMPLES, ids=["main", "orders", "data", "judge", "account", "accounts"])
def test_an_example_is_a_flow(example: str) -> None:
    centre = Centre.model_validate(YAML(typ="safe").load(example))
    for name, flow in centre.flows.items():
        assert Flow.from_settings(flow).name == name


def test_the_drawing_is_that_of_the_first_flow() -> None:
    (drawn,) = re.findall(r"```mermaid\n(.*?)```", TEXT, re.S)
    main = Centre.model_validate(YAML(typ="safe").load(EXAMPLES[0])).flows["main"]
    # A new outcome of a step is a label more, not another picture.
    labels = re.compile(r'-- ".*?" -->')
    assert labels.sub("-->", drawn) == labels.sub("-->", Graph.of(Flow.from_settings(main)).mermaid())


def test_the_conversations_go_as_they_are_written() -> None:
    (text,) = (each for each in re.findall(r"```text\n(.*?)```", TEXT, re.S) if each.startswith("flow main"))
    first = Centre.model_validate(YAML(typ="safe").load(centre_file(lambda: "secret", lambda: "1234")))
    flows = SomeFlows({"main": Flow.from_settings(first.flows["main"])})
    assert [Talk(each, flows).carry_out() for each in read(text)] == [None, None]


def test_the_page_of_the_steps_is_that_of_the_code() -> None:
    page = (DOCS / "flow-steps.md").read_text()
    assert page == steps_page(), "run: python -m softswitch.cli.reference docs"
    assert all(f"\n## {kind}\n" in page for kind in KINDS)


def test_the_flow_in_python_is_one_and_so_is_its_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, test = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    assert next(compile_program("account", source).start({})).kind == "collect"
    (tmp_path / "account.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    exec(test, {})


def test_every_action_is_described() -> None:
    assert [name for name in VOCABULARY if f"{name}(" not in TEXT] == []
