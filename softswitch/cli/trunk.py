"""softswitch trunk: carriers, gateways and other exchanges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from softswitch.cli.connection import call
from softswitch.cli.nouns import noun
from softswitch.control import NotRunning


def _add_state(config_path: Path | None, rows: list[dict[str, Any]]) -> None:
    """What goes over each trunk, and which of its addresses answer; nothing where no switch runs."""
    try:
        trunks = call(config_path, "status")["trunks"]
    except NotRunning:
        return
    for row in rows:
        state = trunks.get(row["name"])
        if state is not None:
            row["state"] = state
            row["calls"], row["asr_percent"] = state["calls"], state["asr_percent"]
            row["reachable"] = _reachable(state)


def _reachable(state: dict[str, Any]) -> str:
    """The addresses that are asked, and our registration, each with how it stands."""
    told = [f"{address} {up}" for address, up in state["targets"].items()]
    if "registered" in state:
        told.append("registered" if state["registered"] else f"not registered ({state['status']})")
    return ", ".join(told)


trunk = noun(
    "trunk",
    about="Trunks to carriers, gateways and other exchanges.",
    columns=(
        "name",
        "addresses",
        "allow_from",
        "transport",
        "calls",
        "asr_percent",
        "reachable",
        "created_by",
    ),
    sample="carrier",
    sample_options="--addresses 192.0.2.10:5060 --allow-from 192.0.2.0/28",
    live=_add_state,
)
