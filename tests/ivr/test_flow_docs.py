"""The examples of docs/flows.md are flows, and its table has every kind of step with its settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from softswitch.config import Centre
from softswitch.ivr.flow import Flow
from softswitch.ivr.stepkinds import ASKING_KEYS, DIAL_ROUTES, KINDS, QUEUE_ROUTES

TEXT = (Path(__file__).parents[2] / "docs" / "flows.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)


@pytest.mark.parametrize("example", EXAMPLES, ids=["main", "account"])
def test_an_example_is_a_flow(example: str) -> None:
    centre = Centre.model_validate(YAML(typ="safe").load(example))
    for name, flow in centre.flows.items():
        assert Flow.from_config(name, flow.steps).steps


def test_every_kind_of_step_and_every_setting_is_described() -> None:
    rows = {row.split("`")[1]: row for row in TEXT.splitlines() if row.startswith("| `")}
    assert set(rows) == set(KINDS)
    for key in ASKING_KEYS:
        assert f"`{key}`" in rows["menu"]
    for kind, routes in (("queue", QUEUE_ROUTES), ("dial", DIAL_ROUTES)):
        assert all(f"`{key}`" in rows[kind] for key in routes)
