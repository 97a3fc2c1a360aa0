"""Which peer was seen to do what with the switch, over which transport."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

PHONES = {
    "Sipp": "SIPp",
    "ScriptedPeer": "SIPp",
    "Baresip": "baresip",
    "Linphone": "linphone",
    "Pjsua": "pjsua2",
    "WebPhone": "websockets",
    "Kamailio": "Kamailio",
    "Sippy": "Sippy",
}
TRANSPORTS = ("UDP", "TCP", "TLS", "WS", "WSS", "IPv6")
FEATURES = {
    "register_md5": "registers, MD5 digest",
    "call_md5": "calls, MD5 digest",
    "sha256": "registers and calls, SHA-256 digest",
    "caller_hears": "caller: hears prompt, music, then the agent",
    "rfc4733": "caller: keys by RFC 4733",
    "info": "caller: keys by SIP INFO",
    "caller_ends": "caller: hangs up",
    "agent_hears": "agent: rings, answers, hears the caller",
    "agent_ends": "agent: hangs up",
    "no_answer": "agent: is passed over when it does not answer",
    "recorded": "recorded on the right channel",
    "hold": "holds and resumes by re-INVITE",
    "held": "is held and resumed",
    "transfers": "transfers by REFER",
    "connects": "joins two calls by REFER with Replaces",
    "transferred": "is transferred, and hears the target",
    "parks": "parks a call by REFER",
    "transcoded": "PCMA on one side, PCMU on the other",
    "g722": "speaks G.722",
    "opus": "speaks Opus",
    "opus_pcma": "Opus on one side, PCMA on the other",
    "srtp": "SRTP with keys by SDES",
    "srtp_plain": "SRTP on one side, plain RTP on the other",
    "gsm": "speaks GSM only: is refused with 488",
    "user_calls": "user calls user",
    "user_called": "user called by user",
    "trunk_address": "trunk known by its address calls",
    "trunk_registered": "trunk that registers here calls",
    "trunk_called": "called through a trunk",
    "trunk_registrar": "registrar of a trunk: we register, both call",
    "lamp": "lamp shows a call from ringing to its end",
    "presence": "sees who is there and who is on the phone",
    "message_waiting": "shows how many messages wait",
    "texts": "text message to a phone of another kind",
    "prack": "PRACK of both sides (RFC 3262)",
    "update": "UPDATE (RFC 3311)",
    "timers": "session timers in both roles (RFC 4028)",
    "glare": "two re-INVITEs at once: 491 (RFC 3261 §14)",
    "delayed_offer": "offer in the 200, answer in the ACK (RFC 3264)",
    "replaces": "Replaces that fits no call: 481 (RFC 3891)",
    "redirects": "3xx followed, passed on, refused; Diversion (RFC 5806)",
    "reasons": "Reason of CANCEL, BYE, refusals (RFC 3326)",
    "identity": "Privacy, P-Asserted-Identity (RFC 3323, 3325)",
    "user_to_user": "User-to-User (RFC 7433)",
    "options": "OPTIONS in and out of a dialog",
    "info_package": "INFO of a package nobody asked for: 469 (RFC 6086)",
    "required": "Require of what is unknown: 420",
    "tel": "tel URI (RFC 3966)",
    "ipv6": "calls and is called, signalling on IPv6",
    "audio_ipv6": "audio on IPv6, both ways",
    "ipv6_ipv4": "IPv6 on one side, IPv4 on the other",
    "web": "text, binary, pieces; ping; connects anew (RFC 7118)",
    "behind_edge": "registers and calls through a proxy",
    "edge_calls": "edge of a carrier: calls both ways, cancels, holds",
    "edge_registers": "edge of a carrier: REGISTER and calls by its Path",
    "edge_loops": "edge of a carrier: a call sent back ends with 483",
    "b2bua": "another B2BUA: calls both ways, holds from both sides",
}
# What a phone cannot do, with the reason; everything else that is not proven is merely not tried.
UNABLE = {
    ("SIPp", "sha256"): "ends the call when the first challenge is of another algorithm than MD5",
    ("baresip", "sha256"): "knows MD5 only and gives up when another algorithm is asked for as well",
    ("baresip", "info"): "is not told to send its keys in INFO by any command",
}


class Peer(Protocol):
    """Whoever proves something; the class gives the column."""

    transport: str
    host: str


Cell = tuple[str, str, str]
DOCUMENT = Path(__file__).parents[2] / "docs/interop.md"
BEGIN, END = "<!-- matrix -->\n", "<!-- end of matrix -->\n"


class Matrix:
    """Cells (phone, transport, feature) that a test has proven."""

    def __init__(self) -> None:
        self.cells: set[Cell] = set()

    def proven(self, phone: Peer, *features: str) -> None:
        for feature in features:
            assert feature in FEATURES, feature
            transport = "IPv6" if ":" in phone.host else phone.transport.upper()
            self.cells.add((PHONES[type(phone).__name__], transport, feature))


def as_table(cells: set[Cell]) -> str:
    """The matrix as a table of Markdown: the transports it is proven over, – where the peer cannot."""
    heads = [*dict.fromkeys(PHONES.values())]
    rows = [[text, *(mark(cells, head, feature) for head in heads)] for feature, text in FEATURES.items()]
    columns = zip(["", *heads], *rows, strict=True)
    widths = [max(map(len, column)) for column in columns]
    return "".join(line(each, widths) for each in (["", *heads], ["-" * width for width in widths], *rows))


def line(texts: list[str], widths: list[int]) -> str:
    return f"| {' | '.join(f'{text:{width}}' for text, width in zip(texts, widths, strict=True))} |\n"


def mark(cells: set[Cell], phone: str, feature: str) -> str:
    proven = [transport for transport in TRANSPORTS if (phone, transport, feature) in cells]
    return " ".join(proven) or ("–" if (phone, feature) in UNABLE else "")


def documented() -> str:
    """The table of docs/interop.md."""
    return DOCUMENT.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]


def document(cells: set[Cell]) -> None:
    """Put the table of these cells into docs/interop.md."""
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + as_table(cells) + END + rest.partition(END)[2], "utf-8")


def documented_cells() -> set[Cell]:
    """The cells that docs/interop.md says to be proven."""
    features = {text: feature for feature, text in FEATURES.items()}
    first, *rows = [
        [part.strip() for part in line.strip("|").split("|")] for line in documented().splitlines()
    ]
    return {
        (head, transport, features[row[0]])
        for row in rows
        if row[0] in features
        for head, mark in zip(first[1:], row[1:], strict=True)
        for transport in mark.split()
        if transport in TRANSPORTS
    }


def differences(cells: set[Cell], *, all_ran: bool) -> list[str]:
    """What docs/interop.md says otherwise than these cells; what it has more only counts if all tests ran."""
    written = documented_cells()
    lines = [f"not in {DOCUMENT.name}: {' '.join(cell)}" for cell in sorted(cells - written)]
    if all_ran:
        lines += [f"in {DOCUMENT.name}, not proven: {' '.join(cell)}" for cell in sorted(written - cells)]
        if not lines and documented() != as_table(cells):
            lines.append(f"{DOCUMENT.name} looks otherwise")
    return lines
