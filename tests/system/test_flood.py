"""A flood on the live socket of a running system: a call goes on, and phones go on to be served."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import ExitStack

from tests.call.test_flood import register
from tests.system.conftest import Phones
from tests.system.handset import all_hear
from tests.system.raw import request
from tests.system.running import RunningSystem

SOURCES = 100
A_BURST = 20
BURSTS = 250
PAUSE_S = 0.01


def flood(system: RunningSystem, chance: random.Random) -> None:
    """2,000 a second of REGISTER and INVITE from a hundred addresses, for two and a half seconds."""
    tick = threading.Event()
    with ExitStack() as stack:
        socks = []
        for number in range(SOURCES):
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.bind((f"127.3.0.{number + 1}", 0))
            socks.append(sock)
        for burst in range(BURSTS):
            for number in range(A_BURST):
                strange = register(chance, burst * A_BURST + number)
                if chance.random() < 0.3:
                    strange = request("INVITE", "sip:201@127.0.0.1")
                chance.choice(socks).sendto(strange, system.address)
            tick.wait(PAUSE_S)


def test_a_call_goes_on_and_a_phone_is_served_under_a_flood(system: RunningSystem, phones: Phones) -> None:
    agent, caller = phones.agent("anna"), phones("carl")
    asking = caller.call("201").reached("talking")
    answering = agent.rings().answer()
    all_hear((asking, answering), 20)
    flooding = threading.Thread(target=flood, args=(system, random.Random(9)))
    flooding.start()
    all_hear((asking, answering), 60)
    assert phones("cora").registered
    asking.hang_up()
    answering.reached("ended")
    flooding.join()
    assert asking.audio.missing() == 0 and answering.audio.missing() == 0
    assert system.cdr(asking.sip_call_id)["outcome"] == "answered"
