"""Sessions over a restart: what is kept of one, and what a new process makes of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.sip import callee, refresh, states
from softswitch.sip.dialog import RESTART_CSEQ_STEP, Dialog
from softswitch.sip.flow import SipFlow
from softswitch.sip.outgoing import Outgoing

if TYPE_CHECKING:
    from softswitch.sip.endpoint import Endpoint
    from softswitch.sip.owner import SessionOwner
    from softswitch.sip.session import Session

UNANSWERED = (states.CALLING, states.EARLY, states.CANCEL_DUE, states.CANCELLING)


def state_of(session: Session) -> dict[str, Any]:
    if session.outgoing is not None and session.state in UNANSWERED:
        return _unanswered(session, session.outgoing)
    state: dict[str, Any] = {
        "state": session.state,
        "outbound": session.outbound,
        "dialog": session.dialog.to_state(),
    }
    if session.outgoing is not None and session.state == states.ACK_DUE:
        state["invite"] = session.outgoing.to_state()
    if session.answer_sent is not None:
        state["answer"] = {
            "data": session.answer_sent.data.decode("utf-8", "replace"),
            "cseq": session.answer_sent.cseq,
            "sip_flow": session.answer_sent.flow.to_state(),
        }
    if session.refresh is not None:
        state["timer"] = session.refresh.to_state()
    return state


def _unanswered(session: Session, outgoing: Outgoing) -> dict[str, Any]:
    """As the INVITE was sent: nothing before the answer changes what a CANCEL needs, so that ringing need not
    be kept."""
    invite = outgoing.to_state()
    dialog = session.dialog.to_state()
    dialog |= {"remote": invite["to"], "remote_tag": "", "remote_target": invite["uri"], "routes": []}
    dialog |= {"local_cseq": outgoing.cseq, "sip_flow": outgoing.client.flow.to_state()}
    return {"state": states.CALLING, "outbound": True, "dialog": dialog, "invite": invite}


def restored(kind: type[Session], endpoint: Endpoint, owner: SessionOwner, state: dict[str, Any]) -> Session:
    dialog = Dialog.from_state(state["dialog"])
    dialog.local_cseq += RESTART_CSEQ_STEP
    session = kind(endpoint, owner, dialog, outbound=state["outbound"], state=state["state"])
    answer = state.get("answer")
    if answer is not None:
        flow = SipFlow.from_state(answer["sip_flow"])
        callee.expect_ack(session, answer["data"].encode(), flow, answer["cseq"], None)
    if "timer" in state:
        refresh.restore(session, state["timer"])
    return session


def take_over(session: Session, invite: dict[str, Any], now: float) -> None:
    """Take up the INVITE of a former process, to cancel it: it may have had any response meanwhile."""
    session.outgoing = Outgoing(session.endpoint, session.dialog, "INVITE", session.invite_response)
    session.outgoing.take_over(invite, now)
    session.state = states.EARLY
