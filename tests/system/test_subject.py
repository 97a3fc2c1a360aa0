"""A number is erased while the switch runs."""

from __future__ import annotations

import json

from softswitch.store.erasure import files_with
from tests.system.conftest import Phones
from tests.system.running import RunningSystem, until

NUMBER = "493099887766"


def test_a_number_that_was_called_is_nowhere_afterwards(system: RunningSystem, phones: Phones) -> None:
    call = phones("carl").call(NUMBER).reached("ended")
    record = system.cdr(call.sip_call_id)
    assert record["to_number"] == NUMBER
    paths = (system.node.state_dir, system.node.trace_path)
    assert files_with(paths, NUMBER)
    facts = len(system.facts())
    told = json.loads(system.cli("subject", "erase", NUMBER, "--reason", "asked", "--json"))
    assert len(told["subjects"]) == 1 and told["still_in"] == []
    assert files_with(paths, NUMBER) == []
    assert system.cdr(call.sip_call_id)["to_number"] == f"erased:{told['subjects'][0]}"
    assert len(system.facts()) >= facts
    until(lambda: json.loads(system.cli("log", "verify", "--json"))["good"], "views and journal agree")


def test_a_number_of_the_house_is_refused(system: RunningSystem) -> None:
    refused = system.try_cli("subject", "erase", "+4930100", "--reason", "asked")
    assert refused.returncode == 1 and "in use by configuration" in refused.stderr
