"""Many callers of one trunk on one UDP socket: they call, press keys, listen, and hang up."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from random import Random

from bench.ivr_steps import SDP
from bench.system import SIP_PORT

ANSWER_S, PATIENCE_S = 5.0, 4.0
RTP_HEADER = 12
SILENT_A_LAW = frozenset((0xD5, 0x55, 0xD4, 0x54, 0xD7, 0x57))
KEY_EVERY_S = 1.0
RESEND_S = 0.5


class Caller:
    """One call: its dialog, its RTP socket, and when it was answered, over or spoken to."""

    def __init__(self, number: int, host: str, listens: bool) -> None:
        self.number = number
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.setblocking(False)
        # What is not read is dropped by the kernel; it is sent all the same.
        self.rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18 if listens else 4096)
        self.rtp.bind((host, 0))
        self.listens = listens
        self.tag = self.target = ""
        self.cseq = 1
        self.answered = False
        self.over = False
        self.pressed_at: float | None = None
        self.waiting: dict[int, float] = {}


class Crowd:
    """All of them. `starts_ms`: from the answer to a key to the first packet with energy."""

    def __init__(self, host: str, switch: tuple[str, int], number: str, callers: int, listening: int) -> None:
        self._host, self._switch, self._number = host, switch, number
        self._callers = [Caller(k, host, k < listening) for k in range(callers)]
        self._random = Random(1)
        self.starts_ms: list[float] = []
        self.keys = 0

    @property
    def failed(self) -> int:
        """Calls that were not answered or ended before their time."""
        return sum(not each.answered or each.over for each in self._callers)

    async def arrive(self, per_second: float) -> None:
        """Everybody calls, one after the other, and is answered."""
        loop = asyncio.get_running_loop()
        self._sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sip.setblocking(False)
        self._sip.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._sip.bind((self._host, SIP_PORT))
        loop.add_reader(self._sip, self._received)
        for caller in self._callers:
            if caller.listens:
                loop.add_reader(caller.rtp, self._heard, caller)
            self._request(caller, "INVITE", self._sdp(caller))
            await asyncio.sleep(1 / per_second)
        until = time.monotonic() + ANSWER_S
        while time.monotonic() < until and not all(each.answered for each in self._callers):
            await asyncio.sleep(0.05)

    async def press_keys(self, seconds: float) -> None:
        """Each caller presses 1 about once a second; a turn of all of them is spread over that time."""
        began = time.monotonic()
        order = [each for each in self._callers if each.answered]
        number = 0
        while order and (now := time.monotonic() - began) < seconds:
            due = int(now / KEY_EVERY_S * len(order))
            while number < due:
                self._press(order[number % len(order)])
                number += 1
            await asyncio.sleep(0.002)

    async def leave(self) -> None:
        """Everybody hangs up."""
        early = [each for each in self._callers if each.over]
        for caller in self._callers:
            if caller.answered and not caller.over:
                self._request(caller, "BYE")
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.5)
        loop = asyncio.get_running_loop()
        for caller in self._callers:
            caller.over = caller in early
            if caller.listens:
                loop.remove_reader(caller.rtp)
            caller.rtp.close()
        loop.remove_reader(self._sip)
        self._sip.close()

    # Signalling

    def _press(self, caller: Caller) -> None:
        if not caller.over:
            self.keys += 1
            self._request(caller, "INFO", "Signal=1\r\nDuration=100\r\n", "application/dtmf-relay")

    def _sdp(self, caller: Caller) -> str:
        return SDP.format(host=self._host, port=caller.rtp.getsockname()[1])

    def _request(self, caller: Caller, method: str, body: str = "", type_: str = "application/sdp") -> None:
        if method not in ("INVITE", "ACK"):
            caller.cseq += 1
        to = f";tag={caller.tag}" if caller.tag else ""
        lines = [
            f"{method} {caller.target or f'sip:{self._number}@{self._switch[0]}'} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._host}:{SIP_PORT};branch=z9hG4bK{method}{caller.number}n{caller.cseq}",
            "Max-Forwards: 70",
            f"From: <sip:c{caller.number}@{self._host}>;tag=t{caller.number}",
            f"To: <sip:{self._number}@{self._switch[0]}>{to}",
            f"Call-ID: k{caller.number}@{self._host}",
            f"CSeq: {caller.cseq} {method}",
            f"Contact: <sip:c{caller.number}@{self._host}:{SIP_PORT}>",
            *([f"Content-Type: {type_}"] if body else []),
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
        self._send("\r\n".join(lines))

    def _send(self, text: str) -> None:
        self._sip.sendto(text.encode(), self._switch)

    def _received(self) -> None:
        for _ in range(64):
            try:
                data = self._sip.recv(65535).decode()
            except BlockingIOError:
                return
            found = re.search(r"Call-ID: k(\d+)@", data)
            if found is not None:
                self._take(self._callers[int(found[1])], data)

    def _take(self, caller: Caller, data: str) -> None:
        if data.startswith("SIP/2.0 200") and "INVITE" in data:
            tag, target = re.search(r"\nTo: .*;tag=(\S+)", data), re.search(r"\nContact: <([^>]+)>", data)
            if tag is not None and target is not None:
                caller.tag, caller.target, caller.answered = tag[1], target[1], True
                self._request(caller, "ACK")
        elif data.startswith("SIP/2.0 200") and " INFO" in data:
            caller.pressed_at = time.monotonic()
        elif data.startswith("BYE"):
            caller.over = True
            head = [
                line
                for line in data.split("\r\n")
                if line.startswith(("Via", "From", "To", "Call-ID", "CSeq"))
            ]
            self._send("\r\n".join(["SIP/2.0 200 OK", *head, "Content-Length: 0", "", ""]))
        elif re.match(r"SIP/2.0 [3-6]", data):
            caller.over = True

    # Audio

    def _heard(self, caller: Caller) -> None:
        now = time.monotonic()
        for _ in range(16):
            try:
                packet = caller.rtp.recv(2048)
            except BlockingIOError:
                return
            energy = not SILENT_A_LAW.issuperset(packet[RTP_HEADER:])
            if energy and caller.pressed_at is not None:
                self.starts_ms.append((now - caller.pressed_at) * 1e3)
                caller.pressed_at = None
