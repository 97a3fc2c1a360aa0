"""Bytes on live SIP sockets, and what comes back."""

from __future__ import annotations

import os
import socket
import time

DEADLINE_S = 5.0


def request(
    method: str,
    uri: str,
    *,
    from_: str = "<sip:mallory@127.0.0.1>",
    to: str = "",
    extra: str = "",
    body: str = "",
    via: str = "127.0.0.1:9",
    transport: str = "UDP",
) -> bytes:
    """A request that is right but for what the caller makes wrong."""
    branch = os.urandom(6).hex()
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {via};rport;branch=z9hG4bK{branch}\r\n"
        f"Max-Forwards: 70\r\nFrom: {from_};tag={branch}\r\nTo: {to or f'<{uri}>'}\r\n"
        f"Call-ID: {branch}@test\r\nCSeq: 1 {method}\r\nContact: <sip:mallory@127.0.0.1:9>\r\n{extra}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def status_of(response: bytes) -> int:
    return int(response.split(b" ", 2)[1])


class RawUdp:
    """A UDP socket that tells silence from an answer without waiting: it asks something else behind it."""

    def __init__(self, server: tuple[str, int], host: str = "127.0.0.1") -> None:
        self._server = server
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((host, 0))
        self._sock.settimeout(DEADLINE_S)

    def close(self) -> None:
        self._sock.close()

    def send(self, datagram: bytes) -> None:
        self._sock.sendto(datagram, self._server)

    def ask(self, datagram: bytes) -> list[bytes]:
        """Everything that came in answer to a datagram before the answer to an OPTIONS behind it."""
        self._sock.sendto(datagram, self._server)
        probe = request("OPTIONS", "sip:{}:{}".format(*self._server))
        mark = next(line for line in probe.split(b"\r\n") if line.startswith(b"Call-ID"))
        self._sock.sendto(probe, self._server)
        answers: list[bytes] = []
        while True:
            answer = self._sock.recv(65535)
            if mark in answer:
                assert status_of(answer) == 200, answer
                return answers
            answers.append(answer)

    def statuses(self, datagram: bytes) -> list[int]:
        return [status_of(answer) for answer in self.ask(datagram)]


class RawTcp:
    """A TCP connection to the server."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._sock = socket.create_connection(server, timeout=DEADLINE_S)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def close(self) -> None:
        self._sock.close()

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self._sock.sendall(part)

    def answer(self) -> int:
        """The status of the next response."""
        while b"\r\n\r\n" not in self._buffer:
            chunk = self._sock.recv(65536)
            assert chunk, "closed without an answer"
            self._buffer += chunk
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return status_of(head)

    def closed(self) -> bytes:
        """Wait until the server closes; returns what it said before."""
        said = self._buffer
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            try:
                chunk = self._sock.recv(65536)
            except ConnectionResetError:
                return said
            if not chunk:
                return said
            said += chunk
        raise AssertionError(f"still open, said {said!r}")
