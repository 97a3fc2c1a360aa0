"""What must hold of the whole switch between two turns, checked by looking at everything.

Callers, agents, legs, media and what was kept for a successor must tell the same story. Nothing of this
should ever be found; what is found is named, and mended where that hangs up on nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.acd.agent import Agent, AgentState
from softswitch.acd.callback import OUT
from softswitch.acd.doctor import FAULT, Finding
from softswitch.acd.outputs import Output
from softswitch.call.outputs import Fact, Keep
from softswitch.call.queue_outputs import carry_out, place_of

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg

OVERDUE_S = 5.0
"""A deadline that passed so long ago without being taken up is a fault, not a busy moment."""
ROUNDS = 5
VOICEMAIL = ("voice_message/", "greeting/", "message_recording/")
CALLS = ("acd/", "call/", "call_data/", "lookup/", "recording/", "last_agent/")
KEPT = ("ban/", "watch/", "mailbox/", "forward/", "binding/", "command/", *CALLS, *VOICEMAIL)
# Not kept at every change: numbers that have a reserve over a restart.
UNKEPT = ("session", "count", "local_cseq", "version")
BY_HAND = "look at the call, and end it with: softswitch call hang-up {}"


def examine(exchange: Exchange, now: float) -> list[Finding]:
    """Everything that does not hold; empty for a sound switch."""
    return [
        *_deadlines(exchange, now),
        *_callers(exchange),
        *_agents(exchange),
        *map(partial(_of_floor, exchange), exchange.acd.examine(now)),
        *_legs(exchange),
        *_media(exchange),
    ]


def treat(exchange: Exchange, now: float, out: list[Any], *, mend: bool = True) -> list[dict[str, Any]]:
    """Examine, mend what is safe, and look again until nothing new is found. A fact for each finding, an
    alarm for what is left. Returns rows of invariant, subject, message, mend, mended."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for _ in range(ROUNDS if mend else 1):
        findings = examine(exchange, now)
        for found in findings:
            rows.setdefault((found.invariant, found.subject), row(found))
            if mend and found.act is not None:
                found.act(now, out)
        if not any(found.act for found in findings):
            break
    left = {(found.invariant, found.subject) for found in examine(exchange, now)}
    for key, each in rows.items():
        each["mended"] = key not in left
    tell(rows.values(), out)
    return [*rows.values()]


def row(found: Finding) -> dict[str, Any]:
    return {
        "invariant": found.invariant,
        "subject": found.subject,
        "message": found.message,
        "mend": found.mend,
        "mended": False,
    }


def tell(rows: Iterable[dict[str, Any]], out: list[Any]) -> None:
    """The facts of what was found, and an alarm for each that is not mended."""
    for each in rows:
        out.append(Fact("invariant_broken", dict(each)))
        if not each["mended"]:
            out.append(
                Fact(
                    "alarm_raised",
                    {"code": "invariant_broken", "message": f"{each['message']}; {each['mend']}"},
                )
            )


def _of_floor(exchange: Exchange, found: Finding) -> Finding:
    """A finding of the queues, whose mending is carried out like anything else that they want."""

    def act(now: float, out: list[Any]) -> None:
        wanted: list[Output] = []
        if found.act is not None:
            found.act(now, wanted)
        for output in wanted:
            carry_out(exchange, output, now, out)

    return Finding(found.invariant, found.subject, found.message, found.mend, act)


def _tells(exchange: Exchange, event: acd.Event) -> Any:
    return lambda now, out: exchange.acd_event(event, now, out)


def _deadlines(exchange: Exchange, now: float) -> Iterator[Finding]:
    due = exchange.next_timeout()
    if due is not None and 0 < due < now - OVERDUE_S:
        message = f"a deadline passed {now - due:.0f} s ago and nothing came of it"
        yield Finding("deadline_overdue", "switch", message, "it is taken up now", exchange.handle_timeout)


def _callers(exchange: Exchange) -> Iterator[Finding]:
    for call in exchange.calls.values():
        waiting = call.waiting
        if waiting is not None and exchange.acd.queue_of(call.id) is None:
            message = f"the caller of {call.id} hears music, and queue {waiting.queue} does not know of it"
            yield Finding(
                "caller_lost",
                call.id,
                message,
                "the caller is queued again at the former place",
                waiting.queue_again,
            )
        if call.activity is None and call.conversation is None and not call.ended:
            message = f"call {call.id} goes on and nothing happens in it"
            yield Finding("call_in_limbo", call.id, message, BY_HAND.format(call.id))
    for id in exchange.acd.queued():
        callback = exchange.acd.callbacks.of_call(id)
        if callback is not None and (callback.state not in OUT or place_of(exchange, id) is not None):
            continue
        known = exchange.calls.get(id)
        if known is None or known.waiting is None:
            event = acd.CallLeft(id, FAULT)
            message = f"call {id} has a place in a queue, and nobody waits there"
            yield Finding(
                "queued_without_caller", id, message, "the place is given up", _tells(exchange, event)
            )


def _agents(exchange: Exchange) -> Iterator[Finding]:
    for agent in exchange.acd.agents():
        talks = agent.state is AgentState.TALKING
        if talks and agent.name not in _agents_of_call(exchange, agent.call or ""):
            event = acd.AgentCallEnded(agent.name, agent.call or "")
            message = f"{agent.name} talks in call {agent.call}, which does not have this agent"
            yield Finding(
                "agent_in_dead_call",
                agent.name,
                message,
                "the call is over for the agent",
                _tells(exchange, event),
            )
        yield from _other_calls(exchange, agent)


def _agents_of_call(exchange: Exchange, id: str) -> list[str | None]:
    call = exchange.calls.get(id)
    return [] if call is None else [party.agent for party in call.parties()]


def _other_calls(exchange: Exchange, agent: Agent) -> Iterator[Finding]:
    user = exchange.seats.user_of_agent.get(agent.name, "")
    engaged = {call.id for call in exchange.calls.values() if call.engages(user)}
    for id in [id for id in agent.other_calls if id not in engaged]:
        event = acd.AgentFree(agent.name, id)
        message = f"{agent.name} is held busy by call {id}, in which this agent is not"
        yield Finding(
            "agent_in_dead_call", agent.name, message, "the agent is free of it", _tells(exchange, event)
        )
    for id in sorted(engaged.difference(agent.other_calls)):
        busy = acd.AgentBusy(agent.name, id)
        message = f"{agent.name} is on call {id}, and the queues do not know"
        yield Finding(
            "agent_busy_unknown", agent.name, message, "the queues are told", _tells(exchange, busy)
        )


def _legs(exchange: Exchange) -> Iterator[Finding]:
    for call in exchange.calls.values():
        for leg in call.legs.values():
            if leg.state == "answered" and not _has_media(exchange, leg):
                message = f"leg {leg.id} of call {call.id} has no media at worker {leg.worker}"
                yield Finding("leg_without_media", leg.id, message, BY_HAND.format(call.id))


def _has_media(exchange: Exchange, leg: Leg) -> bool:
    """Before the ACK with the answer to our offer there is none to have."""
    if leg.audio is None:
        return leg.session is not None and leg.session.state != "established"
    return exchange.media.has(leg.worker) and exchange.media.wants(leg.worker, "leg", leg.id)


def _media(exchange: Exchange) -> Iterator[Finding]:
    legs = {leg for call in exchange.calls.values() for leg in call.legs}
    for worker in exchange.media.workers:
        if not worker.connected and worker.wanted:
            message = (
                f"media worker {worker.number} is away: nothing is heard in its {len(worker.wanted)} parts"
            )
            mend = "it is started again by itself; if not, see the log of the switch"
            yield Finding("leg_without_media", f"worker {worker.number}", message, mend)
        for kind, id in [key for key in worker.wanted if key[0] == "leg" and key[1] not in legs]:
            message = f"media worker {worker.number} keeps leg {id}, whose call is gone"
            delete = partial(_delete, exchange, worker.number, kind, id)
            yield Finding("media_without_leg", id, message, "the leg is removed there", delete)


def _delete(exchange: Exchange, worker: int, kind: str, id: str, now: float, out: list[Any]) -> None:
    exchange.media.delete(worker, kind, id, out)


# Kept state


def live_state(exchange: Exchange) -> dict[str, Any]:
    """Everything that a successor must find in the journal, by key."""
    state: dict[str, Any] = dict(exchange.acd.state())
    state |= {f"call/{id}": call.to_state() for id, call in exchange.calls.items()}
    with_data = (call for call in exchange.calls.values() if call.data.values)
    state |= {f"call_data/{call.id}": call.data.to_state() for call in with_data}
    state |= exchange.lookups.to_state()
    state |= {f"recording/{id}": each.to_state() for id, each in exchange.recordings.items()}
    state |= {
        f"binding/{user}": {"bindings": [each.to_state() for each in bindings]}
        for user, bindings in exchange.registrar.users().items()
    }
    state |= {f"ban/{source}": kept for source, kept in exchange.bans.to_state().items()}
    notifier = exchange.watching.notifier
    watches = (*notifier.watches(), *notifier.closing())
    state |= {f"watch/{each.dialog.local_tag}": each.to_state() for each in watches}
    counts = exchange.mailboxes.all().items()
    state |= {f"mailbox/{user}": {"new": each.new, "old": each.old} for user, each in counts}
    state |= {f"last_agent/{number}": each for number, each in exchange.last_agents.to_state().items()}
    state |= {f"command/{key}": each for key, each in exchange.idempotency.to_state().items()}
    state |= exchange.voicemail.to_state()
    return state | {f"forward/{user}": kinds for user, kinds in exchange.forwards.to_state().items()}


def kept_findings(live: Mapping[str, Any], kept: Mapping[str, Any]) -> list[Finding]:
    """Keys under which the journal has something else than there is; mended by keeping the value again."""
    known = {key: value for key, value in kept.items() if key.startswith(KEPT)}
    found = []
    for key in sorted(live.keys() | known.keys()):
        if key not in live or key not in known or essence(live[key]) != essence(known[key]):
            message = f"what the journal keeps under {key} is not what is so"
            found.append(Finding("kept_differs", key, message, "the present state is kept"))
    return found


def keep_again(exchange: Exchange, keys: Iterable[str], out: list[Any]) -> None:
    """Keep what there is now under these keys."""
    live = live_state(exchange)
    out.extend(Keep(key, live.get(key)) for key in keys)


def essence(value: Any) -> Any:
    """A kept value as JSON has it, less the numbers that are not kept at every change."""
    return json.loads(json.dumps(_without(value)))


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(each) for key, each in value.items() if key not in UNKEPT}
    if isinstance(value, list | tuple):
        return [_without(each) for each in value]
    return value
