"""The systems that figures are compared with: which there are, whether they are here, how to install them."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from bench.harness import CannotMeasure

_VERSION = re.compile(r"\d+(?:\.\d+)+[^\s)]*")
_APT = "apt-get install -y --no-install-recommends"
_PIP = f"{Path(sys.executable).parent / 'pip'} install"
_PBX = "it is used when its binary is on this machine (built from source: make install)"


@dataclass(frozen=True, slots=True)
class Peer:
    """`program` is a binary in PATH, `module` one of Python; the peer is there when that is."""

    name: str
    what: str
    install: str
    program: str = ""
    module: str = ""
    version_option: str = "--version"

    def found(self) -> str:
        """Where it is; empty when it is missing."""
        if self.program:
            return shutil.which(self.program) or ""
        try:
            spec = importlib.util.find_spec(self.module)
        except ModuleNotFoundError:
            return ""
        return str(spec.origin) if spec else ""

    def version(self) -> str:
        """Of the one that is there, as it says itself."""
        if self.module:
            return metadata.version(self.module.split(".b2bua")[0])
        words = [self.program, self.version_option]
        told = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False)
        found = _VERSION.search(told.stdout + told.stderr)
        return found[0] if found else "not known"

    @property
    def missing(self) -> str:
        """One line that says so, with what to do."""
        return f"{self.name} ({self.what}) is missing: {self.install}"


PEERS = {
    peer.name: peer
    for peer in (
        Peer("sippy", "Sippy's B2BUA, Python", f"{_PIP} sippy", module="sippy.b2bua_simple"),
        Peer(
            "kamailio",
            "stateful proxy and registrar, C",
            f"{_APT} kamailio",
            program="kamailio",
            version_option="-v",
        ),
        Peer("limit", "batched echo, C, compiled here", f"{_APT} gcc libc6-dev", program="cc"),
        Peer("rtpengine", "RTP relay, C, user space", f"{_APT} rtpengine-daemon", program="rtpengine"),
        Peer("rtp-io", "RTPProxy as a library, C", f"{_PIP} rtp-io", module="rtp.io"),
        Peer("asterisk", "PBX, C", _PBX, program="asterisk", version_option="-V"),
        Peer("freeswitch", "softswitch, C", _PBX, program="freeswitch", version_option="-version"),
    )
}


def require(name: str) -> Peer:
    """The peer, which is on this machine. Raises CannotMeasure."""
    peer = PEERS[name]
    if not peer.found():
        raise CannotMeasure(peer.missing)
    return peer


def chosen(offered: Sequence[str], wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """Peers to run, and a line for each that is missing: all `offered` when none is `wanted`.

    `wanted` of `none` is nobody. CannotMeasure when one that is wanted is missing or is no peer of this load.
    """
    for name in wanted:
        if name not in (*offered, "none"):
            raise CannotMeasure(f"--against {name}: allowed here are {', '.join((*offered, 'none'))}")
    if wanted:
        return [require(name).name for name in wanted if name != "none"], []
    there = [name for name in offered if PEERS[name].found()]
    return there, [PEERS[name].missing for name in offered if name not in there]
