"""A process that delivers to one webhook and nothing else, to be killed: STATE_DIR RUN_DIR WEBHOOK_JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from softswitch.api.webhooks import Webhooks
from softswitch.config import Node


async def run(state_dir: str, run_dir: str, webhook: str) -> None:
    webhooks = Webhooks(Node(state_dir=Path(state_dir), run_dir=Path(run_dir)))
    await webhooks.start()
    await webhooks.configure([json.loads(webhook)])
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
