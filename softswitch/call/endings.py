"""What the end of a SIP session means for the call, and what other phones are told of it."""

from __future__ import annotations

from collections.abc import Sequence

from softswitch.reasons import from_status
from softswitch.reasons import reason as reason_of
from softswitch.sip.values import Reason

_CAUSES = {
    "timeout": "no_response",
    "no_ack": "no_ack",
    "transport_failed": "transport_failed",
    "stale": "stale_dialog",
    "session_expired": "session_expired",
}
"""Reason codes of the ends of a SIP session that nobody asked for."""


def ending(cause: str, status: int, side: str) -> tuple[str, str]:
    """Reason code and who ended it (caller, agent or switch) for what the SIP session of `side` tells."""
    if cause == "remote_bye":
        return f"normal_hang_up_{side}", side
    if cause == "remote_cancel":
        return "caller_cancelled", side
    if cause == "rejected":
        return from_status(status).code, side
    return _CAUSES.get(cause, "internal_error"), "switch"


def reason_header(reason: str, heard: tuple[str, Sequence[Reason]]) -> str | Sequence[Reason]:
    """What the other legs are told of an ending (RFC 3326): what the one said that ended so, else ours.

    For phones that did not win the call: no missed call is to be shown.
    """
    if heard[1] and heard[0] == reason:
        return heard[1]
    if reason == "answered_elsewhere":
        return 'SIP;cause=200;text="Call completed elsewhere"'
    return reason_of(reason).header()


def warning_line(text: str) -> str:
    """A Warning header for people who look for the cause (RFC 3261 section 20.43), '' without a text."""
    quoted = text.replace("\\", "").replace('"', "'")
    return f'Warning: 399 softswitch "{quoted}"\r\n' if text else ""
