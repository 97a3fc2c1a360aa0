"""softswitch calendar: opening hours and holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import click

from softswitch.calendars import described
from softswitch.cli.connection import stored
from softswitch.cli.nouns import noun
from softswitch.cli.options import UserError, config_option, example, json_option, node_of
from softswitch.cli.output import console, print_json, table
from softswitch.config.errors import did_you_mean

calendar = noun(
    "calendar",
    about="Opening hours and holidays, by which queues open and close.",
    columns=("name", "time_zone", "country", "region", "created_by"),
    sample="office",
    sample_options="--country DE --region BY",
    without=("week", "dates"),
)


@calendar.command(
    "show",
    epilog=example(
        "softswitch calendar show office", "softswitch calendar show office --on 2026-12-24 --days 14"
    ),
)
@click.argument("name")
@click.option("--on", "on", metavar="DATE", help="First day shown, YYYY-MM-DD; else today there.")
@click.option("--days", type=click.IntRange(1, 400), default=7, show_default=True, help="How many days.")
@config_option
@json_option
def show(name: str, on: str | None, days: int, config_path: Path | None, as_json: bool) -> None:
    """Show when it is open on some days, whether it is open now, and until when."""
    centre = stored(node_of(config_path)).centre
    if name not in centre.calendars:
        raise UserError(f"there is no calendar {name!r}; {did_you_mean(name, centre.calendars)}")
    first = None if on is None else _date(on)
    try:
        told = described(centre.calendars[name], centre.numbering.time_zone, datetime.now(UTC), first, days)
    except OverflowError:
        raise UserError(f"--on {on!r} is too late; allowed: up to --days before the year 10000") from None
    if as_json:
        print_json(told)
        return
    change = f" until {told['until']}" if told["until"] else ""
    named = f" ({told['day']})" if told["day"] else ""
    click.echo(f"{name}, {told['time_zone']}: {told['now']}{named} now{change}")
    console().print(table(told["days"], ("date", "day", "hours", "name")))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(f"--on {text!r} is no date; allowed: YYYY-MM-DD") from None
