"""What a step of a flow costs in the switch with its driver, one process and no sockets."""

from __future__ import annotations

import gc
import re
import time
from pathlib import Path
from random import Random
from typing import Any

from ruamel.yaml import YAML

from softswitch.call.exchange import Exchange, Prompts
from softswitch.call.restore import restore
from softswitch.config import Centre, Node
from softswitch.directory import ConfigCommands, Directory
from softswitch.net.driver import Driver
from softswitch.sip.flow import SipFlow
from softswitch.store.journal import Journal

NUMBER = "100"
FLOW = """\
flows:
  main:
    steps:
      - name: again
        menu:
          prompts: beep
          timeout_s: 120
          choices:
            "1":
              - set: {count: = count + 1, left: = 1000 - count}
              - branch: {if: left <= 0, then: [hang_up]}
              - goto: again
"""
STEPS_A_KEY = 4
CALLS, KEYS = 100, 60
SWITCH, PEER = ("192.0.2.1", 5060), ("198.51.100.9", 5060)
_INVITE = (
    "INVITE sip:{number}@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bKi{n}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:{n}@198.51.100.9>;tag=f{n}\r\nTo: <sip:{number}@192.0.2.1>\r\n"
    "Call-ID: c{n}\r\nCSeq: 1 INVITE\r\nContact: <sip:{n}@198.51.100.9:5060>\r\n"
    "Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{sdp}"
)
_ACK = (
    "ACK {target} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bKa{n}\r\nMax-Forwards: 70\r\n"
    "From: <sip:{n}@198.51.100.9>;tag=f{n}\r\nTo: <sip:{number}@192.0.2.1>;tag={tag}\r\nCall-ID: c{n}\r\n"
    "CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
)
SDP = "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"


class _Worker:
    """Takes the commands that a media worker would be sent."""

    def __init__(self) -> None:
        self.legs: dict[str, None] = {}

    def send(self, command: dict[str, Any]) -> None:
        if command["do"] == "put_leg":
            self.legs[command["id"]] = None


async def steps_us(directory: Path) -> list[float]:
    """CPU time of a step, in µs, once for every key: that of the key's turn over its steps."""
    node = Node.model_validate(
        {
            "sip": {"listen": [{"transport": "UDP", "host": SWITCH[0], "port": SWITCH[1]}]},
            "media": {"host": SWITCH[0], "workers": 1},
            "state_dir": directory / "state",
            "run_dir": directory / "run",
        }
    )
    journal = Journal(directory / "state", node="bench")
    configuration = Directory(node.sip.realm)
    prompts = Prompts(spoken={"en": {"beep": "/beep", "no_input": "/n", "invalid_choice": "/i"}}, music={})
    exchange = Exchange(node, configuration, prompts, nonce_secret=b"bench", entropy=Random(1).randbytes)
    driver = Driver(exchange, journal.append, [])
    worker, sent = _Worker(), []
    driver.media = [worker]  # type: ignore[list-item]
    driver._transports.send = lambda flow, data: sent.append(data)  # type: ignore[method-assign]
    driver.turn(lambda now, out: restore(exchange, {}, 1, now, out))
    driver.turn(lambda now, out: _configure(exchange, configuration, now, out))
    kinds: dict[str, Any] = {f"{kind}s": [] for kind in ("leg", "bridge", "player", "recorder")}
    driver.media_event(0, {"event": "snapshot", "generation": 1, "worker": 0, **kinds})
    driver.media_event(0, {"event": "ports", "granted": [*range(20_000, 20_000 + 4 * CALLS, 2)]})
    for number in range(CALLS):
        _call(driver, sent, number)
    # As the switch does when it is ready.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    costs = []
    for _ in range(KEYS):
        for leg in worker.legs:
            began = time.thread_time()
            driver.media_event(0, {"event": "digit", "leg": leg, "digit": "1"})
            costs.append((time.thread_time() - began) * 1e6 / STEPS_A_KEY)
    known = [call.activity.flow_run.variables["count"] for call in exchange.calls.values()]  # type: ignore[union-attr]
    assert known == [str(KEYS)] * CALLS, "not every key was followed by its steps"
    journal.close()
    return costs


def _configure(exchange: Exchange, directory: Directory, now: float, out: list[Any]) -> None:
    tree = YAML(typ="safe").load(FLOW)
    tree["trunks"] = {"carrier": {"allow_from": [PEER[0]]}}
    tree["numbers"] = {NUMBER: "flow:main"}
    centre = Centre.model_validate(tree).model_dump(by_alias=True, exclude_defaults=True)
    outcome = ConfigCommands(directory, lambda secrets: None).handle("apply", {"centre": centre})
    exchange.configured(((each.kind, each.name, each.model) for each in outcome.changes), now, out)


def _call(driver: Driver, sent: list[bytes], number: int) -> None:
    """A call of the trunk, answered and acknowledged."""
    flow = SipFlow("UDP", SWITCH, PEER)
    sdp = SDP.format(host=PEER[0], port=4000 + 2 * number)
    invite = _INVITE.format(number=NUMBER, n=number, length=len(sdp), sdp=sdp)
    driver._received([(invite.encode(), flow)])
    answer = sent[-1].decode()
    assert answer.startswith("SIP/2.0 200"), answer
    tag, target = re.search(r"\nTo: .*;tag=(\S+)", answer), re.search(r"\nContact: <([^>]+)>", answer)
    assert tag is not None and target is not None
    ack = _ACK.format(number=NUMBER, n=number, tag=tag[1], target=target[1])
    driver._received([(ack.encode(), flow)])
