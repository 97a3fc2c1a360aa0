"""What agents note about a call: in it, until the wrap-up is over, and afterwards by a supervisor."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.acd.engine import LONGEST_AWAITED_S
from tests.call.test_call_control import Desk
from tests.call.world import CENTRE

STATUSES = {"dispositions": ["sold", "thinks"]}


def desk_with(**queue: Any) -> Desk:
    queues = {"sales": {**CENTRE["queues"]["sales"], **queue}, "support": {"dispositions": ["solved"]}}
    return Desk(statuses=STATUSES, queues=queues)


def note(desk: Desk, disposition: str = "sold", **args: Any) -> dict[str, Any]:
    call = desk.world.of("call_started")[0]["call"]
    given = {"call": call, "agent": "a1", "disposition": disposition, **args}
    answer: dict[str, Any] = desk.command("disposition.set", **given)
    return answer


def state(desk: Desk) -> str:
    return str(desk.world.exchange.acd.agent("a1").state.value)


def test_in_the_call_and_in_the_wrap_up() -> None:
    desk = desk_with()
    answer = note(desk, "thinks", own="alice", by="api:desk")
    assert answer == {"call": desk.calls[0], "disposition": "thinks", "agent": "a1", "queue": "sales"}
    assert desk.world.one("disposition_set") == {**answer, "by": "api:desk"}
    desk["carol"].hang_up()
    note(desk, "sold", note="calls again\non Monday")
    assert desk.world.of("disposition_set")[-1]["note"] == "calls again\non Monday"
    assert state(desk) == "wrap_up"


def test_after_the_wrap_up_only_by_a_supervisor() -> None:
    desk = desk_with()
    call = desk.calls[0]
    desk["carol"].hang_up()
    desk.world.wait(6)
    assert state(desk) == "idle"
    args = {"call": call, "agent": "a1", "disposition": "sold"}
    said = desk.refused("disposition.set", **args)
    assert said == f"call: {call!r} is no call that a1 has, or wraps up"
    assert "late: is not for agents" in desk.refused("disposition.set", **args, late=True, own="alice")
    assert "there is no queue 'x'" in desk.refused("disposition.set", **args, late=True, queue="x")
    assert desk.command("disposition.set", **args, late=True, queue="sales")["queue"] == "sales"
    assert desk.command("disposition.set", **args, late=True)["queue"] is None


def test_of_a_call_of_no_queue_while_it_lasts() -> None:
    desk = desk_with()
    call = desk.talk("bob", "dave")
    answer = desk.command("disposition.set", call=call, agent="a2", disposition="sold", own="bob")
    assert answer["queue"] is None
    assert "no call that a1 has" in desk.refused("disposition.set", call=call, agent="a1", disposition="sold")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"disposition": "solved"}, "disposition: 'solved' is no disposition of this call"),
        ({"agent": "a9"}, "agent: there is no agent 'a9'"),
        ({"own": "bob"}, "agent: 'a1' is not you"),
        ({"note": "x" * 1001}, "note: is no note; allowed: a text of up to 1000 characters"),
        ({"note": 7}, "note: is no note"),
        ({"note": "\x00"}, "note: is no note"),
        ({"call": "c" * 65}, "call: is too long"),
        ({"call": None}, "call: is missing"),
        ({"disposition": ""}, "disposition: is missing"),
    ],
)
def test_what_is_wrong_is_refused(args: dict[str, Any], said: str) -> None:
    desk = desk_with()
    given = {"call": desk.calls[0], "agent": "a1", "disposition": "sold", **args}
    assert desk.refused("disposition.set", **given).startswith(said)
    assert not desk.world.of("disposition_set")


def test_a_queue_has_its_own_and_a_centre_without_any_says_so() -> None:
    desk = desk_with(dispositions=["solved"])
    assert note(desk, "solved")["disposition"] == "solved"
    bare = Desk()
    said = bare.refused("disposition.set", call=bare.calls[0], agent="a1", disposition="sold")
    assert said.endswith("none is configured; see statuses.dispositions")


def test_wrap_up_waits_for_a_disposition_that_is_required() -> None:
    desk = desk_with(disposition_required=True)
    desk["carol"].hang_up()
    desk.world.wait(60)
    assert state(desk) == "wrap_up"
    assert desk.world.one("wrap_up_extended")["by"] == "disposition_required"
    desk.world.restart_switch()
    desk.world.wait(60)
    note(desk)
    assert state(desk) == "idle"


def test_one_that_was_given_in_time_changes_nothing() -> None:
    desk = desk_with(disposition_required=True)
    note(desk)
    desk["carol"].hang_up()
    desk.world.wait(4)
    assert state(desk) == "wrap_up"
    desk.world.wait(2)
    assert state(desk) == "idle"


def test_nobody_is_kept_for_ever() -> None:
    desk = desk_with(disposition_required=True)
    desk["carol"].hang_up()
    desk.world.wait(LONGEST_AWAITED_S - 1)
    assert state(desk) == "wrap_up"
    desk.world.wait(2)
    assert state(desk) == "idle"


def test_the_agent_ends_a_wrap_up_by_hand_all_the_same() -> None:
    desk = desk_with(disposition_required=True)
    desk["carol"].hang_up()
    desk.world.wait(60)
    desk.command("agent.wrap_up", name="a1")
    assert state(desk) == "idle"
