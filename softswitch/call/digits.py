"""Keys that come in SIP INFO."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softswitch.sip.message import Message

DTMF_TYPES = ("application/dtmf-relay", "application/dtmf")
DIGITS = frozenset("0123456789*#ABCD")


def info_digit(message: Message) -> str | None:
    """The key in an INFO of either kind (`application/dtmf-relay`: `Signal=5`; `application/dtmf`: `5`)."""
    kind = (message.get("Content-Type") or "").partition(";")[0].strip().lower()
    if kind not in DTMF_TYPES:
        return None
    text = message.body[:256].decode("ascii", "replace")
    if kind == "application/dtmf-relay":
        signals = [line.partition("=")[2] for line in text.splitlines() if line.lower().startswith("signal")]
        text = signals[0] if signals else ""
    digit = {"10": "*", "11": "#"}.get(text.strip(), text.strip().upper())
    return digit if digit in DIGITS else None


def info_body(digit: str) -> tuple[str, bytes]:
    """Content type and body of the INFO that says this key."""
    return "application/dtmf-relay", f"Signal={digit}\r\nDuration=160\r\n".encode()
