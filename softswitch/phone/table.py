"""The demo's screen: queues, agents and calls as they are now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

MOST_CALLS = 12
COLOURS = {
    "talking": "green",
    "ringing": "yellow",
    "reserved": "yellow",
    "waiting": "yellow",
    "wrap_up": "cyan",
    "idle": "white",
    "signed_out": "bright_black",
}

State = dict[str, Any]


def screen(state: State, calls: list[State], counted: str, invitation: str) -> RenderableType:
    """Everything, from the answers of `status` and `call list`."""
    return Group(
        Text("softswitch demo", style="bold"),
        Text(counted),
        Text(),
        _queues(state.get("queues", {})),
        _agents(state.get("agents", {})),
        _calls(calls),
        Text(invitation, style="bright_black"),
        Text("Ctrl-C stops everything.", style="bright_black"),
    )


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(
        title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", min_width=66
    )
    for column in columns:
        table.add_column(column, min_width=9)
    return table


def _queues(queues: dict[str, State]) -> Table:
    table = _table("Queues", ("queue", "waiting", "longest", "answered", "abandoned", "level"))
    for name, row in queues.items():
        level = row.get("service_level")
        table.add_row(
            name,
            str(row["waiting"]),
            f"{row['longest_wait_s']:.0f} s",
            str(row["answered"]),
            str(row["abandoned"]),
            "" if level is None else f"{level:.0%}",
        )
    return table


def _agents(agents: dict[str, State]) -> Table:
    table = _table("Agents", ("agent", "state", "for", "status", "queues"))
    for name, row in agents.items():
        state = str(row["state"]) if row["signed_in"] else "signed_out"
        table.add_row(
            name,
            Text(state.replace("_", " "), style=COLOURS.get(state, "")),
            f"{row['for_s']:.0f} s",
            str(row["status"]).replace("_", " "),
            ", ".join(row["queues"]),
        )
    return table


def _calls(calls: list[State]) -> Table:
    table = _table(f"Calls ({len(calls)})", ("from", "state", "queue", "agent", "for"))
    for row in calls[:MOST_CALLS]:
        state = str(row["state"])
        table.add_row(
            escape(str(row["from"])),
            Text(state, style=COLOURS.get(state, "")),
            row["queue"] or "",
            row["agent"] or "",
            f"{row['for_s']:.0f} s",
        )
    return table
