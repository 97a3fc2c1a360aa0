"""SIPp scenarios written as steps: what is sent, what must come, and what it must say.

One scenario is one dialog of one peer. A message that is not expected, does not say what it must, or does
not come in time makes SIPp fail; its exit status is the judgement.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from tests.peers.phone import program
from tests.peers.ports import free_port
from tests.system.running import until

SDP: Final = """v=0
o=peer 1 {version} IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio {port} RTP/AVP 0
a=rtpmap:0 PCMU/8000
a={direction}"""
CONTACT: Final = "Contact: <sip:peer@[local_ip]:[local_port];transport=[transport]>"
OF_LAST: Final = ["[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"]
LONGEST_S: Final = 30


@dataclass(frozen=True, slots=True)
class Send:
    what: str
    headers: tuple[str, ...]
    sdp: str
    of: str
    uri: str


@dataclass(frozen=True, slots=True)
class Receive:
    what: str
    has: tuple[str, ...]
    lacks: tuple[str, ...]
    keep: tuple[tuple[str, str], ...]


Step = Send | Receive | int


def send(what: str | int, *headers: str, sdp: str = "", of: str = "", uri: str = "") -> Send:
    """A request by its method or a response by its status; `sdp` is the direction of its audio, '' for none.

    `of` is the method that a response answers where it is not that of the last request; `uri` is the target
    of a request that is not the dialog's. [$NAME] in headers is what `receive` has kept.
    """
    return Send(str(what), headers, sdp, of, uri)


def receive(what: str | int, *has: str, lacks: Sequence[str] = (), **keep: str) -> Receive:
    """What must come, and patterns (POSIX) that it must have or lack; `Header: pattern` looks in one header.

    The first group of each in `keep` can be named in what is sent later.
    """
    return Receive(str(what), has, tuple(lacks), tuple(keep.items()))


@dataclass
class Writer:
    """Writes the XML of one peer. Whose first step is to send calls `uri` as `identity`."""

    name: str
    uri: str
    identity: str
    rtp_port: int
    lines: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    calls: bool = False
    made: bool = False  # the dialog has both its tags
    number: int = 0
    invite: int = 0
    version: int = 0
    asked: str = ""  # the method that came last
    invite_made: bool = False  # the INVITE that came last was one of the dialog
    status: int = 0  # the final response that came last

    def scenario(self, steps: Sequence[Step]) -> str:
        self.calls = isinstance(steps[0], Send)
        for step in steps:
            if isinstance(step, Send):
                self.send(step)
            elif isinstance(step, Receive):
                self.receive(step)
            else:
                self.lines.append(f'<pause milliseconds="{step}"/>')
        known = f'<Reference variables="{",".join(sorted(self.kept))}"/>' if self.kept else ""
        head = f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name={quoteattr(self.name)}>'
        return "\n".join([head, *self.lines, known, "</scenario>\n"])

    # Sending

    def send(self, step: Send) -> None:
        response = step.what.isdigit()
        lines = [*(self.response(step) if response else self.request(step)), CONTACT, *step.headers]
        body = ""
        if step.sdp:
            self.version += 1
            body = SDP.format(version=self.version, port=self.rtp_port, direction=step.sdp)
            lines.append("Content-Type: application/sdp")
        repeats = (
            int(step.what) >= 200 and self.answered(step) == "INVITE" if response else step.what != "ACK"
        )
        text = "\n".join([*lines, "Content-Length: [len]", "", body])
        again = ' retrans="500"' if repeats else ""
        self.lines.append(f"<send{again}><![CDATA[\n\n{text}\n]]></send>")

    def answered(self, step: Send) -> str:
        return step.of or self.asked

    def response(self, step: Send) -> list[str]:
        """Of an INVITE by what was kept of it, as other messages may have come since."""
        first = f"SIP/2.0 {step.what} Said"
        if self.answered(step) != "INVITE":
            return [first, *OF_LAST]
        tag = "" if self.calls or self.invite_made else f";tag={self.name}"
        return [first, "Via:[$via]", "From:[$from]", f"To:[$to]{tag}", "Call-ID: [call_id]", "CSeq: [$cseq]"]

    def request(self, step: Send) -> list[str]:
        method, within = step.what, self.made
        if method not in ("ACK", "CANCEL"):
            self.number += 1
        if method == "INVITE":
            self.invite = self.number
        number = self.invite if method in ("ACK", "CANCEL") else self.number
        good = method == "ACK" and self.status < 300
        own, peer = f"From: <{self.identity}>;tag={self.name}", f"To: <{self.uri}>"
        if not self.calls:
            own, peer = f"From:[$own];tag={self.name}", "To:[$peer]"
        elif within or method == "ACK":
            peer += "[peer_tag_param]"
        return [
            f"{method} {step.uri or ('[$contact]' if within else self.uri)} SIP/2.0",
            f"Via: SIP/2.0/[transport] [local_ip]:[local_port];rport"
            f";branch=z9hG4bK-[pid]-{self.name}-{number}{'-ack' if good else ''}",
            "Max-Forwards: 70",
            own,
            peer,
            "Call-ID: [call_id]",
            f"CSeq: {number} {method}",
        ]

    # Receiving

    def receive(self, step: Receive) -> None:
        actions = [self.matches(pattern, "check_it") for pattern in step.has]
        actions += [self.matches(pattern, "check_it_inverse") for pattern in step.lacks]
        for name, pattern in step.keep:
            actions.append(self.keeps(pattern, f"whole,{name}"))
        kind = "response" if step.what.isdigit() else "request"
        if kind == "response":
            self.lines.append('<recv response="100" optional="true"/>')
            actions += self.responded(int(step.what))
        else:
            actions += self.requested(step.what)
        more = ' auth="true"' if step.what in ("401", "407") else ""
        self.lines.append(f'<recv {kind}="{step.what}"{more}><action>{"".join(actions)}</action></recv>')

    def responded(self, status: int) -> list[str]:
        self.status = status if status >= 200 else self.status
        if not self.calls or self.number != self.invite or not 100 < status < 300:
            return []
        self.made = True
        return [self.keeps("sip:[^>]*", "contact", "Contact:", check=False)]

    def requested(self, method: str) -> list[str]:
        if method != "ACK":
            self.asked = method
        if method != "INVITE":
            return []
        actions = [self.keeps(".*", name.lower(), f"{name}:") for name in ("Via", "From", "To")]
        actions.append(self.keeps("[0-9]+ INVITE", "cseq", "CSeq:"))
        if not self.made:
            actions += [self.keeps(".*", "peer", "From:"), self.keeps(".*", "own", "To:")]
            actions.append(self.keeps("sip:[^>]*", "contact", "Contact:"))
        self.invite_made, self.made = self.made, True
        return actions

    def matches(self, pattern: str, how: str) -> str:
        self.kept.add("whole")
        header, inside, value = pattern.partition(": ")
        place = f'"hdr" header="{header}:"' if inside else '"msg"'
        return f'<ereg regexp={quoteattr(value or header)} search_in={place} {how}="true" assign_to="whole"/>'

    def keeps(self, pattern: str, names: str, header: str = "", *, check: bool = True) -> str:
        self.kept |= {*names.split(",")}
        place = f'"hdr" header="{header}"' if header else '"msg"'
        must = ' check_it="true"' if check else ""
        return f'<ereg regexp={quoteattr(pattern)} search_in={place}{must} assign_to="{names}"/>'


class ScriptedPeer:
    """One SIPp process over UDP that plays these steps; `judge` tells what went wrong."""

    transport = "udp"

    def __init__(self, name: str, directory: Path, host: str, steps: Sequence[Step]) -> None:
        self.name, self.host, self.steps = name, host, steps
        self.port = free_port(host)
        self.call_id = f"{name}-{self.port}"
        self._directory = directory / name
        self._directory.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def start(self, switch: str, *, number: str = "", identity: str = "", other: str = "") -> None:
        """Call `number`, a URI or a number of the switch (`host:port`), or be there to be called on return.

        %OTHER% in the steps is the URI `other`.
        """
        own = identity or f"sip:{self.name}@[local_ip]"
        uri = number if ":" in number else f"sip:{number}@[remote_ip]:[remote_port]"
        text = Writer(self.name, uri, own, free_port()).scenario(self.steps)
        (self._directory / "steps.xml").write_text(text.replace("%OTHER%", other), "utf-8")
        where = ["-i", self.host, "-p", str(self.port), "-t", "u1", "-cid_str", self.call_id]
        limits = ["-m", "1", "-nostdin", "-timeout", str(LONGEST_S), "-timeout_error"]
        logs = ["-trace_err", "-error_file", "errors", "-trace_msg", "-message_file", "messages"]
        remote = [switch] if isinstance(self.steps[0], Send) else []
        self._process = subprocess.Popen(
            [program("sipp", "sip-tester"), "-sf", "steps.xml", *where, *limits, *logs, *remote],
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if not remote:
            until(self._listens, f"{self.name} listens")

    def _listens(self) -> bool:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((self.host, self.port))
            except OSError:
                return True
        return False

    def judge(self) -> None:
        assert self._process is not None
        status = self._process.wait(LONGEST_S + 5)
        assert status == 0, f"{self.name} ended with {status}\n{self.story()}"

    def story(self) -> str:
        found = [self._directory / name for name in ("errors", "messages")]
        return "\n".join(path.read_text("utf-8", "replace") for path in found if path.exists())

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(5)
