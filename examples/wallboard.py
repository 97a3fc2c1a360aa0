"""A wallboard: queues and agents on a screen on the wall, as they change.

SOFTSWITCH_KEY=ssk_... python examples/wallboard.py --url http://127.0.0.1:8088
"""

from __future__ import annotations

import argparse
import os
import time

from rich.console import Group
from rich.live import Live
from rich.table import Table

from softswitch.client import Client, Problem, Unreachable
from softswitch.client.models import AgentState, QueueState

COLOURS = {"idle": "green", "talking": "cyan", "ringing": "yellow", "wrap_up": "magenta"}
PATIENCE_S, HERE = 30, "http://127.0.0.1:8088"


def queues(rows: list[QueueState]) -> Table:
    table = Table("Queue", "Waiting", "Longest", "Ready", "Answered", "Abandoned", "Service", expand=True)
    for row in rows:
        level = "" if row.service_level is None else f"{row.service_level:.0%}"
        longest = f"{row.longest_wait_s:.0f} s" if row.waiting else ""
        name, figures = row.queue + " (closed)" * row.closed, (row.agents_ready, row.answered, row.abandoned)
        cells = (name, row.waiting, longest, *figures, level)
        table.add_row(*map(str, cells), style="bold red" if row.longest_wait_s > PATIENCE_S else "")
    return table


def agents(rows: list[AgentState]) -> Table:
    table = Table("Agent", "State", "Since", "Call", expand=True)
    for row in sorted(filter(lambda row: row.signed_in, rows), key=lambda row: (row.state, -row.for_s)):
        cells = (row.agent, row.reason or row.state, f"{row.for_s:.0f} s", row.call or "")
        table.add_row(*cells, style=COLOURS.get(row.state, "dim"))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description="Queues and agents on a screen on the wall.")
    parser.add_argument("--url", default=os.environ.get("SOFTSWITCH_URL", HERE), help="of the API")
    parser.add_argument("--once", action="store_true", help="print it once and end")
    options = parser.parse_args()
    key = os.environ.get("SOFTSWITCH_KEY") or parser.error("set SOFTSWITCH_KEY to a key of the API")
    with Client(options.url, key) as centre, Live(screen=not options.once) as live:
        while True:
            live.update(Group(queues([*centre.queues]), agents([*centre.agents])), refresh=True)
            if options.once:
                return
            time.sleep(1)


if __name__ == "__main__":
    try:
        main()
    except (Problem, Unreachable) as error:
        raise SystemExit(str(error)) from None
