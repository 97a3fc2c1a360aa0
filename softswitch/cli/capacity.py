"""softswitch capacity: what a machine needs for so many calls, from measured costs."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from softswitch.capacity.costs import SUPPLIED, CannotRead, Costs
from softswitch.capacity.plan import BUSY, UNKNOWN, Demand, Plan, plan
from softswitch.capacity.yardstick import python_ms
from softswitch.cli.options import UserError, example, json_option
from softswitch.cli.output import print_json

POSITIVE = click.FloatRange(min=0, min_open=True, max=1e7)
SECONDS = click.FloatRange(min=0, max=86400)
SHARE = click.FloatRange(min=0, max=1, min_open=True, max_open=True)


@click.command(
    epilog=example(
        "softswitch capacity --calls-per-hour 1200 --handle 240 --agents 100",
        "softswitch capacity --calls-per-hour 1200 --handle 240 --wrap-up 20 --service-level 0.9",
    )
)
@click.option("--calls-per-hour", type=POSITIVE, required=True, help="Calls in the busiest hour.")
@click.option("--handle", type=POSITIVE, required=True, help="Mean length of a conversation in seconds.")
@click.option("--agents", type=click.IntRange(1, 100_000), help="Agents; else as many as the level needs.")
@click.option("--menu", type=SECONDS, default=20, show_default=True, help="Mean seconds in menus.")
@click.option(
    "--wrap-up", type=SECONDS, default=0, show_default=True, help="Seconds of wrap-up after a call."
)
@click.option(
    "--service-level", type=SHARE, default=0.8, show_default=True, help="Share of calls answered in time."
)
@click.option("--within", type=SECONDS, default=20, show_default=True, help="Which time that is, in seconds.")
@click.option("--blocked", type=SHARE, default=0.001, show_default=True, help="Share that may find no line.")
@click.option("--recorded", type=click.FloatRange(0, 1), default=1, show_default=True, help="Share recorded.")
@click.option(
    "--hours", type=click.FloatRange(0, 24, min_open=True), default=8, show_default=True, help="Hours a day."
)
@click.option(
    "--costs", "path", type=click.Path(path_type=Path), default=SUPPLIED, help="Costs measured elsewhere."
)
@click.option("--as-measured", is_flag=True, help="For the machine of the costs; else scaled to this one.")
@json_option
def capacity(path: Path, as_measured: bool, as_json: bool, **given: Any) -> None:
    """Tell cores, memory, bandwidth, disk and trunk lines for a call centre.

    From costs measured by python -m bench costs, and Erlang's formulas. Says what it does not know.
    docs/capacity.md explains every figure.
    """
    demand = Demand(
        calls_per_hour=given["calls_per_hour"],
        handle_s=given["handle"],
        agents=given["agents"],
        menu_s=given["menu"],
        wrap_up_s=given["wrap_up"],
        service_level=given["service_level"],
        within_s=given["within"],
        blocked=given["blocked"],
        hours_per_day=given["hours"],
        recorded=given["recorded"],
    )
    try:
        costs = Costs.read(path)
    except CannotRead as error:
        raise UserError(str(error)) from None
    slowness = 1.0 if as_measured else python_ms() / costs.python_ms
    found = plan(demand, costs, slowness)
    if as_json:
        print_json(as_data(found, costs, slowness))
        return
    for name, value in rows(found):
        click.echo(f"{name:22} {value}")
    for warning in found.warnings:
        click.echo(f"\n{warning}.")
    scaled = "as measured there" if as_measured else f"times {slowness:.2f}, as fast as Python is here now"
    click.echo(f"\nCosts of {costs.date} on {costs.machine}, {scaled}. Not known:")
    for each in UNKNOWN:
        click.echo(f"  {each}")


def rows(found: Plan) -> list[tuple[str, str]]:
    """Name and value of each line."""
    roles = ", ".join(f"{role} {cores:.2f}" for role, cores in found.cores_by_role.items())
    wait = f"{found.mean_wait_s:.0f} s" if math.isfinite(found.mean_wait_s) else "without end"
    return [
        (
            "agents",
            f"{found.agents}, busy {found.occupancy:.0%}; the service level needs {found.agents_needed}",
        ),
        ("service level", f"{found.service_level:.1%}, mean wait {wait}"),
        ("at a time", f"{found.conversations:.0f} conversations, {found.waiting:.0f} in menus and queues"),
        ("trunk lines", f"{found.lines}"),
        ("cores", f"{found.cores}, of which {found.busy_cores:.2f} are busy ({BUSY:.0%} at most): {roles}"),
        ("media workers", f"{found.media_workers}"),
        ("memory", f"{found.memory_mib:.0f} MiB, beside the system's own"),
        ("bandwidth", f"{found.bandwidth_mbit_s:.1f} Mbit/s each way, {found.packets_per_s:.0f} packets/s"),
        ("recordings", f"{found.recordings_gib_per_day:.1f} GiB a day as WAV"),
        ("records", f"{found.records_mib_per_day:.1f} MiB a day in journal and database"),
        ("one switch decides", f"at most {found.most_calls_per_hour:,.0f} calls an hour"),
    ]


def as_data(found: Plan, costs: Costs, slowness: float) -> dict[str, Any]:
    """What JSON tells; a wait without end is null."""
    data = {**asdict(found), "busy_cores": found.busy_cores, "slowness": slowness, "unknown": UNKNOWN}
    for name in ("mean_wait_s", "most_calls_per_hour"):
        data[name] = data[name] if math.isfinite(data[name]) else None
    return {**data, "costs": {"date": costs.date, "machine": costs.machine}}
