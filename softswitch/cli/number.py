"""softswitch number: the numbers that can be called."""

from __future__ import annotations

from softswitch.cli.nouns import noun

number = noun(
    "number",
    about="Numbers and the flow, queue or user each leads to.",
    columns=("number", "target", "trunk", "created_by"),
    sample="100",
    sample_options="--target flow:main",
)
