"""What the media workers report, and who is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.conversation_keys import key_pressed
from softswitch.call.outputs import Fact

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.call.message_taking import Recorded
    from softswitch.call.recording import Recording

# A new worker finishes what its predecessor left behind 30 s after it has been greeted.
RECORDING_LOST_S = 60.0


def media_event(exchange: Exchange, worker: int, event: dict[str, Any], now: float, out: list[Any]) -> None:
    """One event of the media control protocol."""
    handler = _MEDIA_EVENTS.get(event["event"])
    if handler is not None:
        handler(exchange, worker, event, now, out)


def _connected(exchange: Exchange, worker: int, event: dict[str, Any], now: float, out: list[Any]) -> None:
    exchange.media.connected(worker, event, out)
    under_way: list[Recording | Recorded] = [*exchange.recordings.values()]
    under_way += exchange.voicemail.recording.values()
    for recording in under_way:
        if recording.worker == worker and not exchange.media.wants(worker, "recorder", recording.id):
            exchange.deadlines.set(("recording", recording.id), now + RECORDING_LOST_S)


def _ports(exchange: Exchange, worker: int, event: dict[str, Any], now: float, out: list[Any]) -> None:
    exchange.media.ports_granted(worker, event["granted"])


def _load(exchange: Exchange, worker: int, event: dict[str, Any], now: float, out: list[Any]) -> None:
    exchange.media.workers[worker].report(event)


def _digit(exchange: Exchange, worker: int, event: dict[str, Any], now: float, out: list[Any]) -> None:
    call = exchange.call_of(event["leg"])
    leg = call.legs.get(event["leg"]) if call is not None else None
    if call is None or leg is None:
        return
    if call.conversation is None:
        leg.owner.leg_digit(leg, event["digit"], now, out)
    elif leg in (call.conversation.caller, call.conversation.callee):
        # What goes by RTP the worker has passed on already.
        conversation, other = call.conversation, call.conversation.other(leg)
        if other.keys_by == "info":
            other.send_digits(event["digit"], now, out)
        key_pressed(conversation, leg, event["digit"], now, out)


def _no_media(exchange: Exchange, worker: int, event: dict[str, Any], now: float, out: list[Any]) -> None:
    call = exchange.call_of(event["leg"])
    leg = call.legs.get(event["leg"]) if call is not None else None
    if call is not None and leg is not None and leg.state == "answered":
        call.no_media(leg, event["seconds"], now, out)


def _player_finished(
    exchange: Exchange, worker: int, event: dict[str, Any], now: float, out: list[Any]
) -> None:
    call = exchange.call_of(event["id"])
    if event["reason"] == "failed":
        out.append(Fact("alarm_raised", {"code": "prompt_failed", "message": event.get("detail", "")}))
    if call is None:  # a tone that others heard, who have hung up
        exchange.media.forget(worker, "player", event["id"])
    else:
        call.player_finished(event["id"], now, out)


def _recorder_finished(
    exchange: Exchange, worker: int, event: dict[str, Any], now: float, out: list[Any]
) -> None:
    message = exchange.voicemail.recording.get(event["id"])
    if message is not None:
        exchange.deadlines.cancel(("recording", message.id))
        message.finished(event, out)
        message.over(now, out)
    recording = exchange.recordings.get(event["id"])
    if recording is not None:
        exchange.deadlines.cancel(("recording", recording.id))
        recording.finished(event, out)
        call = exchange.calls.get(recording.call)
        if call is not None:
            call.recording_finished(recording.id, out)


def _error(exchange: Exchange, worker: int, event: dict[str, Any], now: float, out: list[Any]) -> None:
    """Silence takes the place of a prompt that cannot be played: somebody should mend it."""
    if event["about"].get("kind") == "player":
        out.append(Fact("alarm_raised", {"code": "prompt_failed", "message": event["message"]}))


def _heard(exchange: Exchange, worker: int, event: dict[str, Any], now: float, out: list[Any]) -> None:
    recording = exchange.recordings.get(event["id"])
    message = exchange.voicemail.recording.get(event["id"])
    if recording is not None:
        recording.heard(event, out)
    elif message is not None:
        message.heard(event, now, out)


def _recorder_alarm(
    exchange: Exchange, worker: int, event: dict[str, Any], now: float, out: list[Any]
) -> None:
    out.append(Fact("alarm_raised", {"code": "recorder", "message": event["message"]}))


_MEDIA_EVENTS = {
    "snapshot": _connected,
    "ports": _ports,
    "load": _load,
    "error": _error,
    "digit": _digit,
    "no_media": _no_media,
    "player_finished": _player_finished,
    "recorder_finished": _recorder_finished,
    "recorder_alarm": _recorder_alarm,
    "long_silence": _heard,
    "talk_over": _heard,
}
