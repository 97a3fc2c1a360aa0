"""Where the responses to a datagram go (RFC 3261 §18.2.2, RFC 3581 §4).

With `rport` to the port that it came from. Without, to the port that Via names, where its host is the one
that it came from: such phones send from one port and listen on another. Where these hosts differ a NAT is
between, and only the way back leads through it. `maddr` is not followed: anybody could aim our responses.
"""

from __future__ import annotations

from softswitch.sip.compose import asks_for_port
from softswitch.sip.dialog import host_and_port
from softswitch.sip.flow import SipFlow
from softswitch.sip.message import Message


def return_path(message: Message, flow: SipFlow) -> SipFlow:
    """The flow for everything that answers a request that came on `flow`."""
    host, port = flow.remote
    sent_by = message.sent_by
    if flow.transport != "UDP" or sent_by == f"{host}:{port}" or asks_for_port(message.need("Via")):
        return flow
    named = host_and_port(sent_by) if sent_by else flow.remote
    return flow._replace(remote=named) if named[0] == host and 0 < named[1] < 65536 else flow
