"""Asterisk and FreeSWITCH, where this machine has one: what is called rings at the next hop.

Their configuration is written into a temporary folder; they bind loopback addresses only and read nothing of
an installation but their modules.
"""

from __future__ import annotations

from pathlib import Path

from bench.harness import CannotMeasure
from bench.peers import require
from bench.peers.process import PeerProcess, answers_options
from bench.peers.template import filled
from bench.system import SIP_PORT, Addresses

_FIRST, _LAST = 16384, 32766
_ASTERISK_FILES = ("modules", "pjsip", "extensions", "rtp", "logger")


class _Pbx(PeerProcess):
    def __init__(self, name: str, directory: Path, addresses: Addresses) -> None:
        super().__init__(name, directory)
        self.address = (addresses.switch, SIP_PORT)
        self._here = addresses.callers
        self._values = {
            "HOST": addresses.switch,
            "PORT": SIP_PORT,
            "CALLERS": addresses.callers,
            "NEXT": f"{addresses.agents}:{SIP_PORT}",
            "DIRECTORY": directory,
            "FIRST": _FIRST,
            "LAST": _LAST,
        }

    def files(self) -> dict[str, str]:
        """The configuration: text by name of the file."""
        raise NotImplementedError

    def _start(self, command: list[str]) -> None:
        for name, text in self.files().items():
            (self.directory / name).write_text(text)
        self.launch(command, lambda: answers_options(self._here, self.address))


class Asterisk(_Pbx):
    """PJSIP, only the modules that a call needs."""

    def __init__(self, directory: Path, addresses: Addresses) -> None:
        super().__init__("asterisk", directory, addresses)

    def files(self) -> dict[str, str]:
        modules = asterisk_modules(Path(require("asterisk").found()))
        data = {"MODULES": modules, "DATA": _data_beside(modules)}
        main = {"asterisk.conf": filled("asterisk.conf", **self._values, **data)}
        parts = {f"{name}.conf": filled(f"asterisk-{name}.conf", **self._values) for name in _ASTERISK_FILES}
        return main | parts

    def start(self) -> None:
        program = require("asterisk").found()
        self._start([program, "-f", "-n", "-C", str(self.directory / "asterisk.conf")])


class FreeSwitch(_Pbx):
    def __init__(self, directory: Path, addresses: Addresses) -> None:
        super().__init__("freeswitch", directory, addresses)

    def files(self) -> dict[str, str]:
        return {"freeswitch.xml": filled("freeswitch.xml", **self._values)}

    def start(self) -> None:
        program = require("freeswitch").found()
        folders = [
            word for name in ("conf", "log", "db", "run") for word in (f"-{name}", str(self.directory))
        ]
        self._start([program, "-nf", "-nc", "-nonat", *folders])


def asterisk_modules(program: Path) -> Path:
    """The folder of its modules, beside the binary's prefix. Raises CannotMeasure."""
    prefix = program.resolve().parent.parent
    for library in ("lib", "lib64", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu"):
        folder = prefix / library / "asterisk" / "modules"
        if (folder / "chan_pjsip.so").is_file():
            return folder
    raise CannotMeasure(f"asterisk: no modules/chan_pjsip.so below {prefix}/lib*: build it with PJSIP")


def _data_beside(modules: Path) -> Path:
    """Where its documentation (which PJSIP's configuration needs) is: share or var of its prefix."""
    prefix = next(parent.parent for parent in modules.parents if parent.name.startswith("lib"))
    places = (prefix / "share" / "asterisk", Path("/var/lib/asterisk"), prefix / "var" / "lib" / "asterisk")
    return next((place for place in places if (place / "documentation").is_dir()), places[0])
