"""Who a session reports to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from softswitch.sip.flow import Outputs
    from softswitch.sip.message import Message
    from softswitch.sip.refer import SentReferral
    from softswitch.sip.session import Session
    from softswitch.sip.transaction import ServerTransaction


class SessionOwner(Protocol):
    """Who a session reports to. Nothing is reported after the owner's own hang_up or reject."""

    def session_progress(
        self, session: Session, status: int, message: Message, now: float, out: Outputs
    ) -> None:
        """101 to 199 came to our INVITE."""

    def session_answered(self, session: Session, message: Message, now: float, out: Outputs) -> None:
        """2xx came to our INVITE and has been ACKed; its body is the answer.

        If our INVITE had no offer, the body is theirs, and the ACK waits for `session.acknowledge`.
        """

    def session_established(self, session: Session, now: float, out: Outputs) -> None:
        """The ACK to our answer came; it is `session.ack`, and has the answer to a late offer of ours."""

    def session_offered(self, session: Session, message: Message, now: float, out: Outputs) -> None:
        """A re-INVITE, or an UPDATE with a body: `accept` or `refuse` it, now or later.

        Without a body `accept` makes the offer.
        """

    def session_reanswered(
        self, session: Session, status: int, message: Message | None, now: float, out: Outputs
    ) -> None:
        """The outcome of `reinvite`, or the ACK to an offer made by `accept`.

        Status 200: it has the answer; 488: it has none. After a `reinvite` without an offer the body of the
        2xx is theirs, and the ACK waits for `session.acknowledge`.
        """

    def session_info(self, session: Session, message: Message, now: float, out: Outputs) -> None:
        """An INFO; it has had its 200."""

    def session_request(
        self, session: Session, transaction: ServerTransaction, message: Message, now: float, out: Outputs
    ) -> bool:
        """Any other request in the dialog. True: the owner answers it; False: 501."""
        return False

    def session_ended(
        self, session: Session, cause: str, status: int, message: Message | None, now: float, out: Outputs
    ) -> None:
        """Once, for an end the owner did not ask for.

        `cause`: remote_bye, remote_cancel, rejected (`status` says how), timeout, no_ack, transport_failed,
        stale (the peer does not know the dialog any more), or session_expired. `status` is 0 where there is
        none; `message` is the BYE, CANCEL or final response, whose Reason headers are `session.reasons`.
        """


class Extensions:
    """What an owner may hear beyond `SessionOwner`: these are the defaults for one that does not listen."""

    def session_prack(self, session: Session, message: Message, now: float, out: Outputs) -> None:
        """The PRACK to a reliable response with our offer; its body is the answer. It has had its 200."""

    def session_refer_answered(
        self,
        session: Session,
        referral: SentReferral,
        status: int,
        message: Message | None,
        now: float,
        out: Outputs,
    ) -> None:
        """The final response to our REFER."""

    def session_refer_notified(
        self, session: Session, referral: SentReferral, status: int, now: float, out: Outputs
    ) -> None:
        """How the call that our REFER asks for stands; `referral.state` is over after the last one.

        This may come after the end of the session.
        """

    # Not here, because without it a REFER goes the way of all requests that nobody knows:
    #     session_referred(session, referral, now, out) -> bool
    # A REFER: True if the owner calls `accept` or `refuse` of the `refer.Referral`, now or later.


class Nobody:
    """The owner of a session that nobody owns any more."""

    def _unheard(self, *told: Any, **named: Any) -> None:
        return None

    session_progress = session_answered = session_established = session_offered = _unheard
    session_reanswered = session_info = session_ended = _unheard

    def session_request(self, *told: Any, **named: Any) -> bool:
        return False
