"""Messages as a ladder: a column for the switch, one for the other side of each leg, an arrow a message."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from softswitch.net.trace import Traced

SWITCH = "softswitch"
NARROWEST = 18
_TIME_WIDTH = 10
_CALL_ID = re.compile(rb"(?im)^(?:call-id|i)[ \t]*:[ \t]*(?:\r?\n[ \t]+)?([^\s]+)")
_CSEQ = re.compile(rb"(?im)^cseq[ \t]*:\s*[0-9]+\s+([^\s]+)")
_TYPE = re.compile(rb"(?im)^(?:content-type|c)[ \t]*:[ \t]*[^\s/;]+/([^\s;]+)")
_NUMBERS = re.compile(rb"(?im)^(?:from|f|to|t)[ \t]*:[^\r\n]*?(?:sips?|tel):([^@;>\s]+)")


@dataclass(frozen=True, slots=True)
class Step:
    """One message with what is shown of it. `leg` is our name of its leg, '' when it belongs to none."""

    traced: Traced
    sip_call_id: str
    leg: str = ""

    @property
    def remote(self) -> str:
        host, port = self.traced.flow.remote
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def column(self) -> tuple[str, str, str]:
        return self.sip_call_id, self.traced.flow.transport, self.remote

    @property
    def label(self) -> str:
        """`INVITE (sdp)`, `180 Ringing (INVITE)`."""
        head, _, body = self.traced.data.lstrip().partition(b"\r\n\r\n")
        words = head.split(b"\r\n", 1)[0].split(b" ", 2)
        if words[0].upper() == b"SIP/2.0":
            method = _CSEQ.search(head)
            about = [method[1]] if method else []
            shown = b" ".join(words[1:])
        else:
            about, shown = [], words[0]
        kind = _TYPE.search(head) if body else None
        about += [kind[1]] if kind else []
        return printable(shown + (b" (" + b", ".join(about) + b")" if about else b""))


def printable(raw: bytes) -> str:
    """Text without control characters: what a peer sends must not move the cursor of a terminal."""
    text = raw.decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def call_id_of(data: bytes) -> str:
    """The Call-ID, '' when there is none; malformed messages have one, too."""
    found = _CALL_ID.search(data.partition(b"\r\n\r\n")[0])
    return printable(found[1]) if found else ""


def numbers_of(data: bytes) -> set[str]:
    """The users or numbers in From and To."""
    return {printable(each) for each in _NUMBERS.findall(data.partition(b"\r\n\r\n")[0])}


def line(step: Step) -> str:
    """One message on one line."""
    at = datetime.fromtimestamp(step.traced.at).isoformat(sep=" ", timespec="milliseconds")
    arrow = "->" if step.traced.sent else "<-"
    return f"{at} {arrow} {step.traced.flow.transport:<3} {step.remote:<21} {step.label}  {step.sip_call_id}"


def ladder(steps: Sequence[Step], width: int) -> Iterator[str]:
    """The lines of the drawing; where there are more columns than fit into `width`, one line a message."""
    parties = list(dict.fromkeys(step.column for step in steps))
    column_width = (width - _TIME_WIDTH) // (len(parties) + 1) if parties else 0
    if not parties or column_width < NARROWEST:
        yield from map(line, steps)
        return
    column_width = min(column_width, 36)
    # The one who called first stands left of the switch, everybody else right of it.
    columns: list[tuple[str, str, str] | None] = [parties[0], None, *parties[1:]]
    places = [_TIME_WIDTH + column_width // 2 + index * column_width for index in range(len(columns))]
    names = {step.column: step.leg for step in reversed(steps)}
    for heading in (
        [SWITCH if each is None else f"{each[1]} {each[2]}" for each in columns],
        ["" if each is None else names[each] for each in columns],
    ):
        if any(heading):
            shown = "".join(text[: column_width - 2].center(column_width) for text in heading)
            yield (" " * _TIME_WIDTH + shown).rstrip()
    begun = steps[0].traced.at
    for step in steps:
        here, there = places[1], places[columns.index(step.column)]
        source, target = (here, there) if step.traced.sent else (there, here)
        yield f"{step.traced.at - begun:>{_TIME_WIDTH - 1}.3f} " + _arrow(
            source - _TIME_WIDTH, target - _TIME_WIDTH, [each - _TIME_WIDTH for each in places], step.label
        )


def _arrow(source: int, target: int, places: Sequence[int], label: str) -> str:
    cells = [" "] * (places[-1] + 1)
    for place in places:
        cells[place] = "│"
    left, right = sorted((source, target))
    cells[left + 1 : right] = "─" * (right - left - 1)
    cells[right - 1 if target > source else left + 1] = "▶" if target > source else "◀"
    room = min(abs(places[1] - places[0]), right - left) - 5
    text = f" {label if len(label) <= room - 2 else label[: room - 3] + '…'} "
    # Beside the column of the other side, where only this leg's arrows are.
    begin = max(left + 3, right - 2 - len(text)) if left == places[1] else left + 3
    cells[begin : begin + len(text)] = text
    return "".join(cells).rstrip()
