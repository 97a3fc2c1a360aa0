"""Voice messages and spoken texts with real phones, judged by what is heard."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import soundfile

from tests.interop.hearing import at_8000, likeness
from tests.interop.house import House, Phones, receive
from tests.peers.audio import seconds_of
from tests.peers.pjsua import Pjsua
from tests.system.running import until

PIN, SAID_S = "4711", 2.0
TEXT = "Hello {name}, you are calling us from {caller}."
BACKEND_HOST = "127.0.0.95"


class Customers(BaseHTTPRequestHandler):
    """A back-end that knows who everybody is."""

    def do_GET(self) -> None:
        body = b'{"customer": {"name": "Annabel"}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


@contextmanager
def back_end() -> Iterator[str]:
    with ThreadingHTTPServer((BACKEND_HOST, 0), Customers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{BACKEND_HOST}:{server.server_port}"
        server.shutdown()
        thread.join()


def facts(house: House, kind: str) -> list[dict[str, Any]]:
    return [fact["data"] for fact in house.system.facts(kind)]


def test_a_message_is_left_shown_heard_and_erased(house: House, phones: Phones) -> None:
    box, before = "called-pjsua", len(facts(house, "message_left"))
    boxes = {box: {"pin": PIN}}
    house.system.command("apply", centre={"voicemail": boxes, "numbers": {"8101": f"voicemail:{box}"}})
    listener = phones("pjsua", box, messages=True)
    assert isinstance(listener, Pjsua)
    caller = phones("baresip", "calls-baresip")
    caller.call(phones.uri("8101"))
    caller.wait_for("talking")
    caller.press("#")

    def recorded_bytes() -> int:
        under_way = [
            each for key, each in house.system.live_state().items() if key.startswith("message_recording/")
        ]
        path = Path(under_way[0]["path"]) if under_way else None
        return path.stat().st_size if path is not None and path.exists() else 0

    until(lambda: recorded_bytes() > SAID_S * 8000 * 4, "two seconds of the message are on the disk")
    caller.press("#")
    caller.wait_for("ended")
    (left,) = until(lambda: facts(house, "message_left")[before:], "the message")
    assert left["from"] == "calls-baresip"
    until(lambda: listener.waiting[-1:] == ["1/0"], "the lamp is lit")

    listener.call(phones.uri("*98"))
    listener.wait_for("talking")
    listener.press(PIN + "1")
    until(lambda: [each["message"] for each in facts(house, "message_heard")][before:], "it is played")
    receive((listener,), SAID_S)
    listener.press("7")
    until(lambda: listener.waiting[-1:] == ["0/0"], "the lamp is out")
    until(lambda: not Path(left["path"]).exists(), "the file is gone")
    assert not Path(left["path"] + ".json").exists()
    listener.hang_up()
    listener.wait_for("ended")
    assert seconds_of(*listener.heard(), caller.tone_hz) > 1.2


def test_a_text_is_spoken_with_what_a_back_end_knows_of_the_caller(house: House, phones: Phones) -> None:
    ask = {"backend": "crm", "path": "/who/{caller}", "into": {"name": "customer.name"}}
    flow = {"steps": [{"request": ask}, {"say": {"text": TEXT}}]}
    caller = phones("pjsua", "calls-pjsua")
    with back_end() as url:
        backends = {"crm": {"urls": [url], "inner_hosts": [BACKEND_HOST]}}
        house.system.command(
            "apply",
            centre={"backends": backends, "flows": {"speaks": flow}, "numbers": {"8102": "flow:speaks"}},
        )
        caller.call(phones.uri("8102"))
        caller.wait_for("ended")
    (answered,) = facts(house, "backend_answered")
    assert (answered["backend"], answered["outcome"], answered["attempts"]) == ("crm", "ok", 1)
    made = max(house.system.node.state_dir.glob("speech/*.wav"), key=lambda path: path.stat().st_mtime)
    samples, rate_hz = soundfile.read(made, dtype="int16")
    heard, heard_rate_hz = caller.heard()
    # 22,050 Hz is no multiple of what phones have: compared at 7350 Hz.
    wanted = samples[: len(samples) // 3 * 3].reshape(-1, 3).mean(axis=1)
    assert rate_hz == 22_050
    ear = at_8000(heard, heard_rate_hz).astype(float)
    places = [round(place * 8000 / 7350) for place in range(len(ear) * 7350 // 8000 - 1)]
    alike = likeness(ear[places], wanted[7350 // 2 :][:5000])
    assert alike.max() > 0.5
