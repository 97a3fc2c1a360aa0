"""Whether the addresses of trunks answer: OPTIONS at an interval (RFC 3261 §11), up and down after several.

Whatever answers is alive, 404 and a challenge too; only 503 says that it takes no calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from softswitch.call.outputs import Fact
from softswitch.call.trunk_targets import flow_to, targets, uri_to
from softswitch.config.trunk_address import uri_host

if TYPE_CHECKING:
    from softswitch.acd.deadlines import Deadlines
    from softswitch.config import Node, Trunk
    from softswitch.sip.message import Message
    from softswitch.sip.useragent import UserAgent

TIMEOUT = 408
UNAVAILABLE = 503
ACCEPT = "Accept: application/sdp\r\n"


@dataclass
class Probed:
    """One address. `up` is None until it is known; `run` counts what has spoken against that in a row."""

    trunk: Trunk
    address: str
    up: bool | None = None
    status: int = 0
    run: int = 0
    serial: int = 0
    waiting: bool = False


class TrunkHealth:
    """Asks every address of each trunk that has `options_every_s`."""

    def __init__(self, ua: UserAgent, node: Node, deadlines: Deadlines) -> None:
        self._ua = ua
        self._node = node
        self._deadlines = deadlines
        self._probed: dict[str, dict[str, Probed]] = {}

    def configured(self, name: str, trunk: Trunk | None, now: float) -> None:
        """Take up a new, changed or removed trunk; what is known of addresses that stay is kept."""
        former = self._probed.pop(name, {})
        for address, each in former.items():
            each.serial, each.waiting = each.serial + 1, False
            self._deadlines.cancel(_key(name, address))
        if trunk is None or trunk.options_every_s is None:
            return
        places = [target.address for target in targets(trunk.addresses)]
        self._probed[name] = {each: former.get(each) or Probed(trunk, each) for each in places}
        for address, probed in self._probed[name].items():
            probed.trunk = trunk
            self._deadlines.set(_key(name, address), now)

    def timeout(self, id: str, now: float, out: list[Any]) -> None:
        """Time to ask the address of this deadline again; no answer to the last question is a failure."""
        name, _, address = id.partition(" ")
        probed = self._probed[name][address]
        if probed.waiting:
            self._heard(probed, TIMEOUT, out)
        self._ask(probed, now, out)
        assert probed.trunk.options_every_s is not None
        self._deadlines.set(_key(name, address), now + probed.trunk.options_every_s)

    def down(self, name: str) -> set[str]:
        """The addresses of a trunk that do not answer."""
        return {address for address, each in self._probed.get(name, {}).items() if each.up is False}

    def snapshot(self, name: str) -> dict[str, str]:
        """State of every address that is asked: up, down or unknown."""
        states = {True: "up", False: "down", None: "unknown"}
        return {address: states[each.up] for address, each in self._probed.get(name, {}).items()}

    def _ask(self, probed: Probed, now: float, out: list[Any]) -> None:
        probed.serial += 1
        probed.waiting = True
        serial, trunk = probed.serial, probed.trunk

        def answered(status: int, message: Message | None, now: float, out: list[Any]) -> None:
            if probed.serial == serial and probed.waiting:
                probed.waiting = False
                self._heard(probed, status if message is not None else status or TIMEOUT, out)

        self._ua.request(
            "OPTIONS",
            request_uri=uri_to(probed.address),
            from_=f"sip:{uri_host(*self._node.sip.listen[0].advertised_address)}",
            to=uri_to(probed.address),
            sip_flow=flow_to(trunk, probed.address, self._node),
            headers=ACCEPT,
            on_final=answered,
            now=now,
            out=out,
        )

    def _heard(self, probed: Probed, status: int, out: list[Any]) -> None:
        alive = status not in (TIMEOUT, UNAVAILABLE)
        probed.status = status
        if alive is probed.up:
            probed.run = 0
            return
        probed.run += 1
        needed = probed.trunk.options_up_after if alive else probed.trunk.options_down_after
        # The first answer tells what there was no reason to believe otherwise.
        if probed.run >= needed or (alive and probed.up is None):
            probed.up, probed.run = alive, 0
            _tell(probed, out)


def _tell(probed: Probed, out: list[Any]) -> None:
    told = {"trunk": probed.trunk.name, "address": probed.address}
    out.append(Fact("trunk_target", {**told, "up": probed.up, "status": probed.status}))
    if not probed.up:
        message = f"trunk {probed.trunk.name}: {probed.address} does not answer OPTIONS ({probed.status})"
        out.append(Fact("alarm_raised", {"code": "trunk_down", "message": message}))


def _key(name: str, address: str) -> tuple[str, str]:
    return "options", f"{name} {address}"
