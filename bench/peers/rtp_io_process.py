"""RTPProxy as a library in a process: `python -m bench.peers.rtp_io_process SOCKET ARGUMENTS` (a JSON list).

What comes over the socket goes to it line by line, and its answers back.
"""

from __future__ import annotations

import json
import socket
import sys

from rtp.io import rtpproxy  # type: ignore[import-not-found]


def main(path: str, arguments: str) -> None:
    proxy = rtpproxy(extra_args=tuple(json.loads(arguments)))
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(1)
    control, _ = listening.accept()
    with control, control.makefile("r") as lines:
        for line in lines:
            proxy.rtpp_sock.sendall(line.encode())
            control.sendall(proxy.rtpp_sock.recv(4096))


if __name__ == "__main__":
    main(*sys.argv[1:])
