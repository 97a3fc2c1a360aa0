"""A customer keeps the place by key, hangs up, and is called back: with real phones, heard on both sides."""

from __future__ import annotations

import pytest

from tests.interop.centre import CALLED_BACK
from tests.interop.hearing import both_hear
from tests.interop.house import House, Phones, talk_and_hang_up
from tests.system.running import until

CASES = [
    ("agent-first", "baresip", "pjsua"),
    ("customer-first", "pjsua", "linphone"),
]


@pytest.mark.parametrize(("order", "customer_kind", "agent_kind"), CASES)
def test_a_customer_is_called_back(
    order: str, customer_kind: str, agent_kind: str, house: House, phones: Phones
) -> None:
    name = f"caller-{customer_kind}-udp"
    customer = phones(customer_kind, name)
    customer.call(phones.uri(CALLED_BACK[order], "udp"))
    customer.wait_for("talking")
    until(lambda: [fact for fact in offered(house) if fact["data"]["queue"] == order], "the offer")
    customer.press("1")
    customer.press("1")
    customer.wait_for("ended")
    (kept,) = [each for each in house.system.command("callback.list") if each["queue"] == order]
    assert kept["number"] == name and kept["state"] == "waiting"

    agent = phones.agent(agent_kind, order)
    first, second = (agent, customer) if order == "agent-first" else (customer, agent)
    for phone in (first, second):
        phone.wait_for("ringing")
        phone.answer()
    for phone in (agent, customer):
        phone.wait_for("talking")
    talk_and_hang_up(agent, customer)
    both_hear(agent, customer)

    (attempt,) = house.calls_of(f"queue:{order}")
    record = house.record(attempt)
    assert (record["direction"], record["agent"], record["outcome"]) == ("outbound", order, "answered")
    assert (record["queue"], record["to_number"], record["from_number"]) == (order, name, CALLED_BACK[order])
    assert record["wait_s"] > 0.2 and record["talk_s"] > 1
    assert house.system.command("callback.list") == []


def offered(house: House) -> list[dict[str, dict[str, str]]]:
    return list(house.system.facts("callback_offered"))
