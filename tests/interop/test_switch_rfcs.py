"""One conversation of SIPp peers through the switch for each extension of SIP; all go on at the same time.

The caller and the called are peers of trunks; what each must see of the other is in its steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.interop.matrix import Matrix
from tests.peers.ports import free_port
from tests.peers.sipp_script import ScriptedPeer, Step, receive, send
from tests.system.running import RunningSystem, running

CALLERS_HOST, CALLED_HOST, USERS_HOST = "127.0.0.89", "127.0.0.90", "127.0.0.91"
IPV6_HOST = "::1"
USER, PASSWORD = "anna", "anna-secret"
ANSWERS: tuple[Step, ...] = (send(180), send(200, sdp="sendrecv"), receive("ACK"))
REST_OF_CALL: tuple[Step, ...] = (receive(180), receive(200), send("ACK"))
CALLS: tuple[Step, ...] = (send("INVITE", sdp="sendrecv"), *REST_OF_CALL)
HANGS_UP: tuple[Step, ...] = (send("BYE"), receive(200))
IS_HUNG_UP: tuple[Step, ...] = (receive("BYE"), send(200))
CREDENTIALS = f"[authentication username={USER} password={PASSWORD}]"
REPLACES = "Replaces: nothing;to-tag=1;from-tag=2;early-only"
MAILBOX = ("Event: message-summary", "Accept: application/simple-message-summary", "Expires: 60")
CALLS_AS_USER: tuple[Step, ...] = (
    send("INVITE", sdp="sendrecv"),
    receive(401),
    send("ACK"),
    send("INVITE", CREDENTIALS, sdp="sendrecv"),
    *REST_OF_CALL,
)
PRIVATE = send("INVITE", "P-Asserted-Identity: <sip:0305555@127.0.0.89>", "Privacy: id", sdp="sendrecv")


@dataclass(frozen=True)
class Case:
    """A row of the matrix, and who proves it.

    `other` is a third peer, %OTHER% its URI; `trunk` are settings of the called one's; `reason` is why the
    call ended, '' if there was none. The caller is a `user` of ours, or else the peer of a trunk.
    """

    feature: str
    caller: Sequence[Step]
    called: Sequence[Step] = (receive("INVITE"), *ANSWERS, *IS_HUNG_UP)
    other: Sequence[Step] = ()
    uri: str = "NUMBER"
    trunk: dict[str, Any] = field(default_factory=dict)
    user: bool = False
    ipv6: bool = False
    reason: str = "normal_hang_up_caller"


TIMER = "Supported: timer"
CASES = {
    "prack": Case(
        "prack",
        caller=(
            send("INVITE", "Require: 100rel", sdp="sendrecv"),
            receive(183, "Require: .*100rel", "m=audio", rseq="RSeq: *([0-9]+)"),
            send("PRACK", "RAck: [$rseq] 1 INVITE"),
            receive(200),
            receive(200),
            send("ACK"),
            *HANGS_UP,
        ),
        called=(
            receive("INVITE", "Supported: .*100rel"),
            send(183, "Require: 100rel", "RSeq: 7", sdp="sendrecv"),
            receive("PRACK", "RAck: 7 [0-9]+ INVITE"),
            send(200),
            send(200, of="INVITE"),
            receive("ACK"),
            *IS_HUNG_UP,
        ),
    ),
    "update": Case(
        "update",
        caller=(
            *CALLS,
            send("UPDATE", sdp="sendonly"),
            receive(200, "a=recvonly"),
            send("UPDATE"),
            receive(200, lacks=["m=audio"]),
            *HANGS_UP,
        ),
        called=(receive("INVITE", "Allow: .*UPDATE"), *ANSWERS, *IS_HUNG_UP),
    ),
    "timer_peer_refreshes": Case(
        "timers",
        caller=(
            send("INVITE", TIMER, "Session-Expires: 90;refresher=uac", sdp="sendrecv"),
            receive(180),
            receive(200, "Session-Expires: 90;refresher=uac", "Require: timer"),
            send("ACK"),
            send("UPDATE", TIMER, "Session-Expires: 90;refresher=uac"),
            receive(200, "Session-Expires: 90;refresher=uac"),
            *HANGS_UP,
        ),
    ),
    "timer_we_refuse": Case(
        "timers",
        caller=(
            send("INVITE", TIMER, "Session-Expires: 60", sdp="sendrecv"),
            receive(422, "Min-SE: 90"),
            send("ACK"),
            send("INVITE", TIMER, "Session-Expires: 90", "Min-SE: 90", sdp="sendrecv"),
            receive(180),
            receive(200, "Session-Expires: 90"),
            send("ACK"),
            *HANGS_UP,
        ),
    ),
    "timer_peer_refuses": Case(
        "timers",
        caller=(*CALLS, *HANGS_UP),
        called=(
            receive("INVITE", "Supported: .*timer", "Session-Expires: 1800"),
            send(422, "Min-SE: 2400"),
            receive("ACK"),
            receive("INVITE", "Session-Expires: 2400", "Min-SE: 2400"),
            *ANSWERS,
            *IS_HUNG_UP,
        ),
    ),
    "timer_we_refresh": Case(
        "timers",
        caller=(*CALLS, *IS_HUNG_UP),
        called=(
            receive("INVITE"),
            send(180),
            send(200, TIMER, "Allow: UPDATE", "Session-Expires: 32;refresher=uac", sdp="sendrecv"),
            receive("ACK"),
            receive("UPDATE", "Session-Expires: 32;refresher=uac"),
            send(200, TIMER, "Session-Expires: 32;refresher=uac"),
            *HANGS_UP,
        ),
        reason="normal_hang_up_agent",
    ),
    "timer_nobody_refreshes": Case(
        "timers",
        caller=(*CALLS, *IS_HUNG_UP),
        called=(
            receive("INVITE"),
            send(180),
            send(200, TIMER, "Require: timer", "Session-Expires: 32;refresher=uas", sdp="sendrecv"),
            receive("ACK"),
            *IS_HUNG_UP,
        ),
        reason="session_expired",
    ),
    "glare": Case(
        "glare",
        caller=(*CALLS, *IS_HUNG_UP),
        called=(
            receive("INVITE"),
            send(180),
            send(200, TIMER, "Allow: INVITE, ACK, BYE", "Session-Expires: 32;refresher=uac", sdp="sendrecv"),
            receive("ACK"),
            receive("INVITE", "Session-Expires: 32"),
            send("INVITE", sdp="sendrecv"),
            receive(491),
            send("ACK"),
            send(491, of="INVITE"),
            receive("ACK"),
            *HANGS_UP,
        ),
        reason="normal_hang_up_agent",
    ),
    "refer": Case(
        "transfers",
        caller=(
            *CALLS,
            300,
            send("REFER", "Refer-To: <%OTHER%>", "Referred-By: <sip:peer@127.0.0.89>"),
            receive(202),
            receive("NOTIFY", "Event: refer", "Subscription-State: active", "SIP/2.0 100"),
            send(200),
            receive("NOTIFY", "Subscription-State: active", "SIP/2.0 180"),
            send(200),
            receive("NOTIFY", "Subscription-State: terminated", "SIP/2.0 200"),
            send(200),
            *IS_HUNG_UP,
        ),
        other=(receive("INVITE", "Referred-By: .*"), *ANSWERS, 300, *HANGS_UP),
        reason="normal_hang_up_agent",
    ),
    "delayed_offer": Case(
        "delayed_offer",
        caller=(
            send("INVITE"),
            receive(180),
            receive(200, "m=audio"),
            send("ACK", sdp="sendrecv"),
            *HANGS_UP,
        ),
    ),
    "delayed_offer_later": Case(
        "delayed_offer",
        caller=(
            *CALLS,
            send("INVITE"),
            receive(200, "m=audio"),
            send("ACK", sdp="sendonly"),
            *HANGS_UP,
        ),
    ),
    "redirection": Case(
        "redirects",
        caller=(*CALLS_AS_USER, *HANGS_UP),
        called=(receive("INVITE"), send(302, "Contact: <%OTHER%>"), receive("ACK")),
        other=(receive("INVITE", "Diversion: .*reason=deflection"), *ANSWERS, *IS_HUNG_UP),
        trunk={"redirects": "outside"},
        user=True,
    ),
    "redirection_refused": Case(
        "redirects",
        caller=(send("INVITE", sdp="sendrecv"), receive(480), send("ACK")),
        called=(receive("INVITE"), send(302, "Contact: <%OTHER%>"), receive("ACK")),
        reason="redirected",
    ),
    "redirection_passed": Case(
        "redirects",
        caller=(send("INVITE", sdp="sendrecv"), receive(302, "Contact: .*sip:09"), send("ACK")),
        called=(receive("INVITE"), send(302, "Contact: <%OTHER%>"), receive("ACK")),
        trunk={"redirects": "pass"},
        reason="redirected",
    ),
    "cancel_with_reason": Case(
        "reasons",
        caller=(
            send("INVITE", sdp="sendrecv"),
            receive(180),
            send("CANCEL", 'Reason: SIP;cause=200;text="Call completed elsewhere"'),
            receive(200),
            receive(487),
            send("ACK"),
        ),
        called=(
            receive("INVITE"),
            send(180),
            receive("CANCEL", "Reason: SIP ?;cause=200"),
            send(200),
            send(487, of="INVITE"),
            receive("ACK"),
        ),
        reason="caller_cancelled",
    ),
    "reason_of_a_refusal": Case(
        "reasons",
        caller=(send("INVITE", sdp="sendrecv"), receive(486, "Reason: Q.850 ?;cause=17"), send("ACK")),
        called=(receive("INVITE"), send(486, "Reason: Q.850;cause=17"), receive("ACK")),
        reason="user_busy",
    ),
    "reason_of_a_bye": Case(
        "reasons",
        caller=(*CALLS, send("BYE", "Reason: Q.850;cause=31"), receive(200)),
        called=(receive("INVITE"), *ANSWERS, receive("BYE", "Reason: Q.850 ?;cause=31"), send(200)),
    ),
    "identity_to_a_trusted_peer": Case(
        "identity",
        caller=(PRIVATE, *REST_OF_CALL, *HANGS_UP),
        called=(
            receive("INVITE", "From: .*anonymous", "P-Asserted-Identity: .*sip:0305555@", "Privacy: id"),
            *ANSWERS,
            *IS_HUNG_UP,
        ),
        trunk={"send_identity": "pai"},
    ),
    "identity_to_others": Case(
        "identity",
        caller=(PRIVATE, *REST_OF_CALL, *HANGS_UP),
        called=(receive("INVITE", "From: .*anonymous", lacks=["0305555"]), *ANSWERS, *IS_HUNG_UP),
    ),
    "user_to_user": Case(
        "user_to_user",
        caller=(
            send("INVITE", "User-to-User: 56a390f3d2b7310023a2;encoding=hex", "X-Inside: 1", sdp="sendrecv"),
            *REST_OF_CALL,
            *HANGS_UP,
        ),
        called=(
            receive("INVITE", "User-to-User: 56a390f3d2b7310023a2;encoding=hex", lacks=["X-Inside"]),
            *ANSWERS,
            *IS_HUNG_UP,
        ),
    ),
    "options": Case(
        "options",
        caller=(
            *CALLS,
            send("OPTIONS"),
            receive(200, "Allow: .*INVITE", "Supported: .*replaces"),
            *HANGS_UP,
        ),
    ),
    "options_out_of_a_dialog": Case(
        "options",
        caller=(send("OPTIONS"), receive(200, "Allow: .*INVITE")),
        called=(),
        uri="sip:SWITCH",
        reason="",
    ),
    "info_package": Case(
        "info_package",
        caller=(*CALLS, send("INFO", "Info-Package: x"), receive(469, "Recv-Info:"), *HANGS_UP),
    ),
    "required_extension": Case(
        "required",
        caller=(
            send("INVITE", "Require: 100rel, x-unheard-of", sdp="sendrecv"),
            receive(420, "Unsupported: x-unheard-of", lacks=["Unsupported: 100rel"]),
            send("ACK"),
        ),
        called=(),
        reason="",
    ),
    "replaces_nothing": Case(
        "replaces",
        caller=(
            send("INVITE", REPLACES, sdp="sendrecv"),
            receive(401),
            send("ACK"),
            send("INVITE", REPLACES, CREDENTIALS, sdp="sendrecv"),
            receive(481),
            send("ACK"),
        ),
        called=(),
        user=True,
        reason="",
    ),
    "message_summary": Case(
        "message_waiting",
        caller=(
            send("SUBSCRIBE", *MAILBOX),
            receive(401),
            send("SUBSCRIBE", *MAILBOX, CREDENTIALS),
            receive(200, "Expires: 60"),
            receive("NOTIFY", "Event: message-summary", "Subscription-State: active", "Messages-Waiting:.no"),
            send(200),
        ),
        called=(),
        uri=f"sip:{USER}@SWITCH",
        user=True,
        reason="",
    ),
    "ipv6": Case("ipv6", caller=(*CALLS, send("OPTIONS"), receive(200), *HANGS_UP), ipv6=True),
    "tel": Case(
        "tel",
        caller=(*CALLS, *HANGS_UP),
        uri="tel:NUMBER",
    ),
}


@dataclass
class Group:
    """All cases, as they go on: what the peers are and the trunk of each."""

    system: RunningSystem
    peers: dict[str, list[ScriptedPeer]]


def number(name: str, *, other: bool = False) -> str:
    return f"09{list(CASES).index(name):02}{int(other)}"


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    directory = tmp_path_factory.mktemp("rfcs")
    trunks: dict[str, Any] = {
        "callers": {
            "allow_from": [CALLERS_HOST, IPV6_HOST],
            "calling": ["other"],
            "allow_refer": True,
            "trust_identity": True,
        }
    }
    routes: dict[str, Any] = {}
    users = {USER: {"password": PASSWORD, "calling": ["other"]}}
    called: dict[str, list[ScriptedPeer]] = {}
    for name, case in CASES.items():
        called[name] = []
        for role, steps in (("called", case.called), ("other", case.other)):
            if not steps:
                continue
            host = IPV6_HOST if case.ipv6 else CALLED_HOST
            peer = ScriptedPeer(f"{name}-{role}", directory, host, steps)
            called[name].append(peer)
            trunks[peer.name] = {"addresses": [peer.address], **case.trunk}
            prefix = number(name, other=role == "other")
            routes[peer.name] = {"prefixes": [prefix], "trunks": [peer.name]}
    port = free_port(IPV6_HOST)
    listen = [{"transport": "UDP", "host": IPV6_HOST, "port": port}]
    with running({"trunks": trunks, "routes": routes, "users": users}, listen=listen) as system:
        peers = [peer for each in called.values() for peer in each]
        try:
            ways = {False: f"127.0.0.1:{system.port}", True: f"[{IPV6_HOST}]:{port}"}
            for name, case in CASES.items():
                switch = ways[case.ipv6]
                for peer in called[name]:
                    peer.start(switch, other=other(name, switch))
            for name, case in CASES.items():
                switch = ways[case.ipv6]
                host = IPV6_HOST if case.ipv6 else USERS_HOST if case.user else CALLERS_HOST
                caller = ScriptedPeer(f"{name}-caller", directory, host, case.caller)
                called[name].append(caller)
                peers.append(caller)
                uri = case.uri.replace("NUMBER", number(name)).replace("SWITCH", switch)
                identity = f"sip:{USER}@{switch}" if case.user else ""
                caller.start(switch, number=uri, identity=identity, other=other(name, switch))
            yield Group(system, called)
        finally:
            for peer in peers:
                peer.close()


def other(name: str, switch: str) -> str:
    return f"sip:{number(name, other=True)}@{switch}"


@pytest.mark.parametrize("name", CASES)
def test_an_extension_works_through_the_switch(name: str, group: Group, matrix: Matrix) -> None:
    for peer in group.peers[name]:
        peer.judge()
    caller = group.peers[name][-1]
    found = [row for row in group.system.cdrs() if row["sip_call_id"] == caller.call_id]
    assert [row["reason"] for row in found] == [*filter(None, [CASES[name].reason])], found
    matrix.proven(caller, CASES[name].feature)
