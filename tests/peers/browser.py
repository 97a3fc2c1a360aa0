"""Chromium without a window, told what to do over its DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

from websockets.sync.client import ClientConnection, connect

DEADLINE_S = 20.0
_LISTENS = re.compile(r"DevTools listening on ws://([0-9.:]+)/")
_OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--disable-dev-shm-usage",
)  # fmt: skip


class Browser:
    """One browser with one page. `directory` takes its profile."""

    def __init__(self, directory: Path) -> None:
        command = ["chromium", *_OPTIONS, f"--user-data-dir={directory}", "about:blank"]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
        assert self._process.stderr is not None
        address = next((found[1] for line in self._process.stderr if (found := _LISTENS.search(line))), None)
        assert address is not None, "chromium did not start"
        with urlopen(Request(f"http://{address}/json"), timeout=DEADLINE_S) as answer:
            (page,) = [each for each in json.load(answer) if each["type"] == "page"]
        self._connection = ExitStack()
        opened = connect(page["webSocketDebuggerUrl"], max_size=None)
        self._socket: ClientConnection = self._connection.enter_context(opened)
        self._number = 0

    def open(self, url: str) -> None:
        """Return when the page has been loaded."""
        self._command("Page.enable")
        self._command("Page.navigate", url=url)
        while self._received().get("method") != "Page.loadEventFired":
            pass

    def run(self, expression: str) -> Any:
        """The value of an expression in the page, or of its promise."""
        found = self._command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, condition: str) -> Any:
        """What the condition gives as soon as that is something true; looked at when the page changes."""
        return self.run(
            f"""new Promise((found, lost) => {{
                const look = () => {{ const is = ({condition}); if (is) found(is); return is; }};
                if (look()) return;
                new MutationObserver(look).observe(
                    document, {{subtree: true, childList: true, characterData: true, attributes: true}});
                setTimeout(() => lost("never: " + {json.dumps(condition)}), {DEADLINE_S * 1000});
            }})"""
        )

    def _command(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while (answer := self._received()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _received(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(DEADLINE_S + 5))
        return message

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        os.killpg(self._process.pid, 15)
        self._process.wait(DEADLINE_S)
        assert self._process.stderr is not None
        self._process.stderr.close()
