"""The system of `python -m bench api`: a centre with an API, a key for it, phones, queues and agents."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from bench.offered import NUMBERS
from bench.phones.sign_in import SignIn
from bench.system import ROOT, SIP_PORT, START_TIMEOUT_S, System, system

API_PORT = 8088
DESKS, AGENTS, QUEUES = 10, 40, 10
QUEUE_NUMBERS = 2000
ANSWER_S = 5.0
_API = "{{host: {host}, port: {port}, requests_per_second: 100000, max_subscribers: 2000}}"


class ApiTarget:
    """A whole softswitch with an API. Numbers 1000 and up ring at SIPp's phones, 2000 and up are queues."""

    def __init__(self, under_test: System) -> None:
        addresses = under_test.addresses
        self.system = under_test
        self.address = (addresses.switch, SIP_PORT)
        self.api = (addresses.switch, API_PORT)
        self.directory = under_test.directory
        self.token = "ssk_" + secrets.token_urlsafe(32)

    def start(self, desk_port: int) -> None:
        """`desk_port`: where the phones of the desks are, on the agents' address."""
        addresses = self.system.addresses
        host, port = self.api
        self.system.start(self._centre(), api=_API.format(host=host, port=port))
        phones = [*(f"phone{k}" for k in range(NUMBERS)), *(f"a{k}" for k in range(AGENTS))]
        desks = [f"desk{k}" for k in range(DESKS)]
        for users, at in ((phones, SIP_PORT), (desks, desk_port)):
            with SignIn(self.address, addresses.agents, f"{addresses.agents}:{at}") as signing_in:
                signing_in.register((user, "secret-of-it") for user in users)
        for k in range(AGENTS):
            self.system.command("agent.sign_in", {"name": f"a{k}"})
            self.system.command("agent.status", {"name": f"a{k}", "status": "available"})

    def _centre(self) -> str:
        names = {"phone": NUMBERS, "desk": DESKS, "a": AGENTS}
        users = (f"{name}{k}" for name, count in names.items() for k in range(count))
        agents = {f"a{k}": {"user": f"a{k}", "queues": [f"q{k % QUEUES}"]} for k in range(AGENTS)}
        numbers = {str(1000 + k): f"user:phone{k}" for k in range(NUMBERS)}
        queues = {str(QUEUE_NUMBERS + k): f"queue:q{k % QUEUES}" for k in range(NUMBERS)}
        sha256 = hashlib.sha256(self.token.encode()).hexdigest()
        return json.dumps(
            {
                "users": {name: {"password": "secret-of-it"} for name in users},
                "agents": agents,
                "queues": {f"q{k}": {"wrap_up_s": 0, "record": False} for k in range(QUEUES)},
                "trunks": {"carrier": {"allow_from": [self.system.addresses.callers]}},
                "numbers": {**numbers, **queues},
                "api_keys": {"bench": {"role": "admin", "sha256": sha256}},
            }
        )

    def roles(self) -> dict[int, str]:
        return self.system.processes()

    def of_role(self, role: str) -> dict[int, str]:
        """The processes of one role; of those that have a successor waiting, both."""
        return {pid: each for pid, each in self.roles().items() if each == role}

    def log(self) -> str:
        return self.system.log()


class Desks:
    """Phones on one socket that are busy whenever they are called."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(ANSWER_S)
        self.port: int = self._socket.getsockname()[1]

    def rang(self, desk: str) -> float:
        """When an INVITE for this desk came (monotonic); TimeoutError when none does."""
        while True:
            message, address = self._socket.recvfrom(65535)
            at = time.monotonic()
            if message.startswith(b"INVITE "):
                self._socket.sendto(_busy(message), address)
                if message.startswith(f"INVITE sip:{desk}@".encode()):
                    return at

    def close(self) -> None:
        self._socket.close()


def _busy(invite: bytes) -> bytes:
    copied = (b"via:", b"from:", b"call-id:", b"cseq:")
    lines = invite.partition(b"\r\n\r\n")[0].split(b"\r\n")
    kept = [line for line in lines if line.lower().startswith(copied)]
    to = next(line for line in lines if line.lower().startswith(b"to:")) + b";tag=busy"
    return b"\r\n".join([b"SIP/2.0 486 Busy Here", *kept, to, b"Content-Length: 0", b"", b""])


@contextlib.contextmanager
def api_target() -> Iterator[tuple[ApiTarget, Desks]]:
    with system() as under_test, contextlib.closing(Desks(under_test.addresses.agents)) as desks:
        target = ApiTarget(under_test)
        target.start(desks.port)
        yield target, desks


class Helper:
    """A process of the bench beside the system: it is told lines, and answers each with a JSON object."""

    def __init__(self, module: str, *arguments: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{module} did not start")

    def ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def __enter__(self) -> Helper:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGTERM)
        self._process.wait(START_TIMEOUT_S)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
