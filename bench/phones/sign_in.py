"""Phones signing in, one after the other over one socket: what happens before anything is measured."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable

from bench.credentials import authorization, parameters
from bench.harness import CannotMeasure

TIMEOUT_S = 0.5
TRIES = 6
_CHALLENGE = re.compile(r"(?mi)^WWW-Authenticate: *(Digest .*?)\r?$")


class SignIn:
    """Registers users from a port of `host`; their calls go to `contact`."""

    def __init__(self, switch: tuple[str, int], host: str, contact: str) -> None:
        self._switch = switch
        self._contact = contact
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.connect(switch)
        self._socket.settimeout(TIMEOUT_S)
        self._here = "{}:{}".format(*self._socket.getsockname())
        self._number = 0

    def __enter__(self) -> SignIn:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def challenges(self, users: Iterable[str]) -> dict[str, str]:
        """A fresh challenge for each user, to count up its nonce."""
        return {user: self._challenge(user) for user in users}

    def register(self, users: Iterable[tuple[str, str]]) -> None:
        """Register (user, password). CannotMeasure when one is not let in."""
        uri = "sip:{}:{}".format(*self._switch)
        for user, password in users:
            asked = parameters(self._challenge(user))
            status, text = self._ask(user, authorization(asked, "REGISTER", uri, user, password, 1))
            if status != 200:
                raise CannotMeasure(f"{user} could not register:\n{text}")

    def _challenge(self, user: str) -> str:
        status, text = self._ask(user, "")
        match = _CHALLENGE.search(text)
        if status != 401 or match is None:
            raise CannotMeasure(f"{user} was not asked for a password:\n{text}")
        return match[1]

    def _ask(self, user: str, credentials: str) -> tuple[int, str]:
        """Status and text of the response to one REGISTER. CannotMeasure when there is none."""
        self._number += 1
        number, host = self._number, "{}:{}".format(*self._switch)
        extra = f"{credentials}\r\n" if credentials else ""
        request = (
            f"REGISTER sip:{host} SIP/2.0\r\nVia: SIP/2.0/UDP {self._here};branch=z9hG4bKs{number}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{user}@{host}>;tag=s{number}\r\nTo: <sip:{user}@{host}>\r\n"
            f"Call-ID: s{user}@{self._here}\r\nCSeq: {number} REGISTER\r\n"
            f"Contact: <sip:{user}@{self._contact}>\r\nExpires: 3600\r\n{extra}Content-Length: 0\r\n\r\n"
        )
        for _ in range(TRIES):
            self._socket.send(request.encode())
            try:
                while True:
                    text = self._socket.recv(65535).decode()
                    if f"branch=z9hG4bKs{number}" in text and not text.startswith("SIP/2.0 1"):
                        return int(text[8:11]), text
            except (TimeoutError, ConnectionError):
                continue
        raise CannotMeasure(f"{host} does not answer a REGISTER of {user}")
