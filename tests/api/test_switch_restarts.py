"""Commands while the switch is killed: 503 with Retry-After, and sent again with the same key they are
carried out once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.api.conftest import CENTRE, new_key
from tests.system.handset import Floor, Handset
from tests.system.running import RunningSystem, running, until

DIALLERS, KEYS, KILLS, ATTEMPTS = 4, 15, 3, 400


class Dialler:
    """Makes calls one after the other, each with a key of its own, and repeats what was answered by 503."""

    def __init__(self, system: RunningSystem, token: str, name: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=system.node.api.origin, headers=headers, timeout=30)
        self._pause = threading.Event()
        self.keys = [f"{name}-{number}" for number in range(KEYS)]
        self.calls: dict[str, str] = {}
        self.unavailable = 0

    def run(self) -> None:
        for key in self.keys:
            self.calls[key] = self.call(key)

    def call(self, key: str) -> str:
        body, headers = {"user": "ben", "number": "100"}, {"Idempotency-Key": key}
        for _ in range(ATTEMPTS):
            answer = self._client.post("/v1/calls", json=body, headers=headers)
            if answer.status_code != 503:
                assert answer.status_code == 201, answer.text
                return str(answer.json()["call"])
            assert answer.headers["retry-after"] == "1"
            self.unavailable += 1
            self._pause.wait(0.05)
        raise AssertionError(f"{key}: no switch")

    def close(self) -> None:
        self._client.close()


def test_each_key_is_one_call_over_kills_of_the_switch() -> None:
    with (
        Floor() as floor,
        running(CENTRE, api={"requests_per_second": 100_000}) as system,
        ThreadPoolExecutor(DIALLERS) as threads,
    ):
        phone = Handset(floor, "ben", system.address)
        assert phone.register().registered
        token = new_key(system, name="dialler", role="admin")
        diallers = [Dialler(system, token, f"order-{number}") for number in range(DIALLERS)]
        working = [threads.submit(each.run) for each in diallers]

        def done() -> int:
            return sum(len(each.calls) for each in diallers)

        for number in range(1, KILLS + 1):
            wanted = number * DIALLERS * KEYS // (KILLS + 1)
            until(lambda wanted=wanted: done() >= wanted, f"{wanted} calls", 60)
            system.replaced("switch", system.kill("switch"))
        for each in working:
            each.result(60)
        calls = {key: call for each in diallers for key, call in each.calls.items()}
        # The first answer comes back for as long as the key is remembered.
        assert all(each.call(key) == calls[key] for each in diallers for key in each.keys)
        started = [fact["data"]["call"] for fact in system.facts("call_started")]
        assert sorted(started) == sorted(calls.values())
        assert len({*started}) == DIALLERS * KEYS
        assert sum(each.unavailable for each in diallers) > 0
        for each in diallers:
            each.close()
