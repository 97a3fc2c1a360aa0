"""How long a real phone's INVITE takes to read: `python bench/parsing.py` prints microseconds.

Run as a script with the source tree under test in PYTHONPATH; nothing of the bench itself is imported.
No text is parsed twice, so that nothing which the parser remembers of identifiers helps.
"""

from __future__ import annotations

import re
import statistics
import time
from pathlib import Path

from softswitch.sip.message import parse

MESSAGES = Path(__file__).resolve().parent / "messages"
BATCHES = 5
VARIANTS = 300
_IDENTIFIERS = re.compile(
    rb"(?m)((?:branch=|;tag=|^Call-ID: |^INVITE sip:)[^@;>\r\n ]*?)[^@;>\r\n ]{1,4}(?=[@;>\r\n ])"
)


def variants(message: bytes, first: int, count: int) -> list[bytes]:
    """The same INVITE of other calls to other numbers: R-URI, branches, tags and Call-ID differ."""
    return [_IDENTIFIERS.sub(rb"\g<1>%04x" % number, message) for number in range(first, first + count)]


def read(data: bytes) -> tuple[object, ...]:
    """What a switch reads of every INVITE."""
    message = parse(data)
    return (
        message.request_uri,
        message.transport,
        message.sent_by,
        message.branch,
        message.from_tag,
        message.to_tag,
        message.sip_call_id,
        message.cseq,
        message.max_forwards,
        message.all("Route"),
    )


def parse_us(message: bytes) -> float:
    """CPU time to read one message, the median of several batches."""
    batches = []
    for number in range(BATCHES):
        batch = variants(message, number * VARIANTS, VARIANTS)
        begin = time.thread_time()
        for data in batch:
            read(data)
        batches.append((time.thread_time() - begin) / VARIANTS * 1e6)
    return statistics.median(batches)


def phones() -> dict[str, bytes]:
    """The INVITEs by the name of the phone."""
    return {path.stem: path.read_bytes() for path in sorted(MESSAGES.glob("*.sip"))}


if __name__ == "__main__":
    print(statistics.median(parse_us(message) for message in phones().values()))
