"""softswitch flow: what callers hear and choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from softswitch.cli.nouns import noun
from softswitch.cli.options import UserError
from softswitch.config.files import read_document


def _steps(request: dict[str, Any]) -> str:
    """`--file` holds the list of steps, or a group with language and steps as in centre.yaml."""
    fields = request["fields"]
    path: Path | None = fields.pop("file", None)
    if path is None:
        return ""
    tree = read_document(path).tree
    if isinstance(tree, dict):
        fields |= {key: value for key, value in tree.items() if key not in fields}
    elif isinstance(tree, list):
        fields["steps"] = tree
    else:
        raise UserError(f"{path}:1: is neither a list of steps nor a group with the key steps")
    return ""


flow = noun(
    "flow",
    about="IVR flows: what callers hear and choose.",
    columns=("name", "language", "steps", "created_by"),
    sample="main",
    sample_options="--file main.yaml",
    without=("steps",),
    prepare=_steps,
    extra=[click.Option(["--file"], type=click.Path(path_type=Path), help="YAML file with the steps.")],
)
