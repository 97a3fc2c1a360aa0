"""softswitch trace: the messages of one call, from the ring that the switch writes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from softswitch.cli.ladder import Step, call_id_of, ladder, line, numbers_of
from softswitch.cli.options import UserError, config_option, example, json_option, node_of
from softswitch.cli.output import console, print_json
from softswitch.config import Node
from softswitch.net.masking import masked
from softswitch.net.pcap import write_pcap
from softswitch.net.trace import TraceReader, TraceUnreadable
from softswitch.net.udp import is_address

POLL_S = 0.2
PAPER_WIDTH = 110
NAMED_CALLS = 100


@dataclass
class Wanted:
    """The messages asked for: by Call-ID, each with its leg, or by a number. Nothing asked for: all."""

    text: str
    call: dict[str, Any] | None = None
    others: int = 0
    legs: dict[str, str] = field(default_factory=dict)

    def takes(self, sip_call_id: str, data: bytes) -> bool:
        if not self.text or sip_call_id in self.legs or sip_call_id == self.text:
            return True
        if self.call is None and self.text in numbers_of(data):
            # Requests that became no call, such as a registration: their whole dialog.
            self.legs[sip_call_id] = ""
            return True
        return False


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
        wanted = find(node, call)
        steps = [*steps_of(node, reader, wanted)]
    if not steps:
        raise UserError(f"the trace has no messages of {call}" if call else "the trace has no messages yet")
    if pcap is not None:
        _write(node, pcap, steps)
    if as_json:
        print_json([described(step) for step in steps])
    elif pcap is None:
        _print(wanted, steps)


def find(node: Node, call: str) -> Wanted:
    """What is known of a call by its id, a Call-ID or a number; nothing of what never became one."""
    from softswitch.store.queries import NoViews, find_calls, list_legs, open_views, wait_until_current

    if not call:
        return Wanted("")
    wait_until_current(node.state_dir, POLL_S)
    try:
        db = open_views(node.state_dir)
    except NoViews:
        return Wanted(call)
    with contextlib.closing(db):
        calls = find_calls(db, call, NAMED_CALLS)
        if not calls:
            return Wanted(call)
        legs = {calls[0]["sip_call_id"] or "": "caller"}
        for leg in list_legs(db, calls[0]["call"]):
            if leg["sip_call_id"]:
                legs[leg["sip_call_id"]] = leg["agent"] or leg["user"] or leg["trunk"] or leg["leg"]
    legs.pop("", None)
    return Wanted(call, calls[0], len(calls) - 1, legs)


def steps_of(node: Node, reader: TraceReader, wanted: Wanted) -> Iterator[Step]:
    """The wanted messages that are there, masked, none older than the settings allow."""
    oldest = time.time() - node.trace.hours * 3600
    for traced in reader.read():
        sip_call_id = call_id_of(traced.data)
        if traced.at >= oldest and wanted.takes(sip_call_id, traced.data):
            data = masked(traced.data, digits=node.trace.mask_digits)
            yield Step(traced._replace(data=data), sip_call_id, wanted.legs.get(sip_call_id, ""))


def described(step: Step) -> dict[str, Any]:
    """A message for programs; bytes that are no UTF-8 are replaced."""
    traced = step.traced
    return {
        "at": traced.at,
        "direction": "sent" if traced.sent else "received",
        "transport": traced.flow.transport,
        "local": list(traced.flow.local),
        "remote": list(traced.flow.remote),
        "sip_call_id": step.sip_call_id,
        "leg": step.leg,
        "message": traced.data.decode("utf-8", "replace"),
    }


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
        for step in steps_of(node, reader, find(node, call)):
            if as_json:
                print_json(described(step))
            else:
                click.echo(line(step))
        time.sleep(POLL_S)
