"""The API process: `python -m softswitch.api CONFIG`, with the listening socket that the parent has bound."""

from __future__ import annotations

import argparse
import logging
import os
import resource
import socket
import sys
from pathlib import Path

import uvicorn

from softswitch import logs
from softswitch.api.app import create_app
from softswitch.api.event_socket import EventSocket
from softswitch.api.http_connection import HttpConnection
from softswitch.config.files import load_node
from softswitch.net.sockets import API_ENVIRONMENT
from softswitch.net.tls import renewed_context

STOP_S = 3
BACKLOG = 1024
NICE = 5
"""Where processors are short, calls go first."""
MOST_MESSAGE_BYTES = 4096
"""Of what clients write to a WebSocket, which is nothing."""


class Server(uvicorn.Server):
    """Says `ready` when it listens, as all our processes do."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print("ready", flush=True)


def main() -> int:
    os.nice(NICE)
    parser = argparse.ArgumentParser(description="REST, events and webhooks of a running switch.")
    parser.add_argument("config", type=Path, help="softswitch.yaml")
    node = load_node(parser.parse_args().config)
    logs.configure("api", node.log.level)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    api = node.api
    config = uvicorn.Config(
        create_app(node),
        loop="uvloop",
        http=HttpConnection.limited(api.max_connections),
        ws=EventSocket,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        ws_per_message_deflate=False,
        ws_max_size=MOST_MESSAGE_BYTES,
        timeout_graceful_shutdown=STOP_S,
        backlog=BACKLOG,
        ssl_context_factory=None if api.certificate is None else lambda *_: renewed_context(api),
    )
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    sock = socket.socket(fileno=int(os.environ[API_ENVIRONMENT]))
    Server(config).run(sockets=[sock])
    return 0


if __name__ == "__main__":
    sys.exit(main())
