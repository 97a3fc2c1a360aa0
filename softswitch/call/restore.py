"""Taking up where a former switch process stopped, from the live state that its journal kept.

Answered calls go on: conversations with their bridge and recording, callers in a queue with their place,
callers in a flow at the step they were in. What was still ringing cannot be carried over and is cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.acd.callback import OUT
from softswitch.acd.history import RESTORED
from softswitch.call.call import Call
from softswitch.call.callback_activity import CallbackActivity
from softswitch.call.conference_activity import ConferenceActivity
from softswitch.call.flow_activity import FlowActivity
from softswitch.call.message_taking import Recorded
from softswitch.call.originating import OriginateActivity
from softswitch.call.outputs import Fact, Keep
from softswitch.call.parking import ParkActivity
from softswitch.call.recording import Recording
from softswitch.call.supervision import CALL, SupervisionActivity
from softswitch.call.survey import SurveyActivity
from softswitch.call.voicemail_menu import VoicemailActivity
from softswitch.config import KINDS

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange

RESTARTED = "switch_restarted"
MADE_HERE = (CallbackActivity.kind, OriginateActivity.kind)
CALLED_AGAIN_S = 2.0
"""When a callback is made again that the restart has cut off: phones and media are there again by then."""


def restore(
    exchange: Exchange, state: Mapping[str, Any], generation: int, now: float, out: list[Any]
) -> None:
    """Fill a new exchange, whose directory already holds its configuration."""
    centre = exchange.centre
    for key, kept in _under(state, "flow_version/"):
        exchange.flows.restore(key, kept)
    exchange.configured(
        (
            (kind, name, value)
            for kind, entry in KINDS.items()
            for name, value in getattr(centre, entry.group).items()
        ),
        now,
        out,
    )
    exchange.acd.restore(dict(state), now)
    exchange.seats.restored()
    _restore_callbacks(exchange, state, now, out)
    out.append(Fact(RESTORED, {"mono": now}))
    for user, kept in _under(state, "binding/"):
        if user in centre.users:
            exchange.registrar.restore(user, kept, out)
    exchange.qualifying.start(now)
    for source, kept in _under(state, "ban/"):
        exchange.bans.restore(source, kept, out)
    for user, kept in _under(state, "forward/"):
        exchange.forwards.restore(user, kept)
    for trunk, kept in _under(state, "trunk_statistics/"):
        exchange.trunks.restore(trunk, kept)
    for user, kept in _under(state, "mailbox/"):
        exchange.mailboxes.restore(user, kept)
    for number, kept in _under(state, "last_agent/"):
        exchange.last_agents.restore(number, kept)
    for id, kept in _under(state, "action/"):
        exchange.actions.restore(id, kept)
    for key, kept in sorted(_under(state, "command/"), key=lambda each: int(each[1]["number"])):
        exchange.idempotency.restore(key, kept)
    for _, kept in _under(state, "voice_message/"):
        exchange.voicemail.restore(kept)
    for name, kept in _under(state, "greeting/"):
        exchange.voicemail.restore_greeting(name, kept)
    for id, kept in _under(state, "message_recording/"):
        exchange.voicemail.recording[id] = Recorded.from_state(exchange, kept)
    for id, kept in _under(state, "recording/"):
        exchange.recordings[id] = Recording.from_state(exchange, kept)
    kept_calls = [kept for _, kept in _under(state, "call/")]
    for kept in kept_calls:
        _restore_call(exchange, kept, now, out)
    _restore_call_data(exchange, state, out)
    _restore_reports(exchange, state, now, out)
    activities = {call: state[f"call/{call.id}"]["activity"] or {} for call in exchange.calls.values()}
    # Supervisors come last: the conferences that they hear are there again by then.
    for call in sorted(activities, key=lambda each: activities[each].get("kind") == "supervision"):
        _resume(call, activities[call], now, out)
    for id, kept in _under(state, "lookup/"):
        exchange.lookups.restore(id, kept, now, out)
    under_way: list[Recording | Recorded] = [*exchange.recordings.values()]
    under_way += exchange.voicemail.recording.values()
    for recording in under_way:
        if not exchange.media.has(recording.worker):
            recording.finished({"error": f"media worker {recording.worker} is no longer configured"}, out)
    _forget_lost_calls(exchange, state, now, out)
    exchange.opening.start(now)
    exchange.watching.restore((kept for _, kept in _under(state, "watch/")), now, out)
    talking = sum(call.conversation is not None for call in exchange.calls.values())
    out.append(
        Fact(
            "switch_started",
            {
                "generation": generation,
                "restored_calls": talking,
                "restored_queued": len(exchange.calls) - talking,
            },
        )
    )
    out.append(Keep("generation", {"value": generation}))


def _restore_call_data(exchange: Exchange, state: Mapping[str, Any], out: list[Any]) -> None:
    for id, kept in _under(state, "call_data/"):
        call = exchange.calls.get(id)
        if call is not None:
            call.data.restore(kept)
        else:
            out.append(Keep(f"call_data/{id}", None))


def _restore_reports(exchange: Exchange, state: Mapping[str, Any], now: float, out: list[Any]) -> None:
    """Who has asked for a transfer hears how it goes on; of one that is lost, that it has failed."""
    transfers = {call.transfer.reports_id: call.transfer for call in exchange.calls.values() if call.transfer}
    for id, kept in _under(state, "referral/"):
        reports = exchange.ua.restore_reports(kept, now, out)
        if id in transfers:
            transfers[id].reports = reports
        else:
            reports.finish(503, now, out)


def _restore_callbacks(exchange: Exchange, state: Mapping[str, Any], now: float, out: list[Any]) -> None:
    """Of those that were being made, only a customer who was on the line is still there."""
    for callback in [*exchange.acd.callbacks.open.values()]:
        kept = state.get(f"call/{callback.call}") or {}
        if callback.state in OUT and not (kept.get("activity") or {}).get("waiting"):
            event = acd.CallbackReturned(callback.call, RESTARTED, CALLED_AGAIN_S)
            exchange.acd_event(event, now, out)


def _under(state: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    return [(key.removeprefix(prefix), value) for key, value in state.items() if key.startswith(prefix)]


def _restore_call(exchange: Exchange, kept: dict[str, Any], now: float, out: list[Any]) -> None:
    _stop_ringing(exchange, kept, now, out)
    if kept["inbound"]["state"] == "answered":
        exchange.calls[kept["id"]] = Call.from_state(exchange, kept, out)
    else:
        _end_unanswered(kept, now, out)


def _stop_ringing(exchange: Exchange, kept: dict[str, Any], now: float, out: list[Any]) -> None:
    """Cancel the legs that rang, and end the offers for which they did."""
    activity = kept["activity"] or {}
    waiting = activity.get("waiting") or {}
    offers = (*waiting.get("offers", ()), *activity.get("offers", ()))
    for rang in (activity, *offers):
        for ringing in rang.get("ringing", ()):
            exchange.ua.abandon_session(ringing["session"], now, out)
            _leg_ended(kept["id"], ringing["leg"], out)
    for offer in offers:
        ended = {
            "call": kept["id"],
            "queue": (waiting or activity)["queue"],
            "agent": offer["agent"],
            "offer": offer["offer"],
            "outcome": "withdrawn",
            "reason": RESTARTED,
            "ring_s": round(now - offer["offered_at"], 3),
        }
        out.append(Fact("offer_ended", ended))
        _agent_rings_no_more(exchange, offer["agent"], out)


def _agent_rings_no_more(exchange: Exchange, name: str, out: list[Any]) -> None:
    """The queues took the agent up without the offer; who reads the facts should know."""
    agent = exchange.acd.agent(name)
    if agent is not None:
        told = {"state": agent.state.value, "reason": RESTARTED, "call": agent.call}
        figures = {"idle_since": agent.idle_since, "calls": agent.calls, "talk_s": agent.talk_s}
        out.append(Fact("agent_state_changed", {"agent": name, **told, **figures}))


def _leg_ended(call: str, leg: str, out: list[Any]) -> None:
    out.append(Fact("leg_ended", {"call": call, "leg": leg, "reason": RESTARTED, "ended_by": "local"}))


def _end_unanswered(kept: dict[str, Any], now: float, out: list[Any]) -> None:
    """The caller of a call in set-up was never answered: its record ends here."""
    id = kept["id"]
    if (kept["activity"] or {}).get("kind") not in MADE_HERE:  # where a leg stands for one that is to come
        _leg_ended(id, kept["inbound"]["id"], out)
    ended = {
        "call": id,
        "reason": RESTARTED,
        "outcome": "failed",
        "ended_by": "switch",
        "duration_s": round(now - kept["started"], 3),
        "wait_s": 0.0,
        "talk_s": 0.0,
        "queue": None,
        "agent": None,
    }
    out.append(Fact("call_ended", ended))
    out.append(Keep(f"call/{id}", None))


def _resume(call: Call, activity: dict[str, Any], now: float, out: list[Any]) -> None:
    """Go on with what the caller was doing, now that all calls are known again.

    Where there are fewer media workers than before, those that carried the call may be gone.
    """
    exchange = call.exchange
    if not all(exchange.media.has(leg.worker) for leg in call.legs.values()):
        call.end("media_unavailable", "switch", now, out)
    elif not call.ended and call.conversation is None:
        resume = _RESUME.get(activity.get("kind", ""), _give_up)
        resume(call, activity, now, out)
    call.keep(out)


def _resume_survey(call: Call, activity: dict[str, Any], now: float, out: list[Any]) -> None:
    survey = SurveyActivity(call, call.exchange.flows.run_from_state(activity["run"]))
    call.activity = survey
    survey.resume(activity["waiting"], now, out)


def _resume_flow(call: Call, activity: dict[str, Any], now: float, out: list[Any]) -> None:
    flow = FlowActivity(call, call.exchange.flows.run_from_state(activity["run"]))
    call.activity = flow
    flow.resume(activity["waiting"], now, out)


def _resume_supervision(call: Call, activity: dict[str, Any], now: float, out: list[Any]) -> None:
    watched, scope = activity["call"], activity.get("scope", CALL)
    if scope == CALL and watched not in call.exchange.calls:
        _give_up(call, activity, now, out)
        return
    supervision = SupervisionActivity(call, watched, activity["user"], activity["mode"], scope)
    call.activity = supervision
    call.exchange.supervising.restore(supervision, activity.get("joined", True), now, out)


def _resume_voicemail(call: Call, activity: dict[str, Any], now: float, out: list[Any]) -> None:
    call.activity = VoicemailActivity(call, activity["mailbox"], known=activity["known"])
    call.activity.start(now, out)


def _resume_conference(call: Call, activity: dict[str, Any], now: float, out: list[Any]) -> None:
    for kept in activity["legs"]:
        call.restore_leg(kept, out)
    conferences, id = call.exchange.conferences, activity["conference"]
    conference = conferences.get(id) or conferences.begin(id, activity["room"])
    call.activity = ConferenceActivity(call, conference)
    for kept in activity["members"]:
        conference.restore(call.legs[kept["leg"]], kept, out)


def _resume_failing(call: Call, activity: dict[str, Any], now: float, out: list[Any]) -> None:
    call.end(activity["reason"], activity["ended_by"], now, out)


def _give_up(call: Call, activity: dict[str, Any], now: float, out: list[Any]) -> None:
    call.end(RESTARTED, "switch", now, out)


def _resume_parked(call: Call, activity: dict[str, Any], now: float, out: list[Any]) -> None:
    call.activity = ParkActivity(call, activity["slot"], activity["until"])
    call.activity.start(now, out)
    if call.transfer is not None:
        call.transfer.announced(now, out)


def _resume_dial(call: Call, activity: dict[str, Any], now: float, out: list[Any]) -> None:
    """Only who is transferred was answered before."""
    if call.transfer is None:
        _give_up(call, activity, now, out)
    else:
        call.transfer.resume(now, out)


def _resume_callback(call: Call, activity: dict[str, Any], now: float, out: list[Any]) -> None:
    callback = call.exchange.acd.callbacks.of_call(call.id)
    if callback is None or not activity["waiting"]:
        _give_up(call, activity, now, out)
        return
    waits = CallbackActivity(call, callback)
    call.activity = waits
    waits.resume(now, out)


_RESUME = {
    "callback": _resume_callback,
    "dial": _resume_dial,
    "conference": _resume_conference,
    "parked": _resume_parked,
    "flow": _resume_flow,
    "survey": _resume_survey,
    "supervision": _resume_supervision,
    "voicemail": _resume_voicemail,
    "failing": _resume_failing,
}


def _forget_lost_calls(exchange: Exchange, state: Mapping[str, Any], now: float, out: list[Any]) -> None:
    """Calls that the queues or agents still know but that no longer exist."""
    for id in exchange.acd.queued():
        callback = exchange.acd.callbacks.of_call(id)
        if id not in exchange.calls and (callback is None or callback.state in OUT):
            exchange.acd_event(acd.CallLeft(id, RESTARTED), now, out)
    for name, agent in _under(state, "acd/agent/"):
        if agent["call"] is not None and agent["call"] not in exchange.calls:
            exchange.acd_event(acd.AgentCallEnded(name, agent["call"]), now, out)
        for other in agent["other_calls"]:
            if other not in exchange.calls:
                exchange.acd_event(acd.AgentFree(name, other), now, out)
