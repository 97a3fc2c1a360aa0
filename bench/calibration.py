"""A fixed piece of work, done again and again in a process of its own beside whatever is measured.

What a machine has to spare at a moment changes its time as it changes that of the system under test: a cost
divided by it can be compared with one of yesterday. Half of it is Python, half datagrams over loopback.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time

from bench.figures import median

EVERY_S = 0.1
_ROUNDS, _DATAGRAMS = 1500, 150


class Calibration:
    """Runs within the `with` block; `taken_ms` is the median time of a piece since it was last asked."""

    def __enter__(self) -> Calibration:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.calibration"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def taken_ms(self) -> float:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def piece_ms(pair: tuple[socket.socket, socket.socket]) -> float:
    """CPU time of one piece."""
    began = time.thread_time()
    seen: dict[str, str] = {}
    for number in range(_ROUNDS):
        name, _, value = f"X-{number}: {number}".partition(":")
        seen[name] = value.strip()
    sending, receiving = pair
    for _ in range(_DATAGRAMS):
        sending.send(b"x" * 172)
        receiving.recv(512)
    return 1000 * (time.thread_time() - began)


def _pair() -> tuple[socket.socket, socket.socket]:
    sending, receiving = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    receiving.bind(("127.0.0.1", 0))
    sending.connect(receiving.getsockname())
    return sending, receiving


def main() -> None:
    """Works until standard input ends; answers each line with the median so far and begins anew."""
    import select

    pair = _pair()
    taken: list[float] = []
    while True:
        taken.append(piece_ms(pair))
        if select.select([sys.stdin], [], [], EVERY_S)[0]:
            if not sys.stdin.readline():
                return
            print(median(taken), flush=True)
            taken.clear()


if __name__ == "__main__":
    main()
