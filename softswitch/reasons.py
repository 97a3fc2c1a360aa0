"""End reasons: why a call, a leg, an offer or a registration ended.

Every ending in the system carries one code of this catalogue, in facts, call records, logs and on the wire.
A code is stable once released: reports are grouped by it.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["answered", "completed", "abandoned", "rejected", "failed"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One way in which something ends.

    `outcome` is how a call that ended so is counted when nothing else is known of it: `answered` (a person
    spoke to the caller), `completed` (a flow served the caller to its end), `abandoned` (the caller gave
    up), `rejected` (refused on purpose), `failed` (should have worked).
    `status` is the SIP status of a refusal for this reason (RFC 3261 §21; 200 for an ending after answer,
    which goes out as BYE). `q850` is the cause of ITU-T Q.850 for the Reason header (RFC 3326).
    """

    code: str
    outcome: Outcome
    status: int
    q850: int
    text: str
    help: str

    def header(self) -> str:
        """Value of a Reason header (RFC 3326 §2)."""
        return f'Q.850;cause={self.q850};text="{self.text}"'


def _catalogue(*reasons: Reason) -> dict[str, Reason]:
    by_code = {reason.code: reason for reason in reasons}
    if len(by_code) != len(reasons):
        raise ValueError("a reason code occurs twice")
    return by_code


REASONS: dict[str, Reason] = _catalogue(
    # Endings everybody wants.
    Reason("normal_hang_up_caller", "answered", 200, 16, "Caller hung up",
           "The caller hung up after the conversation."),
    Reason("normal_hang_up_agent", "answered", 200, 16, "Agent hung up",
           "The agent or called user hung up after the conversation."),
    Reason("flow_finished", "completed", 200, 16, "Flow finished",
           "The flow came to its end and hung up, as it is written."),
    Reason("transferred", "answered", 200, 16, "Transferred",
           "The party left because the call was transferred."),
    Reason("conversation_ended", "completed", 200, 16, "Conversation ended",
           "The conversation that a supervisor listened to is over."),
    Reason("conference_ended", "completed", 200, 16, "Conference over",
           "The others have left the conference."),
    Reason("joined_conference", "completed", 200, 16, "Joined conference",
           "The party is in the conference by another leg."),
    Reason("conference_full", "failed", 486, 17, "Conference full",
           "The room has max_members members. Raise max_members, or wait until somebody leaves."),
    Reason("taken_over", "answered", 200, 16, "Taken over",
           "A supervisor took the call over: of the leg that gave way, and of the supervisor's own call."),
    Reason("signed_out", "completed", 200, 16, "Signed out", "The agent signed out."),
    Reason("answered_elsewhere", "answered", 200, 26, "Call completed elsewhere",
           "Another phone of the same user, or another agent, took the call."),
    Reason("callback_kept", "completed", 200, 16, "Place kept for a callback",
           "The caller keeps the place in the queue and is called back. See `softswitch callback list`."),
    Reason("callback_expired", "failed", 480, 19, "Callback came too late",
           "The customer was not spoken to within the queue's callback.expires_s."),
    Reason("callback_cancelled", "completed", 200, 16, "Callback cancelled",
           "A callback was cancelled by command, or the customer wants it no longer."),
    # The caller gave up.
    Reason("abandoned_in_queue", "abandoned", 487, 16, "Abandoned in queue",
           "The caller hung up while waiting. See the queue's waiting times and how many agents were "
           "signed in."),
    Reason("abandoned_in_flow", "abandoned", 487, 16, "Abandoned in flow",
           "The caller hung up inside the flow. The flow step of the call record says where."),
    Reason("abandoned_in_ring", "abandoned", 487, 16, "Abandoned while ringing",
           "The caller hung up while an agent's phone was ringing."),
    Reason("abandoned_in_transfer", "abandoned", 487, 16, "Abandoned in transfer",
           "The party hung up while the phone of a transfer's target was ringing."),
    Reason("abandoned_in_park", "abandoned", 487, 16, "Abandoned while parked",
           "The party hung up while parked."),
    Reason("caller_cancelled", "abandoned", 487, 16, "Caller cancelled",
           "The caller cancelled before the call was answered."),
    # The queue's own limits.
    Reason("queue_timeout", "abandoned", 480, 19, "Waited too long",
           "The queue's max_wait_s passed. Its on_timeout says where such calls go."),
    Reason("queue_overflow", "abandoned", 480, 19, "Sent on by the queue",
           "A step of the queue's timeline sent the call to another target, which could not take it."),
    Reason("queue_full", "rejected", 486, 17, "Queue is full",
           "The queue holds max_length calls. Raise max_length or give the queue a target for overflow."),
    Reason("queue_closed", "rejected", 480, 20, "Queue is closed",
           "A command, a code or the calendar has closed the queue; see status. Give it on_closed."),
    Reason("queue_removed", "failed", 480, 20, "Queue no longer exists",
           "The queue was removed from the configuration while the call waited in it."),
    Reason("no_agents", "rejected", 480, 20, "No agents",
           "No agent is signed in to the queue. See `softswitch agent list`."),
    # The called side.
    Reason("number_not_found", "rejected", 404, 1, "Number not in service",
           "No number, user or feature code matches what was dialled. See `softswitch number list`."),
    Reason("no_route", "rejected", 404, 3, "No route outside",
           "No route of centre.yaml leads to the number at this time. `softswitch route NUMBER --as USER` "
           "says which would."),
    Reason("user_not_registered", "failed", 480, 20, "User not registered",
           "The user has no registered phone. Check the phone's server address, user name and password."),
    Reason("user_busy", "rejected", 486, 17, "User busy", "The called phone answered 486 or 600."),
    Reason("user_no_answer", "failed", 480, 19, "No answer", "The phone rang for the whole ring timeout."),
    Reason("user_rejected", "rejected", 603, 21, "Call declined", "The called user declined the call."),
    Reason("do_not_disturb", "rejected", 480, 17, "Do not disturb",
           "The called phone has do-not-disturb switched on."),
    Reason("agent_no_answer", "failed", 480, 19, "Agent did not answer",
           "The agent's phone rang for the ring timeout. The agent is set to not available until they "
           "return."),
    Reason("agent_rejected", "rejected", 603, 21, "Agent declined", "The agent declined the offered call."),
    Reason("agent_busy", "rejected", 486, 17, "Agent busy",
           "The agent's phone was busy although the switch knew of no call: it has a call outside of "
           "this system."),
    Reason("agent_unreachable", "failed", 480, 27, "Agent unreachable",
           "The agent's phone did not react or is not registered."),
    Reason("gone", "failed", 410, 22, "Number changed",
           "The called side says that the number no longer exists."),
    Reason("address_incomplete", "rejected", 484, 28, "Number incomplete",
           "The called side needs more digits."),
    Reason("transfer_failed", "failed", 480, 19, "Transfer failed",
           "The target of a transfer was not reached, and then the transferor did not answer either."),
    Reason("park_full", "rejected", 486, 17, "No free slot",
           "The slot is taken, or all are. See parking.slots."),
    Reason("park_timeout", "failed", 480, 19, "Not retrieved",
           "Nobody took the parked call in time. See parking.timeout_s."),
    Reason("redirected", "failed", 480, 23, "Redirected",
           "The called side redirected the call to an address that this system does not follow."),
    # Refused on purpose.
    Reason("authentication_failed", "rejected", 403, 21, "Authentication failed",
           "Wrong user name or password. Both give the same answer, so that nobody learns which users "
           "exist."),
    Reason("forbidden", "rejected", 403, 21, "Forbidden",
           "The user or trunk is known but may not do this. See the user's permissions."),
    Reason("bad_request", "rejected", 400, 95, "Malformed request",
           "The message is not valid SIP; the status line names what is wrong."),
    Reason("bad_extension", "rejected", 420, 79, "Extension not supported",
           "The peer requires a SIP extension that is not supported."),
    Reason("not_acceptable_media", "rejected", 488, 65, "No common codec",
           "The offer has no audio codec that is allowed here. See the trunk's or node's codecs."),
    Reason("loop_detected", "rejected", 482, 25, "Loop detected", "The request came back to the switch."),
    Reason("too_many_hops", "rejected", 483, 25, "Too many hops",
           "Max-Forwards reached zero: two systems route the number to each other."),
    Reason("not_implemented", "rejected", 501, 79, "Not implemented", "The request is not supported."),
    Reason("max_duration", "answered", 200, 102, "Longest duration reached",
           "The call reached the configured longest duration."),
    # Somebody in charge ended it.
    Reason("administrative_hang_up", "completed", 200, 16, "Ended by administrator",
           "An operator ended the call by command."),
    Reason("supervisor_hang_up", "completed", 200, 16, "Ended by supervisor", "A supervisor ended the call."),
    Reason("forced_sign_out", "completed", 200, 16, "Signed out by supervisor",
           "A supervisor signed the agent out."),
    # Things that should have worked.
    Reason("overload", "failed", 503, 42, "Overload",
           "The switch or a peer refused new calls to keep the present ones. See the load figures of "
           "`softswitch status`."),
    Reason("media_unavailable", "failed", 503, 47, "Media unavailable",
           "No media worker could take the leg. See `softswitch status` and the log of the media workers."),
    Reason("no_ports", "failed", 503, 34, "No media ports",
           "All RTP ports are in use. Widen media.ports."),
    Reason("prompt_missing", "failed", 500, 31, "Prompt missing",
           "A prompt of the flow has no readable audio file. The log names the prompt."),
    Reason("transport_failed", "failed", 503, 38, "Connection lost",
           "The connection to the phone or trunk failed."),
    Reason("no_ack", "failed", 408, 102, "No ACK",
           "The peer never confirmed the answer (no ACK in 32 s). Often a NAT or a firewall in between."),
    Reason("no_response", "failed", 408, 102, "No response", "The peer did not respond in time."),
    Reason("session_expired", "failed", 408, 102, "Session refresh failed",
           "The session timer ran out (RFC 4028)."),
    Reason("stale_dialog", "failed", 481, 101, "Peer does not know the call",
           "The peer answered that the call does not exist, usually after its restart."),
    Reason("rtp_timeout", "failed", 408, 102, "No audio", "No audio arrived for the configured time."),
    Reason("trunk_failed", "failed", 502, 38, "Trunk failed",
           "The trunk did not respond or answered with a server error. See `softswitch trunk list`."),
    Reason("trunk_limit", "rejected", 503, 34, "Trunk is full", "The trunk carries max_calls calls already."),
    Reason("switch_restarted", "failed", 503, 41, "Switch restarted",
           "The call was in a stage that a restart of the switch cannot carry over."),
    Reason("shutting_down", "rejected", 503, 41, "Shutting down",
           "The switch is draining and takes no new calls."),
    Reason("flow_failed", "failed", 500, 41, "Flow failed",
           "The flow could not go on, for example too many wrong inputs without a way out."),
    Reason("flow_diverged", "failed", 500, 41, "Flow diverged",
           "A flow in Python did not do after a restart what it had done before; the alarm says what."),
    Reason("internal_error", "failed", 500, 41, "Internal error",
           "A fault of this software. The log has the particulars."),
)

_BY_STATUS: dict[int, str] = {
    400: "bad_request", 401: "authentication_failed", 403: "forbidden", 404: "number_not_found",
    407: "authentication_failed", 408: "no_response", 410: "gone", 415: "not_acceptable_media",
    420: "bad_extension", 421: "bad_extension", 480: "user_no_answer", 481: "stale_dialog",
    482: "loop_detected", 483: "too_many_hops", 484: "address_incomplete", 485: "number_not_found",
    486: "user_busy", 487: "caller_cancelled", 488: "not_acceptable_media", 500: "trunk_failed",
    501: "not_implemented", 502: "trunk_failed", 503: "overload", 504: "no_response",
    600: "user_busy", 603: "user_rejected", 604: "number_not_found", 606: "not_acceptable_media",
}

_BY_CLASS: dict[int, str] = {3: "redirected", 4: "user_rejected", 5: "trunk_failed", 6: "user_rejected"}

_AGENT_OUTCOME: dict[str, str] = {
    "user_busy": "busy", "user_rejected": "rejected", "user_no_answer": "no_answer",
}


def reason(code: str) -> Reason:
    """The reason of a code; an unknown code (from a newer version's journal) is `internal_error`."""
    return REASONS.get(code) or REASONS["internal_error"]


def from_status(status: int) -> Reason:
    """Reason for a final SIP response (300–699) that the called side gave."""
    code = _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, "internal_error")
    return REASONS[code]


def offer_outcome(status: int) -> str:
    """How an offer to an agent ended whose phone answered with this final status:
    `busy`, `rejected`, `no_answer` or `unreachable`."""
    return _AGENT_OUTCOME.get(from_status(status).code, "unreachable")
