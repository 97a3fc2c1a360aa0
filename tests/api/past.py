"""Real calls that are over when the tests of the records begin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.system.handset import Floor, Handset, all_hear
from tests.system.running import RunningSystem, until

UNKNOWN = "493099887766"


@dataclass
class Past:
    """The calls, the oldest first: a conversation with anna that was recorded, a caller who gave up in the
    queue, a message in anna's mailbox, a conversation with ben that was recorded (of both the caller withheld
    the number), a call to an unknown number."""

    conversation: dict[str, Any]
    abandoned: dict[str, Any]
    message: dict[str, Any]
    other: dict[str, Any]
    unknown: dict[str, Any]
    recordings: dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def past(api_system: RunningSystem) -> Iterator[Past]:
    with Floor() as floor:
        phones = {name: _phone(floor, api_system, name) for name in ("anna", "ben", "carl")}
        conversation = _conversation(api_system, phones["carl"], phones["anna"])
        waiting = phones["carl"].call("201").reached("talking")
        waiting.hang_up()
        abandoned = api_system.cdr(waiting.sip_call_id)
        message = _message(api_system, phones["carl"])
        other = _conversation(api_system, phones["carl"], phones["ben"], "*67201")
        unknown = api_system.cdr(phones["carl"].call(UNKNOWN).reached("ended").sip_call_id)
        for phone in phones.values():
            phone.unregister()
    made = {each["call"]: api_system.recording(each["call"]) for each in (conversation, other)}
    yield Past(conversation, abandoned, message, other, unknown, made)


def _phone(floor: Floor, system: RunningSystem, user: str) -> Handset:
    phone = Handset(floor, user, system.address)
    assert phone.register().registered
    return phone


def _conversation(
    system: RunningSystem, caller: Handset, agent: Handset, number: str = "201"
) -> dict[str, Any]:
    system.command("agent.sign_in", name=agent.user)
    system.command("agent.status", name=agent.user, status="available")
    asking = caller.call(number).reached("talking")
    answering = agent.rings().answer()
    all_hear((asking, answering), 50)
    asking.hang_up()
    answering.reached("ended")
    record = system.cdr(asking.sip_call_id)
    system.command("agent.sign_out", name=agent.user)
    return record


def _message(system: RunningSystem, caller: Handset) -> dict[str, Any]:
    call = caller.call("*67500").reached("talking")
    call.audio.press("#")  # the tone at once
    until(
        lambda: any(key.startswith("message_recording/") for key in system.live_state()),
        "the message is being taken",
    )
    call.hears(75)
    call.hang_up()
    (message,) = until(lambda: system.command("message.list", mailbox="anna"), "a message")
    return dict(message)
