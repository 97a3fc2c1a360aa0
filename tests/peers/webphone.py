"""A phone as in a browser (RFC 7118): the `websockets` library carries SIP that is written here by hand.

Its Via and Contact name a host that does not exist. One call at a time; `RtpEnd` has the audio, which a
browser would have by WebRTC.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import ssl
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.peers.phone import DEADLINE_S, Phone
from tests.peers.rtp import FRAME_S, RtpEnd

CHALLENGES: Final = {"401": "Authorization", "407": "Proxy-Authorization"}
STATES: Final = {"180": "alerting", "183": "alerting"}


class Said:
    """A message that came."""

    def __init__(self, text: str) -> None:
        head, _, self.body = text.partition("\r\n\r\n")
        self.first, *lines = head.split("\r\n")
        self.headers = [tuple(line.split(": ", 1)) if ": " in line else (line, "") for line in lines]

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def lines(self, *names: str) -> str:
        return "".join(f"{key}: {value}\r\n" for key, value in self.headers if key in names)

    @property
    def status(self) -> str:
        return self.first.split()[1] if self.first.startswith("SIP/2.0") else ""

    @property
    def method(self) -> str:
        return self.get("CSeq").split()[-1]

    def value(self, name: str, pattern: str) -> str:
        found = re.search(pattern, self.get(name))
        return found[1] if found else ""


class WebPhone(Phone):
    """`form` is how it sends its messages: as "text", "binary", or in "pieces". `transport` is ws or wss."""

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        tone_hz: float = 1000,
        transport: str = "ws",
        form: str = "text",
        authorities: Path | None = None,
    ) -> None:
        super().__init__(name, directory)
        self.transport, self.tone_hz, self._form, self._authorities = transport, tone_hz, form, authorities
        self.vias: list[str] = []
        self.targets: list[str] = []
        self.rtp = RtpEnd(self.host, tone_hz)
        self._own = f"{name}-{secrets.token_hex(4)}.invalid"
        self._contact = f"<sip:{name}@{self._own};transport=ws>"
        self._socket: ClientConnection | None = None
        self._connection = ExitStack()
        self._server = self._user = self._password = ""
        self._number = 0
        self._asked: dict[str, tuple[str, str, str, str]] = {}
        self._invite: Said | None = None
        self._dialog: dict[str, str] = {}

    def start(self) -> None:
        """It connects when it registers."""

    def close(self) -> None:
        self.disconnect()
        self.rtp.close()

    def disconnect(self) -> None:
        if self._socket is not None:
            self._connection.close()
            self._listener.join(5)
            self._socket = None

    def pings(self) -> None:
        """A ping is answered by the pong that belongs to it, CRLF CRLF by CRLF (RFC 5626 §4.4.1)."""
        assert self._socket is not None
        assert self._socket.ping().wait(DEADLINE_S)
        self._socket.send("\r\n\r\n")
        self.wait_for("kept alive")

    # What a phone does

    def register(self, registrar: str, user: str, password: str) -> None:
        self._server, self._user, self._password = registrar, user, password
        context = ssl.create_default_context(cafile=self._authorities) if self.transport == "wss" else None
        opened = connect(f"{self.transport}://{registrar}", subprotocols=[Subprotocol("sip")], ssl=context)
        self._socket = self._connection.enter_context(opened)
        assert self._socket.subprotocol == "sip"
        self._listener = threading.Thread(target=self._listen, args=(self._socket,), daemon=True)
        self._listener.start()
        me = f"sip:{user}@{registrar}"
        self._begin("REGISTER", f"sip:{registrar}", f"<{me}>;tag={secrets.token_hex(4)}", f"<{me}>")

    def call(self, uri: str) -> None:
        me = f"<sip:{self._user}@{self._server}>;tag={secrets.token_hex(4)}"
        self._begin("INVITE", uri, me, f"<{uri}>")

    def answer(self) -> None:
        invite = self._invite
        assert invite is not None
        self._respond(invite, "200 OK", self._sdp())
        self._talk(invite.body)

    def hang_up(self) -> None:
        self._in_dialog("BYE")

    def received_s(self) -> float:
        return len(self.rtp.arrivals) * FRAME_S

    def heard(self) -> tuple[np.ndarray, int]:
        return self.rtp.heard(), 8000

    # Sending

    def _send(self, text: str) -> None:
        assert self._socket is not None
        if self._form == "binary":
            self._socket.send(text.encode())
        elif self._form == "pieces":
            self._socket.send([text[:10], text[10:100], text[100:]])
        else:
            self._socket.send(text)

    def _begin(self, method: str, target: str, own: str, peer: str) -> None:
        self._call_id = secrets.token_hex(8)
        self._asked[method] = (target, own, peer, self._call_id)
        self._request(method, *self._asked[method])

    def _request(self, method: str, target: str, own: str, peer: str, call_id: str, more: str = "") -> None:
        self._number += method != "ACK"
        body = self._sdp() if method == "INVITE" else ""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self._send(
            f"{method} {target} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self.transport.upper()} {self._own};branch=z9hG4bK{secrets.token_hex(6)}\r\n"
            f"Max-Forwards: 70\r\nFrom: {own}\r\nTo: {peer}\r\nCall-ID: {call_id}\r\n"
            f"CSeq: {self._number} {method}\r\nContact: {self._contact}\r\n{more}{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _in_dialog(self, method: str) -> None:
        dialog = self._dialog
        self._request(method, dialog["target"], dialog["own"], dialog["peer"], dialog["call_id"])

    def _respond(self, request: Said, status: str, body: str = "") -> None:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        to = request.get("To")
        to = to if ";tag=" in to else f"{to};tag={self._own}"
        copied = request.lines("Via", "From", "Call-ID", "CSeq", "Record-Route")
        self._send(
            f"SIP/2.0 {status}\r\n{copied}To: {to}\r\nContact: {self._contact}\r\n{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _sdp(self) -> str:
        lines = ["v=0", f"o=web 1 1 IN IP4 {self.host}", "s=-", f"c=IN IP4 {self.host}", "t=0 0"]
        lines += [f"m=audio {self.rtp.port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000"]
        return "".join(f"{line}\r\n" for line in lines)

    # Receiving

    def _listen(self, socket: ClientConnection) -> None:
        try:
            for text in socket:
                assert isinstance(text, str), "a SIP message of text came as binary"
                self._lines.append(text)
                if text.strip("\r\n"):
                    self._take_message(Said(text))
                else:
                    self.reached("kept alive")
        except ConnectionClosed:
            self.reached("disconnected")

    def _take_message(self, said: Said) -> None:
        if said.status:
            self._answered(said)
        elif said.method == "INVITE":
            self._called(said)
        elif said.method == "BYE":
            self._respond(said, "200 OK")
            self._over()
        elif said.method == "OPTIONS":
            self._respond(said, "200 OK")

    def _called(self, invite: Said) -> None:
        self._invite = invite
        self.vias.append(invite.get("Via").split()[0])
        self.targets.append(invite.first.split()[1])
        self._dialog = {
            "target": invite.value("Contact", "<([^>]+)>"),
            "own": f"{invite.get('To')};tag={self._own}",
            "peer": invite.get("From"),
            "call_id": invite.get("Call-ID"),
        }
        self._respond(invite, "180 Ringing")
        self.reached("ringing")

    def _answered(self, said: Said) -> None:
        method, status = said.method, said.status
        assert said.get("Via").startswith(f"SIP/2.0/{self.transport.upper()} {self._own}"), said.get("Via")
        if status in CHALLENGES and method in self._asked:
            self._prove(said, CHALLENGES[status])
        elif method == "REGISTER":
            self.reached("registered" if status == "200" else "register_failed")
        elif method == "INVITE" and status == "200":
            _, own, _, call_id = self._asked[method]
            contact = said.value("Contact", "<([^>]+)>")
            self._dialog = {"target": contact, "own": own, "peer": said.get("To"), "call_id": call_id}
            self._in_dialog("ACK")
            self._talk(said.body)
        elif status in STATES:
            self.reached(STATES[status])
        elif method == "BYE" or (method == "INVITE" and status >= "300"):
            self._over()

    def _prove(self, said: Said, header: str) -> None:
        """Answer the challenge once (RFC 2617, qop=auth); the ACK of a refused INVITE has its branch."""
        method = said.method
        target, own, peer, call_id = self._asked.pop(method)
        if method == "INVITE":
            branch = said.lines("Via")
            self._send(
                f"ACK {target} SIP/2.0\r\n{branch}Max-Forwards: 70\r\nFrom: {own}\r\n"
                f"{said.lines('To', 'Call-ID')}CSeq: {self._number} ACK\r\nContent-Length: 0\r\n\r\n"
            )
            self._asked["INVITE"] = (target, own, peer, call_id)
        challenge = said.get("WWW-Authenticate") or said.get("Proxy-Authenticate")
        asked: dict[str, Any] = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        once = secrets.token_hex(4)
        mine = _md5(f"{self._user}:{asked['realm']}:{self._password}")
        proof = _md5(f"{mine}:{asked['nonce']}:00000001:{once}:auth:{_md5(f'{method}:{target}')}")
        line = (
            f'{header}: Digest username="{self._user}", realm="{asked["realm"]}", nonce="{asked["nonce"]}",'
            f' uri="{target}", response="{proof}", algorithm=MD5, qop=auth, nc=00000001, cnonce="{once}"\r\n'
        )
        self._request(method, target, own, peer, call_id, line)

    def _talk(self, sdp: str) -> None:
        host, port = re.search(r"c=IN IP4 (\S+)", sdp), re.search(r"m=audio (\d+)", sdp)
        assert host and port, sdp
        self.rtp.talk_to(host[1], int(port[1]))
        self.reached("talking")

    def _over(self) -> None:
        self.rtp.fall_silent()
        self.reached("ended")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
