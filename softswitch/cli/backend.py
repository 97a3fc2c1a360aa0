"""softswitch backend: the business systems that flows ask over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from softswitch.cli.connection import call
from softswitch.cli.nouns import noun
from softswitch.control import NotRunning


def _add_state(config_path: Path | None, rows: list[dict[str, Any]]) -> None:
    """Which servers are asked (circuit closed) or left alone (open); nothing where no switch runs."""
    try:
        servers = call(config_path, "status")["backends"]
    except NotRunning:
        return
    for row in rows:
        mine = [each for each in servers if each["backend"] == row["name"]]
        row["servers"] = mine
        row["state"] = ", ".join(f"{each['url']} {each['circuit']}" for each in mine)


backend = noun(
    "backend",
    about="Business systems that flows ask over HTTP.",
    columns=("name", "urls", "state", "created_by"),
    sample="crm",
    sample_options="--urls https://crm1.example.com,https://crm2.example.com",
    without=("headers", "secret_headers"),
    live=_add_state,
)
