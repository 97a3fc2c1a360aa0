"""Every state machine of SIP in one place: (state, input) -> (action, next state).

The transactions are RFC 3261 §17 with the corrections of RFC 6026; a pair that is not listed is ignored and
changes nothing. The tests drive every state with every input.
"""

from __future__ import annotations

from typing import Final

from softswitch.sip.flow import NEVER, T2

Rules = dict[tuple[str, str], tuple[str, str]]

# States of transactions
CALLING: Final = "calling"
TRYING: Final = "trying"
PROCEEDING: Final = "proceeding"
COMPLETED: Final = "completed"
CONFIRMED: Final = "confirmed"
ACCEPTED: Final = "accepted"
TERMINATED: Final = "terminated"

# Inputs of transactions
REQUEST: Final = "request"  # the same request again
ACK: Final = "ack"
PROVISIONAL: Final = "provisional"
SUCCESS: Final = "success"
FAILURE: Final = "failure"
FINAL: Final = "final"  # any final response, where the class makes no difference
RETRANSMIT: Final = "retransmit"  # timers A, E, G
EXPIRE: Final = "expire"  # timers B, D, F, H, I, J, K, L, M
LOST: Final = "lost"  # the connection is gone, another one may be opened (§18.2.2)
BROKEN: Final = "broken"  # nothing can be sent any more

# Actions of transactions
SEND: Final = "send"  # what was given, or what was said last
REPORT: Final = "report"  # to the user of the transaction
ACKNOWLEDGE: Final = "acknowledge"  # ACK a failure, then report it
FAIL: Final = "fail"  # report that there will be no response
IGNORE: Final = "ignore"


class Machine:
    """One table with its start; `cap` is the longest interval between retransmissions in seconds.

    `lasting` names the states in which a transaction does nothing any more but repeat what it said.
    """

    __slots__ = ("cap", "inputs", "lasting", "name", "rules", "start", "states")

    def __init__(self, name: str, start: str, cap: float, lasting: tuple[str, ...], rules: Rules) -> None:
        self.name = name
        self.start = start
        self.cap = cap
        self.lasting = lasting
        self.states = list(dict.fromkeys([state for state, _ in rules] + [to for _, to in rules.values()]))
        self.inputs = list(dict.fromkeys([given for _, given in rules]))
        self.rules = {
            (state, given): rules.get((state, given), (IGNORE, state))
            for state in self.states
            for given in self.inputs
        }


INVITE_CLIENT: Final = Machine(
    "invite client",
    CALLING,
    NEVER,
    (COMPLETED, ACCEPTED),
    {
        (CALLING, PROVISIONAL): (REPORT, PROCEEDING),
        (CALLING, SUCCESS): (REPORT, ACCEPTED),
        (CALLING, FAILURE): (ACKNOWLEDGE, COMPLETED),
        (CALLING, RETRANSMIT): (SEND, CALLING),
        # Given up is as good as answered: a 2xx that comes after all is for the user, who hangs it up.
        (CALLING, EXPIRE): (FAIL, ACCEPTED),
        (CALLING, BROKEN): (FAIL, ACCEPTED),
        (PROCEEDING, PROVISIONAL): (REPORT, PROCEEDING),
        (PROCEEDING, SUCCESS): (REPORT, ACCEPTED),
        (PROCEEDING, FAILURE): (ACKNOWLEDGE, COMPLETED),
        (PROCEEDING, EXPIRE): (FAIL, ACCEPTED),  # 64·T1 after a CANCEL (§9.1)
        (PROCEEDING, BROKEN): (FAIL, ACCEPTED),
        (COMPLETED, FAILURE): (SEND, COMPLETED),
        (COMPLETED, EXPIRE): (IGNORE, TERMINATED),
        (ACCEPTED, SUCCESS): (REPORT, ACCEPTED),
        (ACCEPTED, EXPIRE): (IGNORE, TERMINATED),
    },
)

OTHER_CLIENT: Final = Machine(
    "non-invite client",
    TRYING,
    T2,
    (COMPLETED,),
    {
        (TRYING, PROVISIONAL): (REPORT, PROCEEDING),
        (TRYING, FINAL): (REPORT, COMPLETED),
        (TRYING, RETRANSMIT): (SEND, TRYING),
        (TRYING, EXPIRE): (FAIL, TERMINATED),
        (TRYING, BROKEN): (FAIL, TERMINATED),
        (PROCEEDING, PROVISIONAL): (REPORT, PROCEEDING),
        (PROCEEDING, FINAL): (REPORT, COMPLETED),
        (PROCEEDING, RETRANSMIT): (SEND, PROCEEDING),
        (PROCEEDING, EXPIRE): (FAIL, TERMINATED),
        (PROCEEDING, BROKEN): (FAIL, TERMINATED),
        (COMPLETED, EXPIRE): (IGNORE, TERMINATED),
    },
)

INVITE_SERVER: Final = Machine(
    "invite server",
    PROCEEDING,
    T2,
    (CONFIRMED, ACCEPTED),
    {
        (PROCEEDING, REQUEST): (SEND, PROCEEDING),
        (PROCEEDING, PROVISIONAL): (SEND, PROCEEDING),
        (PROCEEDING, SUCCESS): (SEND, ACCEPTED),
        (PROCEEDING, FAILURE): (SEND, COMPLETED),
        (PROCEEDING, LOST): (IGNORE, PROCEEDING),
        (PROCEEDING, BROKEN): (FAIL, TERMINATED),
        (COMPLETED, REQUEST): (SEND, COMPLETED),
        (COMPLETED, ACK): (IGNORE, CONFIRMED),
        (COMPLETED, RETRANSMIT): (SEND, COMPLETED),
        (COMPLETED, EXPIRE): (IGNORE, TERMINATED),
        (COMPLETED, LOST): (IGNORE, TERMINATED),
        (COMPLETED, BROKEN): (IGNORE, TERMINATED),
        (CONFIRMED, EXPIRE): (IGNORE, TERMINATED),
        (ACCEPTED, ACK): (REPORT, ACCEPTED),
        (ACCEPTED, EXPIRE): (IGNORE, TERMINATED),
    },
)

OTHER_SERVER: Final = Machine(
    "non-invite server",
    TRYING,
    T2,
    (COMPLETED,),
    {
        (TRYING, PROVISIONAL): (SEND, PROCEEDING),
        (TRYING, FINAL): (SEND, COMPLETED),
        (TRYING, LOST): (IGNORE, TRYING),
        (TRYING, BROKEN): (IGNORE, TERMINATED),
        (PROCEEDING, REQUEST): (SEND, PROCEEDING),
        (PROCEEDING, PROVISIONAL): (SEND, PROCEEDING),
        (PROCEEDING, FINAL): (SEND, COMPLETED),
        (PROCEEDING, LOST): (IGNORE, PROCEEDING),
        (PROCEEDING, BROKEN): (IGNORE, TERMINATED),
        (COMPLETED, REQUEST): (SEND, COMPLETED),
        (COMPLETED, EXPIRE): (IGNORE, TERMINATED),
    },
)

# States of a session
INCOMING: Final = "incoming"  # an INVITE to us, not answered
ANSWERED: Final = "answered"  # our 2xx is out, no ACK yet
CLOSING: Final = "closing"  # as answered, but hung up: BYE may follow only the ACK (§15)
EARLY: Final = "early"  # our INVITE has a provisional response
ACK_DUE: Final = "ack_due"  # their 2xx has an offer, the ACK waits for our answer (§13.2.1)
CANCEL_DUE: Final = "cancel_due"  # hung up before any response: CANCEL has to wait for one (§9.1)
CANCELLING: Final = "cancelling"
UP: Final = "up"
ENDED: Final = "ended"

# Inputs of a session beside SUCCESS, FAILURE, PROVISIONAL, ACK, from the network
BYE: Final = "bye"
CANCEL: Final = "cancel"
OFFERED: Final = "offered"  # a 2xx with an offer that we have to answer
TIMEOUT: Final = "timeout"  # no final response, or no ACK in 64·T1
# and from the owner
PROGRESS: Final = "progress"
ANSWER: Final = "answer"
REJECT: Final = "reject"
HANG_UP: Final = "hang_up"
ACKNOWLEDGED: Final = "acknowledged"  # the answer to the offer in a 2xx

# Actions of a session beside REPORT, IGNORE
SEND_FINAL: Final = "send_final"
SEND_BYE: Final = "send_bye"
SEND_CANCEL: Final = "send_cancel"
CONFIRM: Final = "confirm"  # ACK the 2xx and report it
CONFIRM_AND_BYE: Final = "confirm_and_bye"  # ACK the 2xx of a call nobody wants any more
ESTABLISH: Final = "establish"  # the ACK to our 2xx is there
END: Final = "end"  # report the end
END_AND_BYE: Final = "end_and_bye"
END_AND_TERMINATE: Final = "end_and_terminate"  # 487 to the INVITE, report the end
FORGET: Final = "forget"  # the end of a session that its owner has already ended

SESSION: Final = Machine(
    "session",
    INCOMING,
    T2,
    (),
    {
        (INCOMING, PROGRESS): (PROGRESS, INCOMING),
        (INCOMING, ANSWER): (ANSWER, ANSWERED),
        (INCOMING, REJECT): (SEND_FINAL, ENDED),
        (INCOMING, HANG_UP): (SEND_FINAL, ENDED),
        (INCOMING, CANCEL): (END_AND_TERMINATE, ENDED),
        (INCOMING, BYE): (END_AND_TERMINATE, ENDED),
        (INCOMING, BROKEN): (END, ENDED),
        (INCOMING, TIMEOUT): (END_AND_TERMINATE, ENDED),  # no PRACK to a reliable response
        (ANSWERED, ACK): (ESTABLISH, UP),
        (ANSWERED, HANG_UP): (IGNORE, CLOSING),
        (ANSWERED, BYE): (END, ENDED),
        (ANSWERED, TIMEOUT): (END_AND_BYE, ENDED),
        (CLOSING, ACK): (SEND_BYE, ENDED),
        (CLOSING, BYE): (FORGET, ENDED),
        (CLOSING, TIMEOUT): (SEND_BYE, ENDED),
        (CALLING, PROVISIONAL): (REPORT, EARLY),
        (CALLING, SUCCESS): (CONFIRM, UP),
        (CALLING, FAILURE): (END, ENDED),
        (CALLING, TIMEOUT): (END, ENDED),
        (CALLING, BROKEN): (END, ENDED),
        (CALLING, HANG_UP): (IGNORE, CANCEL_DUE),
        (CALLING, OFFERED): (REPORT, ACK_DUE),
        (EARLY, OFFERED): (REPORT, ACK_DUE),
        (ACK_DUE, ACKNOWLEDGED): (CONFIRM, UP),
        (ACK_DUE, HANG_UP): (SEND_BYE, ENDED),
        (ACK_DUE, BYE): (END, ENDED),
        (ACK_DUE, TIMEOUT): (END_AND_BYE, ENDED),
        (EARLY, PROVISIONAL): (REPORT, EARLY),
        (EARLY, SUCCESS): (CONFIRM, UP),
        (EARLY, FAILURE): (END, ENDED),
        (EARLY, TIMEOUT): (END, ENDED),
        (EARLY, BROKEN): (END, ENDED),
        (EARLY, HANG_UP): (SEND_CANCEL, CANCELLING),
        (CANCEL_DUE, PROVISIONAL): (SEND_CANCEL, CANCELLING),
        (CANCEL_DUE, SUCCESS): (CONFIRM_AND_BYE, ENDED),
        (CANCEL_DUE, OFFERED): (CONFIRM_AND_BYE, ENDED),
        (CANCEL_DUE, FAILURE): (FORGET, ENDED),
        (CANCEL_DUE, TIMEOUT): (FORGET, ENDED),
        (CANCEL_DUE, BROKEN): (FORGET, ENDED),
        (CANCELLING, SUCCESS): (CONFIRM_AND_BYE, ENDED),
        (CANCELLING, OFFERED): (CONFIRM_AND_BYE, ENDED),
        (CANCELLING, FAILURE): (FORGET, ENDED),
        (CANCELLING, TIMEOUT): (FORGET, ENDED),
        (CANCELLING, BROKEN): (FORGET, ENDED),
        (UP, BYE): (END, ENDED),
        (UP, HANG_UP): (SEND_BYE, ENDED),
        (UP, TIMEOUT): (END_AND_BYE, ENDED),  # 481, 408 or nothing to a request (§12.2.1.2)
    },
)

# What an offer of the peer meets: (situation, method) -> status; 0 is taken (RFC 3261 §14, RFC 3311 §5.2).
# 500 has a Retry-After; an UPDATE without an offer meets nothing.
FREE: Final = "free"
UNACKNOWLEDGED: Final = "unacknowledged"  # our 2xx has no ACK yet
UNANSWERED: Final = "unanswered"  # the INVITE has no final response yet
OFFER_MEETS: Final = {
    (FREE, "INVITE"): 0,
    (FREE, "UPDATE"): 0,
    (FREE, "PRACK"): 0,
    ("theirs", "INVITE"): 500,
    ("theirs", "UPDATE"): 500,
    ("theirs", "PRACK"): 500,
    ("ours", "INVITE"): 491,
    ("ours", "UPDATE"): 491,
    ("ours", "PRACK"): 491,
    (UNACKNOWLEDGED, "INVITE"): 491,
    (UNACKNOWLEDGED, "UPDATE"): 0,
    (UNACKNOWLEDGED, "PRACK"): 0,
    (UNANSWERED, "INVITE"): 500,
    (UNANSWERED, "UPDATE"): 0,
    (UNANSWERED, "PRACK"): 0,
}

# How far the first offer and answer of a session are (RFC 3264, RFC 6337 §2)
NONE: Final = "none"  # nobody has offered
OURS: Final = "ours"  # our offer waits for their answer
THEIRS: Final = "theirs"  # their offer waits for our answer
DONE: Final = "done"
