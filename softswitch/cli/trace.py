"""softswitch trace: the messages of one call, from the ring that the switch writes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from softswitch.cli.options import UserError, config_option, example, json_option, node_of
from softswitch.cli.output import console, print_json
from softswitch.config import Node
from softswitch.net.call_trace import Wanted, described, find, steps_of
from softswitch.net.ladder import Step, ladder, line
from softswitch.net.pcap import write_pcap
from softswitch.net.trace import TraceReader, TraceUnreadable
from softswitch.net.udp import is_address

POLL_S = 0.2
PAPER_WIDTH = 110


@click.command(
    epilog=example(
        "softswitch trace 5f3a9c", "softswitch trace 100 --pcap call.pcap", "softswitch trace --follow"
    )
)
@click.argument("call", required=False, default="")
@click.option("--pcap", type=click.Path(path_type=Path), help="Write a capture file for Wireshark.")
@click.option("--follow", is_flag=True, help="Go on with what comes, one line a message, until Ctrl-C.")
@config_option
@json_option
def trace(call: str, pcap: Path | None, follow: bool, config_path: Path | None, as_json: bool) -> None:
    """Show the SIP messages of a call: those of all its legs, as a ladder.

    CALL is an id (of cdr list or call list), a SIP Call-ID, or a number, of which the newest call is shown;
    without it all messages are shown. The switch keeps the last ones (trace in softswitch.yaml), and they are
    there when a call has ended and when the switch is down. Passwords and keys are never shown.
    """
    node = node_of(config_path)
    try:
        reader = TraceReader(node.trace_path)
    except TraceUnreadable as error:
        raise UserError(
            f"there is no trace ({error}); the switch writes one unless trace.mebibytes is 0"
        ) from None
    with contextlib.closing(reader):
        if follow:
            _follow(node, reader, call, as_json)
            return
        wanted = find(node.state_dir, call)
        steps = [*_steps(node, reader, wanted)]
    if not steps:
        raise UserError(f"the trace has no messages of {call}" if call else "the trace has no messages yet")
    if pcap is not None:
        _write(node, pcap, steps)
    if as_json:
        print_json([described(step) for step in steps])
    elif pcap is None:
        _print(wanted, steps)


def _steps(node: Node, reader: TraceReader, wanted: Wanted) -> Iterator[Step]:
    return steps_of(reader, wanted, hours=node.trace.hours, mask_digits=node.trace.mask_digits)


def _print(wanted: Wanted, steps: list[Step]) -> None:
    out = console()
    if wanted.call is not None:
        told, number = wanted.call, f"; {wanted.others} older calls have it, too" if wanted.others else ""
        click.echo(
            f"call {told['call']} from {told['from_number']} to {told['to_number']}, "
            f"{told['reason'] or 'going on'}{number}"
        )
    click.echo(datetime.fromtimestamp(steps[0].traced.at).isoformat(sep=" ", timespec="milliseconds"))
    # Messages of many dialogs are no ladder.
    drawn = ladder(steps, out.width if out.is_terminal else PAPER_WIDTH) if wanted.text else map(line, steps)
    for each in drawn:
        click.echo(each)


def _write(node: Node, path: Path, steps: list[Step]) -> None:
    """The capture; names and wildcards in it are the addresses that the same call was heard from or at."""
    addresses = {listen.host: listen.advertised_address[0] for listen in node.sip.listen}
    heard = {step.sip_call_id: step.traced.flow.remote[0] for step in steps if not step.traced.sent}
    for step in steps:
        name = step.traced.flow.remote[0]
        if not is_address(name) and step.sip_call_id in heard:
            addresses[name] = heard[step.sip_call_id]
    with path.open("wb") as file:
        count = write_pcap(file, (step.traced for step in steps), addresses)
    click.echo(f"{count} messages written to {path}", err=True)


def _follow(node: Node, reader: TraceReader, call: str, as_json: bool) -> None:
    while True:
        for step in _steps(node, reader, find(node.state_dir, call)):
            if as_json:
                print_json(described(step))
            else:
                click.echo(line(step))
        time.sleep(POLL_S)
