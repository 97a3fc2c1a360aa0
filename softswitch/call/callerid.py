"""Which number a peer is shown as the caller's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.sip.headers import BadMessage
from softswitch.sip.identities import PreferredIdentity
from softswitch.sip.telephone import telephone
from softswitch.sip.uri import Address

if TYPE_CHECKING:
    from softswitch.call.dialplan import DialPlan, Outward
    from softswitch.call.party import Party
    from softswitch.config import Trunk
    from softswitch.sip.message import Message


def chosen_number(plan: DialPlan, user: str, message: Message) -> str:
    """The number that a user's INVITE asks to be shown (P-Preferred-Identity, RFC 3325 §9.2, else From), if
    it is one of the user's `caller_ids`; '' if not."""
    settings = plan.centre.users.get(user)
    if settings is None or not settings.caller_ids:
        return ""
    wanted = telephone(_preferred(message).uri)
    read = plan.numbering.normalised
    own = {read(each) or each: each for each in settings.caller_ids}
    return own.get(read(wanted) or wanted, "")


def _preferred(message: Message) -> Address:
    for text in message.all(PreferredIdentity.NAME):
        try:
            return PreferredIdentity.parse(text).address
        except BadMessage:
            continue
    return Address.parse(message.need("From"))


def shown_number(
    plan: DialPlan, caller: Party, chosen: str, queue: str | None, outward: Outward, trunk: Trunk
) -> str:
    """The first that there is of: chosen by the caller, the user's, the queue's, the route's, the trunk's,
    the caller's own; the trunk's in place of one that its peer does not let us show. In the peer's form.

    With an emergency call a caller cannot choose: who is called back must be who called.
    """
    user = plan.centre.users.get(caller.name) if caller.kind == "user" else None
    of_user = user.caller_id if user is not None else None
    settings = plan.centre.queues.get(queue) if queue is not None else None
    of_queue = settings.caller_id if settings is not None else None
    of_route = outward.route.caller_id if outward.route is not None else None
    if outward.emergency:
        chosen, of_queue, of_route = "", None, plan.centre.numbering.emergency_caller_id
    number = chosen or of_user or of_queue or of_route or trunk.caller_id or caller.number
    number = plan.numbering.normalised(number) or number
    if trunk.caller_ids and trunk.caller_id is not None and not number.startswith(trunk.caller_ids):
        number = plan.numbering.normalised(trunk.caller_id) or trunk.caller_id
    return plan.numbering.written(number, plan.form_of(trunk), trunk.country)
