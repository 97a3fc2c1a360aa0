"""Sessions between two user agents: every way to begin and end one, and the races in between."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sip.message import request, respond
from softswitch.sip.states import SESSION
from tests.sip.peers import SDP, Pair, Phone, ended, only_ring

# Beginning


def test_a_call() -> None:
    pair = Pair().talk()
    assert pair.a.owner.told == [("progress", 180), ("answered",)]
    assert pair.b.owner.told == [("established",)]
    assert pair.a.owner.messages[-1].body == SDP  # type: ignore[union-attr]
    assert [pair.sent("alice", method) for method in ("INVITE", "ACK")] == [1, 1]
    assert "alice@example.com" in pair.b.session.remote_identity


def test_responses_have_what_the_caller_needs() -> None:
    pair = Pair().talk()
    (trying,) = pair.link.sent("bob", "INVITE", 100)
    (ringing,) = pair.link.sent("bob", "INVITE", 180)
    (ok,) = pair.link.sent("bob", "INVITE", 200)
    assert trying.to_tag == ""
    assert ringing.to_tag == ok.to_tag == pair.b.session.dialog.local_tag
    assert ringing.get("Contact") == ok.get("Contact") == "<sip:bob@192.0.2.2:5060>"
    assert "UPDATE" in ok.all("Allow")


def test_rejected() -> None:
    pair = Pair()
    pair.b.ring = lambda session, now, out: session.reject(486, now, out, reason="Not now")
    pair.a.call(pair.b)
    pair.link.run(1)
    assert pair.a.owner.told == ended("rejected", 486)
    assert pair.a.owner.messages[0].reason == "Not now"  # type: ignore[union-attr]
    assert pair.b.owner.told == []
    pair.all_over()


def test_nobody_there() -> None:
    pair = Pair()
    pair.link.drop = lambda sender, message: True
    pair.a.call(pair.b)
    pair.link.run(31.9)
    assert pair.a.owner.told == []
    pair.link.run(0.2)
    assert pair.a.owner.told == ended("timeout", 408)
    pair.all_over()


def test_a_lost_invite_is_sent_again_and_makes_one_session() -> None:
    pair = Pair()
    pair.lose("alice", "INVITE", times=2)
    pair.a.call(pair.b)
    pair.link.run(5)
    assert (pair.sent("alice", "INVITE"), len(pair.b.sessions)) == (3, 1)


def test_a_repeated_invite_has_the_last_provisional_response_again() -> None:
    pair = Pair()
    pair.b.ring = only_ring
    pair.lose("bob", "INVITE", 100)
    pair.a.call(pair.b)
    pair.link.run(0.005)
    pair.link.drop = lambda sender, message: sender == "bob"
    pair.link.run(1)
    assert (len(pair.b.sessions), pair.sent("bob", "INVITE", 180)) == (1, 2)


def test_ringing_is_said_again_every_minute() -> None:
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    pair.link.run(150)
    assert pair.sent("bob", "INVITE", 180) == 3
    pair.a.hang_up()
    pair.all_over()


# The 2xx and its ACK


def test_a_lost_ack_is_repeated_for_each_repeated_answer() -> None:
    pair = Pair()
    pair.lose("alice", "ACK", times=3)
    pair.a.call(pair.b)
    pair.link.run(10)
    assert pair.a.owner.told.count(("answered",)) == 1
    assert pair.b.owner.told == [("established",)]
    assert (pair.sent("bob", "INVITE", 200), pair.sent("alice", "ACK")) == (4, 4)
    times = [when for when, sender, message in pair.link.log if sender == "bob" and message.status == 200]
    assert [round(when - times[0], 3) for when in times] == [0.0, 0.5, 1.5, 3.5]


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_no_ack_ever(transport: str) -> None:
    """The answer is repeated 64·T1 long, on a stream too, then the call is given up with BYE."""
    pair = Pair()
    pair.lose("alice", "ACK", times=1000)
    pair.a.call(pair.b, transport=transport)
    pair.link.run(40)
    assert pair.b.owner.told == ended("no_ack", 408)
    assert pair.a.owner.endings == ended("remote_bye")
    assert pair.sent("bob", "INVITE", 200) == 11
    pair.all_over()


def test_nothing_else_is_repeated_on_a_stream() -> None:
    pair = Pair(delay_s=3.0)
    pair.a.call(pair.b, transport="TCP")
    pair.link.run(20)
    pair.a.hang_up()
    pair.all_over()
    assert [pair.sent("alice", method) for method in ("INVITE", "BYE")] == [1, 1]
    assert pair.sent("bob", "INVITE", 180) == 1


def test_a_second_ack_changes_nothing() -> None:
    pair = Pair(duplicates=1.0).talk()
    assert pair.b.owner.told == [("established",)]


def test_a_2xx_of_another_fork_is_hung_up() -> None:
    """A proxy forked our INVITE: who answers second has ACK and BYE, once, and the first call goes on."""
    pair = Pair().talk()
    (invite,) = pair.link.sent("alice", "INVITE")
    other = Phone(pair.link, "carol")
    fork = respond(invite, 200, to_tag="zz", headers="Contact: <sip:carol@192.0.2.3>\r\n")
    flow = pair.a.host.flow_to(other.host)
    pair.link.inject(fork, flow)
    pair.link.inject(fork, flow)
    to_carol = [message.method for message in pair.link.sent("alice", "ACK") if message.to_tag == "zz"]
    assert len(to_carol) == 2
    pair.link.run(1)
    assert [message.uri for message in pair.link.sent("alice", "BYE")] == ["sip:carol@192.0.2.3"]
    assert (pair.a.session.state, pair.b.session.state) == ("up", "up")


def test_a_2xx_out_of_nowhere_is_not_answered() -> None:
    pair = Pair()
    pair.link.inject(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKguess\r\nFrom: <sip:a@h>;tag=1\r\n"
        b"To: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:victim@192.0.2.2>\r\n\r\n",
        pair.a.host.flow_to(pair.b.host),
    )
    assert pair.link.log == []


# Cancelling


def test_cancel() -> None:
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    pair.link.run(1)
    pair.a.hang_up(reason_header="SIP;cause=200")
    pair.link.run(1)
    assert pair.b.owner.told == ended("remote_cancel", 487)
    assert pair.a.owner.told == [("progress", 180)]
    (cancel,) = pair.link.sent("alice", "CANCEL")
    (invite,) = pair.link.sent("alice", "INVITE")
    assert cancel.need("Via") == invite.need("Via")
    assert (cancel.uri, cancel.cseq, cancel.to_tag) == (invite.uri, invite.cseq, "")
    assert cancel.need("Reason") == "SIP;cause=200"
    assert pair.sent("alice", "ACK") == 1
    pair.all_over()


def test_cancel_waits_for_a_provisional_response() -> None:
    pair = Pair(delay_s=0.2)
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    pair.a.hang_up()
    assert pair.sent("alice", "CANCEL") == 0
    pair.link.run(5)
    assert pair.sent("alice", "CANCEL") == 1
    assert pair.b.owner.told == ended("remote_cancel", 487)
    pair.all_over()


def test_cancel_meets_the_answer() -> None:
    """Both are under way at once: the CANCEL changes nothing any more, so ACK and BYE end the call."""
    pair = Pair(delay_s=0.1)
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    pair.link.run(1)
    pair.a.hang_up()
    pair.b.do(lambda out: pair.b.session.answer(SDP, pair.link.now, out))
    pair.link.run(2)
    assert [pair.sent("alice", method) for method in ("CANCEL", "ACK", "BYE")] == [1, 1, 1]
    assert pair.sent("bob", "CANCEL", 200) == 1
    assert pair.a.owner.told == [("progress", 180)]
    assert pair.b.owner.told == [("established",), *ended("remote_bye")]
    pair.all_over()


def test_hung_up_before_anything_came_back_but_the_answer() -> None:
    pair = Pair(delay_s=0.2)
    pair.lose("bob", "INVITE", 100)
    pair.b.ring = lambda session, now, out: session.answer(SDP, now, out)
    pair.a.call(pair.b)
    pair.a.hang_up()
    pair.link.run(5)
    assert (pair.sent("alice", "CANCEL"), pair.sent("alice", "BYE")) == (0, 1)
    assert pair.a.owner.told == []
    assert pair.b.owner.endings == ended("remote_bye")
    pair.all_over()


def test_no_answer_to_a_cancel() -> None:
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    pair.link.run(1)
    pair.link.drop = lambda sender, message: True
    pair.a.hang_up()
    pair.link.run(33)
    assert pair.a.session.state == "ended"
    assert pair.a.owner.told == [("progress", 180)]


def test_a_2xx_long_after_a_cancel_nobody_answered() -> None:
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    pair.link.run(1)
    pair.link.drop = lambda sender, message: message.method == "CANCEL"
    pair.a.hang_up()
    pair.link.run(35)
    pair.b.do(lambda out: pair.b.session.answer(SDP, pair.link.now, out))
    pair.link.run(1)
    assert [pair.sent("alice", method) for method in ("ACK", "BYE")] == [1, 1]
    assert pair.b.owner.endings == ended("remote_bye")
    pair.all_over()


# Ending


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_bye(who: str) -> None:
    pair = Pair().talk()
    first, second = (pair.a, pair.b) if who == "alice" else (pair.b, pair.a)
    first.hang_up(reason_header="Q.850;cause=16")
    first.hang_up()
    pair.link.run(1)
    (bye,) = pair.link.sent(who, "BYE")
    assert bye.need("Reason") == "Q.850;cause=16"
    assert second.owner.endings == ended("remote_bye")
    assert first.owner.endings == []
    pair.all_over()


def test_both_hang_up_at_once() -> None:
    pair = Pair(delay_s=0.1).talk()
    pair.a.hang_up()
    pair.b.hang_up()
    pair.link.run(1)
    assert pair.a.owner.endings == pair.b.owner.endings == []
    assert (pair.sent("alice", "BYE"), pair.sent("bob", "BYE")) == (1, 1)
    pair.all_over()


def test_bye_before_the_ack() -> None:
    """The ACK was overtaken, or lost: the call is over, and the answer is not repeated any more."""
    pair = Pair()
    pair.lose("alice", "ACK", times=1000)
    pair.a.call(pair.b)
    pair.link.run(0.1)
    pair.a.hang_up()
    pair.link.run(10)
    assert pair.b.owner.told == ended("remote_bye")
    assert pair.sent("bob", "INVITE", 200) == 1
    pair.all_over()


def test_the_callee_hangs_up_before_the_ack() -> None:
    """BYE has to wait for the ACK (§15), which is lost twice."""
    pair = Pair(delay_s=0.1)
    pair.lose("alice", "ACK", times=2)
    pair.a.call(pair.b)
    pair.link.run(0.15)
    pair.b.hang_up()
    assert pair.b.session.state == "closing"
    pair.link.run(10)
    assert pair.b.owner.told == []
    assert pair.a.owner.endings == ended("remote_bye")
    order = [m.method for _, _, m in pair.link.log if (m.method, m.status) in (("ACK", 0), ("BYE", 0))]
    assert order == ["ACK", "ACK", "ACK", "BYE"]
    pair.all_over()


def test_the_callee_hangs_up_and_no_ack_comes() -> None:
    pair = Pair()
    pair.lose("alice", "ACK", times=1000)
    pair.a.call(pair.b)
    pair.link.run(1)
    pair.b.hang_up()
    pair.link.run(40)
    assert pair.sent("bob", "BYE") == 1
    assert pair.b.owner.told == []
    pair.all_over()


def test_hang_up_instead_of_an_answer_is_603() -> None:
    pair = Pair()
    pair.b.ring = lambda session, now, out: session.hang_up(now, out, reason_header="Q.850;cause=21")
    pair.a.call(pair.b)
    pair.link.run(1)
    assert pair.a.owner.told == ended("rejected", 603)
    (decline,) = pair.link.sent("bob", "INVITE", 603)
    assert decline.need("Reason") == "Q.850;cause=21"
    pair.all_over()


def test_a_caller_may_end_an_early_dialog_with_bye() -> None:
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    pair.link.run(1)
    pair.a.do(lambda out: pair.a.session.request("BYE", pair.link.now, out))
    pair.link.run(1)
    assert pair.b.owner.told == ended("remote_bye")
    assert (pair.sent("bob", "BYE", 200), pair.sent("bob", "INVITE", 487)) == (1, 1)


def test_after_the_end_nothing_is_known_of_it() -> None:
    pair = Pair().talk()
    dialog = pair.a.session.dialog
    pair.a.hang_up()
    pair.link.run(1)
    data = dialog.request("INFO", 99, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKlate")
    pair.link.inject(data, pair.b.host.flow_to(pair.a.host))
    assert pair.sent("bob", "INFO", 481) == 1


def test_what_the_owner_asks_for_too_late_does_nothing() -> None:
    pair = Pair().talk()
    pair.a.hang_up()
    pair.link.run(1)
    before = len(pair.link.log)

    def everything(out: list[Any]) -> None:
        for session in (pair.a.session, pair.b.session):
            session.progress(180, pair.link.now, out)
            session.answer(SDP, pair.link.now, out)
            session.reject(486, pair.link.now, out)
            session.reinvite(SDP, pair.link.now, out)
            session.accept(SDP, pair.link.now, out)
            session.refuse(488, pair.link.now, out)
            session.send_info("application/dtmf", b"5", pair.link.now, out)
            session.hang_up(pair.link.now, out)

    pair.a.do(everything)
    assert len(pair.link.log) == before
    pair.all_over()


def test_a_broken_stream_ends_what_is_not_up() -> None:
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b, transport="TCP")
    pair.link.run(1)
    for one, other in ((pair.a, pair.b), (pair.b, pair.a)):
        flow = one.host.flow_to(other.host, "TCP")
        if one is pair.b:
            one.do(lambda out, flow=flow: pair.b.ua.transport_failed(flow, pair.link.now, out))
            assert pair.b.session.state == "incoming"
            flow = flow._replace(connection=0)
        one.do(lambda out, one=one, flow=flow: one.ua.transport_failed(flow, pair.link.now, out))
    assert pair.a.owner.endings == pair.b.owner.endings == ended("transport_failed", 503)
    pair.all_over()


def test_a_session_that_is_up_outlives_its_stream() -> None:
    pair = Pair()
    pair.a.call(pair.b, transport="TCP")
    pair.link.run(1)
    pair.a.do(
        lambda out: pair.a.ua.transport_failed(pair.a.host.flow_to(pair.b.host, "TCP"), pair.link.now, out)
    )
    assert pair.a.session.state == "up"
    assert pair.a.session.dialog.sip_flow.connection == 0
    pair.a.hang_up()
    pair.link.run(1)
    assert pair.b.owner.endings == ended("remote_bye")


# Other requests


def test_info() -> None:
    pair = Pair().talk()
    pair.a.do(lambda out: pair.a.session.send_info("application/dtmf", b"5", pair.link.now, out))
    pair.link.run(1)
    assert pair.b.owner.told[-1] == ("info", b"5")
    assert pair.link.sent("alice", "INFO")[0].need("Content-Type") == "application/dtmf"
    assert pair.sent("bob", "INFO", 200) == 1


def test_info_of_a_package_that_nobody_asked_for_is_refused() -> None:
    pair = Pair().talk()
    pair.a.do(
        lambda out: pair.a.session.send_request(
            "INFO", lambda *_: None, pair.link.now, out, headers="Info-Package: x\r\n"
        )
    )
    pair.link.run(1)
    (refused,) = pair.link.sent("bob", "INFO", 469)
    assert "Recv-Info" in refused
    assert pair.b.owner.told[-1][0] != "info"


def test_a_lost_info_response_does_not_repeat_the_digit() -> None:
    pair = Pair().talk()
    pair.lose("bob", "INFO", 200, times=3)
    pair.a.do(lambda out: pair.a.session.send_info("application/dtmf", b"5", pair.link.now, out))
    pair.link.run(10)
    assert pair.b.owner.told.count(("info", b"5")) == 1


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("REFER", 501), ("NOTIFY", 501)])
def test_other_methods(method: str, status: int) -> None:
    pair = Pair().talk()
    statuses: list[int] = []
    pair.a.do(
        lambda out: pair.a.session.request(
            method, pair.link.now, out, on_final=lambda status, *rest: statuses.append(status)
        )
    )
    pair.link.run(1)
    assert statuses == [status]
    assert (("request", method) in pair.b.owner.told) == (status == 501)


def test_a_request_out_of_order_has_500() -> None:
    pair = Pair().talk()
    data = pair.a.session.dialog.request("INFO", 1, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKold")
    pair.link.inject(data, pair.b.host.flow_to(pair.a.host))
    assert pair.sent("bob", "INFO", 500) == 1


def test_a_stranger_with_the_wrong_tag_is_not_in_the_dialog() -> None:
    pair = Pair().talk()
    dialog = pair.a.session.dialog
    data = request(
        "BYE",
        "sip:bob@192.0.2.2",
        via="SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bKevil",
        from_="<sip:alice@example.com>;tag=guess",
        to=dialog.remote,
        sip_call_id=dialog.sip_call_id,
        cseq=5000,
    )
    pair.link.inject(data, pair.b.host.flow_to(pair.a.host))
    assert pair.sent("bob", "BYE", 481) == 1
    assert pair.b.session.state == "up"


# The table itself


def test_every_session_ends_from_every_state() -> None:
    """From each state hanging up and a silent network lead to the end, and nothing leads out of it."""
    for state in SESSION.states:
        reached, todo = set(), [state]
        while todo:
            at = todo.pop()
            if at not in reached:
                reached.add(at)
                todo += [SESSION.rules[at, given][1] for given in ("hang_up", "timeout")]
        assert "ended" in reached, state
    assert {to for (state, _), (_, to) in SESSION.rules.items() if state == "ended"} == {"ended"}


@pytest.mark.parametrize("state", SESSION.states)
@pytest.mark.parametrize("given", SESSION.inputs)
def test_the_owner_hears_of_an_end_only_if_it_was_not_asked_for(state: str, given: str) -> None:
    """A session that its owner has ended never reports its end, one that lives always does."""
    action, after = SESSION.rules[state, given]
    own = given in ("hang_up", "reject") or state in ("cancel_due", "cancelling", "closing")
    reports = action in ("end", "end_and_bye", "end_and_terminate")
    assert reports == (after == "ended" and state != "ended" and not own)
