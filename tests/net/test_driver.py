"""The driver: what it has decided is written before anybody is told."""

from __future__ import annotations

import random
import socket
from typing import Any

from softswitch.call.exchange import Exchange, Prompts
from softswitch.call.outputs import Fact, Keep
from softswitch.config import Node
from softswitch.directory import Directory
from softswitch.net.driver import Driver
from softswitch.net.sockets import bind_all
from softswitch.sip.flow import Send, SipFlow
from tests.net.house import run
from tests.peers.ports import free_port

HOST = "127.0.0.98"


def test_facts_are_written_before_messages_leave() -> None:
    """Whatever the order in which they were made: a program hears of an offer before the phone does."""
    written: list[tuple[list[dict[str, Any]], bool]] = []

    async def scene() -> None:
        node = Node.model_validate(
            {"sip": {"listen": [{"transport": "UDP", "host": HOST, "port": free_port(HOST)}]}}
        )
        exchange = Exchange(
            node,
            Directory(node.sip.realm),
            Prompts({}, {}),
            nonce_secret=b"key",
            entropy=random.Random(1).randbytes,
        )
        listeners = bind_all(node.sip.listen)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind((HOST, 0))
            phone.setblocking(False)

            def write(facts: list[dict[str, Any]]) -> None:
                written.append((facts, _has_something(phone)))

            driver = Driver(exchange, write, listeners)
            driver.listen()
            flow = SipFlow("UDP", listeners[0].address, phone.getsockname())
            offer = Fact("screen_pop", {"call": "c1"})
            driver.turn(
                lambda now, out: out.extend([Send(flow, b"INVITE"), offer, Keep("call/c1", {"x": 1})])
            )
            assert _has_something(phone)
            await driver.stop()
        for listener in listeners:
            listener.sock.close()

    run(scene())
    (facts, told) = written[0]
    assert (facts[0]["type"], facts[0]["keep"]) == ("screen_pop", {"call/c1": {"x": 1}})
    assert not told, "the phone had the message before the journal had the fact"


def _has_something(phone: socket.socket) -> bool:
    try:
        return bool(phone.recv(100, socket.MSG_PEEK))
    except BlockingIOError:
        return False
