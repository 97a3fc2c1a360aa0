"""Calls under way as rows, for those who look at them and steer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.conference_activity import ConferenceActivity

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg
    from softswitch.call.party import Party
    from softswitch.call.recording import Recording
    from softswitch.call.transfer import Transfer


def describe(call: Call, now: float, own: str | None = None) -> dict[str, Any]:
    """One line of `call list`. `users` and `agents` are those who are in it, or whose phones ring for it.

    With `own`, the user who looks, who withholds the number stays unknown; so it is in all that follows.
    """
    everybody = [call.caller, *(leg.party for leg in call.legs.values())]
    parties = [party for party in everybody if not _is_hidden(party, own)]
    return {
        "call": call.id,
        "from": "" if _is_hidden(call.caller, own) else call.caller.number,
        "to": call.dialled,
        "state": state_of(call),
        "queue": call.queue,
        "agent": call.agent,
        "users": [*dict.fromkeys(party.name for party in parties if party.kind == "user")],
        "agents": [*dict.fromkeys(party.agent for party in parties if party.agent is not None)],
        "for_s": round(now - call.started, 1),
    }


def state_of(call: Call) -> str:
    """talking, waiting, ending, or what the caller is in: flow, dial, conference, parked, service …"""
    if call.conversation is not None:
        return "talking"
    if call.activity is None:
        return "ending"
    return call.activity.kind if call.waiting is None else "waiting"


def _is_hidden(party: Party, own: str | None) -> bool:
    return own is not None and party.withheld and (party.kind, party.name) != ("user", own)


def describe_whole(call: Call, now: float, own: str | None = None) -> dict[str, Any]:
    """What `call show` has of a call; durations in seconds, null where there is none of it."""
    recording, transfer = _recording(call), call.transfer
    run = call.activity.flow_run if call.activity is not None else None
    return {
        **describe(call, now, own),
        "from_name": "" if _is_hidden(call.caller, own) else call.caller.display,
        "answered": call.inbound.state == "answered",
        "wait_s": round(call.wait_s, 1),
        "legs": [_leg(call, leg, now, own) for leg in call.legs.values()],
        "conversation": _conversation(call, now),
        "waiting": _waiting(call, now),
        "flow": None if run is None else {"name": run.flow.name, "step": run.step},
        "conference": _conference(call),
        "transfer": None if transfer is None else _transfer(transfer, own),
        "recording": None if recording is None else _of_recording(recording),
        "data": call.data.values,
    }


def _transfer(transfer: Transfer, own: str | None) -> dict[str, Any]:
    return {"by": "" if _is_hidden(transfer.by, own) else transfer.by.name, "to": transfer.target}


def _leg(call: Call, leg: Leg, now: float, own: str | None) -> dict[str, Any]:
    """`holds`: this party hears nobody, by its own wish; `held`: it hears music, as the other one holds."""
    conversation, party = call.conversation, leg.party
    hidden, is_user = _is_hidden(party, own), party.kind == "user"
    other = conversation.other(leg) if conversation is not None and leg in conversation.legs else None
    return {
        "leg": leg.id,
        "side": "caller" if leg is call.inbound else "other",
        "kind": party.kind,
        "name": "" if hidden and is_user else party.name,
        "number": "" if hidden else party.number,
        "user": party.name if is_user and not hidden else None,
        "agent": party.agent,
        "state": leg.state,
        "for_s": None if leg.since is None else round(now - leg.since, 1),
        "holds": leg.holds,
        "held": other is not None and other.holds and not leg.holds,
        "codec": leg.audio.send.encoding if leg.audio is not None else None,
    }


def _conversation(call: Call, now: float) -> dict[str, Any] | None:
    talk = call.conversation
    if talk is None:
        return None
    return {
        "legs": [leg.id for leg in talk.legs],
        "queue": talk.queue,
        "agent": talk.agent,
        "supervisors": [each.call.caller.name for each in talk.supervisions],
        "for_s": round(now - talk.started, 1),
    }


def _waiting(call: Call, now: float) -> dict[str, Any] | None:
    waiting, acd = call.waiting, call.exchange.acd
    if waiting is None:
        return None
    return {
        "queue": waiting.queue,
        "place": acd.place_of(call.id),
        "priority": acd.priority_of(call.id),
        "offered_to": waiting.offered_to,
        "for_s": round(now - waiting.queued_at, 1),
    }


def _conference(call: Call) -> str | None:
    activity = call.activity
    return activity.conference.id if isinstance(activity, ConferenceActivity) else None


def _recording(call: Call) -> Recording | None:
    if call.conversation is not None:
        return call.conversation.recording
    if isinstance(call.activity, ConferenceActivity):
        members = call.activity.conference.members
        found = (members[leg.id].recording for leg in call.activity.legs)
        return next((each for each in found if each is not None), None)
    return call.transfer.recording if call.transfer is not None else None


def _of_recording(recording: Recording) -> dict[str, Any]:
    return {"recording": recording.id, "state": "paused" if recording.paused else "recording"}
