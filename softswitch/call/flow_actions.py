"""What a flow may want done, and how the call does it: one function for each output of the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from softswitch.backend.events import Question
from softswitch.call.flow_targets import flow_route
from softswitch.call.keeping import KeepingActivity
from softswitch.call.message_taking import FILE, MESSAGE, Limits, Taking
from softswitch.call.outputs import Fact
from softswitch.call.routing import NoRoute
from softswitch.call.services import ServiceActivity
from softswitch.call.speaking import Saying, Speak
from softswitch.config.errors import ConfigError
from softswitch.ivr import events as ivr
from softswitch.sip.values import Reason

if TYPE_CHECKING:
    from softswitch.call.flow_activity import FlowActivity


def _play(flow: FlowActivity, action: ivr.PlayPrompts, now: float, out: list[Any]) -> None:
    call = flow.call
    flow.saying = saying = Saying(call.exchange, flow.run.language, action.names, action.loop)
    texts = saying.missing()
    if texts:
        call.stop_playing(out)
        saying.request = call.next_id("s")
        out.append(Speak(saying.request, flow.run.language, texts))
    else:
        flow.say(saying, now, out)


def _stop(flow: FlowActivity, action: ivr.StopPrompts, now: float, out: list[Any]) -> None:
    flow.saying = None
    flow.call.stop_playing(out)


def _queue(flow: FlowActivity, action: ivr.EnterQueue, now: float, out: list[Any]) -> None:
    flow.enter_queue(action, now, out)


def _keep_place(flow: FlowActivity, action: ivr.KeepPlace, now: float, out: list[Any]) -> None:
    """Who has left the same queue before keeps the place they had there."""
    entry: dict[str, Any] = {"priority": action.priority, "caller": flow.run.variables}
    stay = flow.last_stay
    if stay is not None and stay.queue == action.queue:
        entry |= {"priority": stay.entry.priority, "queued_at": stay.queued_at, "require": stay.entry.require}
    flow.call.begin(KeepingActivity(flow.call, flow, action.queue, **entry), now, out)


def _dial(flow: FlowActivity, action: ivr.DialTarget, now: float, out: list[Any]) -> None:
    flow.dialling = action
    try:
        found = flow_route(flow.call.exchange, action.target, action.calling, now)
    except NoRoute as no_route:
        flow.feed(ivr.Returned(no_route.reason), now, out)
    else:
        flow.call.follow(found, flow, now, out)


def _transfer(flow: FlowActivity, action: ivr.TransferCaller, now: float, out: list[Any]) -> None:
    try:
        found = flow_route(flow.call.exchange, action.target, action.calling, now)
    except NoRoute as no_route:
        flow.feed(ivr.Returned(no_route.reason), now, out)
    else:
        flow.call.fact("flow_transferred", {"target": action.target}, out)
        flow.call.follow(found, None, now, out)


def _ask_calendar(flow: FlowActivity, action: ivr.AskCalendar, now: float, out: list[Any]) -> None:
    exchange = flow.call.exchange
    known = action.calendar in exchange.centre.calendars
    state = exchange.opening.state(action.calendar, now).state if known else "removed"
    flow.feed(ivr.Returned(state), now, out)


def _serve_agent(flow: FlowActivity, action: ivr.ServeAgent, now: float, out: list[Any]) -> None:
    service = ServiceActivity(flow.call, action.service, None, language=flow.run.language)
    flow.call.begin(service, now, out)


def _music(flow: FlowActivity, action: ivr.PlayMusic, now: float, out: list[Any]) -> None:
    path = flow.call.exchange.music_path(action.name, out)
    if path is not None:
        flow.call.play([path], out, loop=True)


def _ask_backend(flow: FlowActivity, action: ivr.AskBackend, now: float, out: list[Any]) -> None:
    call = flow.call
    flow.asked = asked = call.next_id("b")
    flow.into = action.into
    question = Question(
        asked,
        action.backend,
        action.method,
        action.path,
        action.body,
        f"{call.id}.{action.visit}",
        action.timeout_s,
    )
    call.exchange.backends.ask(question, now, out)


def _take_message(flow: FlowActivity, action: ivr.TakeMessage, now: float, out: list[Any]) -> None:
    call, exchange = flow.call, flow.call.exchange
    language, greeting = flow.run.language, exchange.prompt_paths(flow.run.language, action.names, out)
    purpose, limits = FILE, Limits(*action.limits, action.keys)
    if action.mailbox:
        settings = exchange.voicemail.settings(action.mailbox)
        if settings is None or exchange.voicemail.is_full(action.mailbox):
            flow.feed(ivr.Returned("full"), now, out)
            return
        purpose, limits = MESSAGE, exchange.voicemail.limits(settings)
        greeting = greeting or exchange.voicemail.greeting(settings, out)
    flow.taking = Taking(call, flow, purpose, action.mailbox, limits)
    flow.taking.start(greeting, language, now, out)


def _tell_score(flow: FlowActivity, action: ivr.TellScore, now: float, out: list[Any]) -> None:
    call = flow.call
    told = {"question": action.question, "score": action.score, "queue": call.queue, "agent": call.agent}
    call.fact("survey_answered", told, out)


def _hang_up(flow: FlowActivity, action: ivr.HangUp, now: float, out: list[Any]) -> None:
    """Unless an agent waits for the caller to come back. A flow has answered its caller: a cause of its own
    goes out in the BYE, and needs no status."""
    call = flow.call
    if call.transfer is None or not call.transfer.flow_over(action.reason, flow.run.variables, now, out):
        if action.cause:
            call.heard = action.reason, (Reason.of("Q.850", action.cause),)
        call.end(action.reason, "switch", now, out)


def _record(flow: FlowActivity, action: ivr.RecordCall, now: float, out: list[Any]) -> None:
    flow.call.record = action.wanted
    flow.call.fact("recording_consent", {"given": action.wanted}, out)


def _change_data(flow: FlowActivity, action: ivr.ChangeTexts, now: float, out: list[Any]) -> None:
    """What does not fit is an alarm: a caller is not to suffer for it."""
    name = flow.run.flow.name
    try:
        flow.call.data.change(action.values, action.remove, f"flow {name}", now, out)
    except ConfigError as refused:
        message = f"flow {name}, call {flow.call.id}: {refused}"
        out.append(Fact("alarm_raised", {"code": "call_data_refused", "message": message}))


def _fact(flow: FlowActivity, action: ivr.FlowFact, now: float, out: list[Any]) -> None:
    flow.call.fact(action.type, action.data, out)


ACTIONS: dict[type, Callable[[FlowActivity, Any, float, list[Any]], None]] = {
    ivr.PlayPrompts: _play,
    ivr.StopPrompts: _stop,
    ivr.EnterQueue: _queue,
    ivr.KeepPlace: _keep_place,
    ivr.DialTarget: _dial,
    ivr.TransferCaller: _transfer,
    ivr.AskCalendar: _ask_calendar,
    ivr.ServeAgent: _serve_agent,
    ivr.PlayMusic: _music,
    ivr.AskBackend: _ask_backend,
    ivr.TakeMessage: _take_message,
    ivr.TellScore: _tell_score,
    ivr.HangUp: _hang_up,
    ivr.RecordCall: _record,
    ivr.ChangeTexts: _change_data,
    ivr.FlowFact: _fact,
}
