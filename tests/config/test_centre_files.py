"""Flows in files of their own: put together with centre.yaml, mistakes shown where they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from softswitch.config import Centre
from softswitch.config.centre_files import read_centre
from softswitch.config.errors import ConfigError, Problem, validate


def centre(directory: Path, text: str, **files: str) -> Path:
    (directory / "flows").mkdir()
    for name, content in files.items():
        (directory / "flows" / f"{name}.yaml").write_text(content)
    path = directory / "centre.yaml"
    path.write_text(text)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_centre(path)
    return str(caught.value.problems[0])


def test_flows_of_files_are_in_the_tree(tmp_path: Path) -> None:
    path = centre(
        tmp_path,
        "flow_files: flows/*.yaml\nflows:\n  own:\n    steps: [hang_up]\n",
        one="- say: welcome\n- hang_up\n",
        two="language: zh\nsteps: [hang_up]\n",
        three="flows:\n  four: {steps: [hang_up]}\n  five: {steps: [hang_up]}\n",
    )
    flows = validate(Centre, read_centre(path).tree).flows
    assert set(flows) == {"own", "one", "two", "four", "five"}
    assert flows["two"].language == "zh" and flows["one"].steps == ({"say": "welcome"}, "hang_up")


@pytest.mark.parametrize(
    ("name", "text", "at", "place"),
    [
        ("one", "- say: welcome\n- zap: 1\n", ("steps", 1), "one.yaml:2"),
        ("one", "language: en\nsteps:\n  - zap: 1\n", ("steps", 0), "one.yaml:3: steps[0]"),
        (
            "one",
            "flows:\n  one:\n    steps:\n      - zap: 1\n",
            ("steps", 0),
            "one.yaml:4: flows.one.steps[0]",
        ),
        ("one", "- say: welcome\n", ("language",), "one.yaml:1"),
    ],
)
def test_a_mistake_is_shown_in_its_file(
    tmp_path: Path, name: str, text: str, at: tuple[str | int, ...], place: str
) -> None:
    document = read_centre(centre(tmp_path, "flow_files: [flows/*.yaml]\nusers:\n", **{name: text}))
    (shown,) = document.error(ConfigError([Problem(("flows", "one", *at), "is wrong")])).problems
    assert place in str(shown) and str(shown).endswith("is wrong")
    (other,) = document.error(ConfigError([Problem(("users",), "is wrong")])).problems
    assert str(other).startswith(f"{tmp_path}/centre.yaml:2: users")


@pytest.mark.parametrize(
    ("text", "files", "said"),
    [
        ("flow_files: flows/*.yml\n", {}, "centre.yaml:1: flow_files: there is no file"),
        ("users:\nflow_files:\n  - flows/*.yml\n", {}, "centre.yaml:3: flow_files[0]: there is no file"),
        ("flow_files: 7\n", {}, "expected a pattern such as flows/*.yaml"),
        ("flow_files: flows/*.yaml\n", {"a": "just text"}, "a.yaml:1: is neither a list of steps nor a flow"),
        ("flow_files: flows/*.yaml\nflows: {a: {steps: []}}\n", {"a": "- hang_up"}, "flow 'a' is already in"),
        (
            "flow_files: flows/*.yaml\n",
            {"a": "- hang_up", "b": "flows: {a: {steps: []}}"},
            "b.yaml:1: flows.a: flow 'a' is already in",
        ),
        ("flow_files: flows/*.yaml\n", {"a": "- say: [\n"}, "a.yaml:"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, files: dict[str, str], said: str) -> None:
    assert said in refused(centre(tmp_path, text, **files))


def test_a_centre_without_them_is_as_it_was(tmp_path: Path) -> None:
    document = read_centre(centre(tmp_path, "users: {}\n"))
    assert document.tree == {"users": {}} and document.parts == {}
