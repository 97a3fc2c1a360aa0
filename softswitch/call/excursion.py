"""An agent's caller goes into a flow and comes back: to enter a PIN, to pay, to answer.

The agent's leg waits with music, as in a transfer whose target is not reached yet. When the flow is over
the two talk again, and the agent is told the flow's variable `result`. A phone that hangs up once it has
asked for it, as many do after a REFER, is called back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from softswitch.call.conversation import HOLD_MUSIC
from softswitch.call.flow_activity import FlowActivity
from softswitch.call.routing import NoRoute
from softswitch.call.transfer import RECALL, Transfer
from softswitch.config import Target

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg
    from softswitch.sip.refer import Referral

AWAY = "flow"
RESULT = "result"
LONGEST = 64
BACK = "*"
"""The key with which the agent has the caller back at once."""
NOT_TRANSFERRED = 487
"""How a REFER ends: the phone has its call again, as after a transfer that failed."""


class Excursion(Transfer):
    """From the request until the two talk again, or somebody has hung up, or the flow has sent the caller to
    somebody else."""

    flow = ""
    referred = False
    paused = False

    def begin(self, flow: str, referral: Referral | None, now: float, out: list[Any]) -> None:
        """Send the caller into the flow. The caller must be in a conversation."""
        call, exchange = self.call, self.call.exchange
        self.flow, self.referred = flow, referral is not None
        run = exchange.flows.run(Target("flow", flow), call)
        assert run is not None, "who asks has looked for the flow"
        self._detach(referral, now, out)
        self.stage = AWAY
        recording = self.recording
        if recording is not None and not recording.paused and exchange.centre.flows[flow].pause_recording:
            recording.pause(True, f"flow {flow}", out)
            self.paused = True
        self.play_music(out)
        call.begin(FlowActivity(call, run), now, out)

    def play_music(self, out: list[Any]) -> None:
        """What the agent hears meanwhile."""
        leg, exchange = self.leg, self.call.exchange
        queue = exchange.centre.queues.get(self.queue) if self.queue else None
        path = exchange.music_path(queue.music if queue is not None else HOLD_MUSIC, out)
        if leg is not None and path is not None:
            self.player = self.call.next_id("p")
            fields = {"legs": [leg.id], "items": [path], "loop": True, "gain": 1.0}
            exchange.media.put(leg.worker, "player", self.player, fields, out)

    # How it goes

    def succeeded(self, now: float, out: list[Any]) -> None:
        """The caller is in the flow; only one who talks to somebody else is lost to the agent."""
        if self.stage != AWAY or self.call.conversation is not None:
            super().succeeded(now, out)

    def flow_over(self, reason: str, variables: Mapping[str, str], now: float, out: list[Any]) -> bool:
        if self.stage != AWAY or reason != "flow_finished":
            return False
        self._back(variables.get(RESULT, "")[:LONGEST], now, out)
        return True

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        if digit == BACK and self.stage == AWAY:
            self._back("", now, out)

    def _back(self, result: str, now: float, out: list[Any]) -> None:
        call, leg = self.call, self.leg
        self._report(NOT_TRANSFERRED, now, out)
        self._stop_playing(leg, out)
        calls_back = self.referred and self.by.kind == "user"
        then = "rejoined" if leg is not None else "recalled" if calls_back else "ended"
        told = {"flow": self.flow, "by": self.by.source, "agent": self.by.agent, "result": result}
        call.fact("caller_returned", {**told, "then": then}, out)
        if self.paused and self.recording is not None:
            self.recording.pause(False, f"flow {self.flow}", out)
        self.stage = RECALL
        if leg is not None:
            self._rejoin(leg, now, out)
            leg.connected_to(self._shown(result), now, out, _user_to_user(result))
        elif calls_back:
            self.recall(now, out)
        else:
            call.end("flow_finished", "switch", now, out)

    def _shown(self, result: str) -> Any:
        """The caller as the agent's display has it, with the result in front."""
        caller = self.call.caller
        if not result or self.call.introduction.private:
            return caller
        return replace(caller, display=f"{result}: {caller.display or caller.number}")

    def _description(self) -> dict[str, Any]:
        return {**super()._description(), "kind": AWAY}

    # Over a restart

    def to_state(self) -> dict[str, Any]:
        own = {"flow": self.flow, "referred": self.referred, "paused": self.paused}
        return {**super().to_state(), **own}


def restore_transfer(call: Call, state: dict[str, Any], out: list[Any]) -> Transfer:
    """The transfer of a former process, of whichever kind."""
    if "flow" not in state:
        return Transfer.from_state(call, state, out)
    excursion = Excursion.from_state(call, state, out)
    assert isinstance(excursion, Excursion)
    excursion.flow, excursion.referred = state["flow"], state["referred"]
    excursion.paused = state["paused"]
    if excursion.stage == AWAY:
        excursion.play_music(out)
    return excursion


def flow_meant(exchange: Exchange, text: str) -> str:
    """The flow of this name, or to which this number leads. Raises NoRoute."""
    number = exchange.centre.numbers.get(text)
    target = Target.parse(number.target) if number is not None else Target("flow", text)
    if target.kind != "flow" or target.name not in exchange.centre.flows:
        raise NoRoute("number_not_found")
    return target.name


def send_to_flow(
    call: Call, leg: Leg, flow: str, referral: Referral | None, now: float, out: list[Any]
) -> None:
    """The party of this leg sends the other one into a flow. Raises NoRoute where there is none."""
    Excursion(call, leg.party, leg, f"flow:{flow}").begin(flow_meant(call.exchange, flow), referral, now, out)


def _user_to_user(result: str) -> str:
    return f"User-to-User: {result.encode().hex()};encoding=hex\r\n" if result else ""
