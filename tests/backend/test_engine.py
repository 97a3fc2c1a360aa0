"""Back-ends on a simulated clock: which server is asked, how often, and that everybody gets one answer."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from softswitch.backend.engine import LATEST_S, Backends
from softswitch.backend.events import (
    FAILED,
    OK,
    TIMEOUT,
    Answer,
    Attempt,
    AttemptEnded,
    Question,
    ServerChanged,
)
from softswitch.config import Backend

A, B = "https://a.example", "https://b.example/crm/"


class Bench:
    """One back-end `crm` with two servers, and what its engine wanted."""

    def __init__(self, **settings: Any) -> None:
        self.now = 100.0
        self.engine = Backends()
        self.out: list[Any] = []
        self.configure(**settings)

    def configure(self, **settings: Any) -> None:
        backend = Backend.model_validate({"name": "crm", "urls": [A, B], **settings})
        self.engine.configured("crm", backend, self.now)

    def ask(self, id: str = "q1", method: str = "GET", path: str = "/x", **more: Any) -> None:
        self.engine.ask(Question(id, "crm", method, path, **more), self.now, self.out)

    def attempts(self) -> list[Attempt]:
        """Those since the last look."""
        return self.take(Attempt)

    def answer(self) -> Answer:
        (answer,) = self.take(Answer)
        return answer

    def take(self, kind: type) -> list[Any]:
        taken = [each for each in self.out if isinstance(each, kind)]
        self.out = [each for each in self.out if not isinstance(each, kind)]
        return taken

    def end(self, attempt: Attempt, outcome: str = OK, **more: Any) -> None:
        ended = AttemptEnded(attempt.id, attempt.number, attempt.backend, attempt.server, outcome, **more)
        self.engine.ended(ended, self.now, self.out)

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (when := self.engine.next_timeout()) is not None and when <= until:
            self.now = when
            self.engine.handle_timeout(self.now, self.out)
        self.now = until

    def fails(self, times: int, **more: Any) -> None:
        """So many questions that nobody answers."""
        for _ in range(times):
            self.ask("f", **more)
            while attempts := self.attempts():
                self.end(attempts[0], FAILED, why="status 500")
            self.take(Answer)


def test_servers_are_asked_in_turn() -> None:
    bench = Bench()
    for id in ("q1", "q2", "q3"):
        bench.ask(id)
    attempts = bench.attempts()
    assert [each.url for each in attempts] == [
        "https://a.example/x",
        "https://b.example/crm/x",
        "https://a.example/x",
    ]
    bench.end(attempts[1], value={"name": "Ann"})
    answer = bench.answer()
    assert (answer.id, answer.outcome, answer.value, answer.attempts) == ("q2", OK, {"name": "Ann"}, 1)


def test_the_other_server_is_asked_when_one_fails() -> None:
    bench = Bench()
    bench.ask()
    (first,) = bench.attempts()
    bench.end(first, FAILED, why="no connection", sent=False)
    (second,) = bench.attempts()
    assert (second.server, second.number) == (1, 2)
    bench.end(second, value=1)
    assert bench.answer().attempts == 2


def test_what_does_something_is_not_sent_twice_unless_it_was_not_sent() -> None:
    bench = Bench()
    bench.ask(method="POST")
    bench.end(bench.attempts()[0], FAILED, why="status 500")
    assert bench.answer().why == "status 500"
    bench.ask(method="POST", key="c1.4")
    (attempt,) = bench.attempts()
    assert ("Idempotency-Key", "c1.4") in attempt.headers
    bench.end(attempt, FAILED, why="no connection", sent=False)
    assert len(bench.attempts()) == 1


def test_what_would_be_the_same_again_is_not_asked_again() -> None:
    bench = Bench(failures=1)
    bench.ask()
    bench.end(bench.attempts()[0], FAILED, why="status 404", fault=False)
    assert bench.answer().why == "status 404"
    assert not bench.take(ServerChanged), "it speaks against the question, not against the server"


def test_tries_share_the_time() -> None:
    bench = Bench(deadline_s=3, retries=2)
    bench.ask()
    (first,) = bench.attempts()
    assert first.timeout_s == 1
    bench.now += 1
    bench.end(first, TIMEOUT, why="no answer within 1 s")
    assert bench.attempts()[0].timeout_s == 1


def test_a_shorter_deadline_of_the_question_counts_and_a_longer_one_does_not() -> None:
    bench = Bench(deadline_s=3, retries=0)
    bench.ask("q1", deadline_s=1)
    bench.ask("q2", deadline_s=30)
    assert [each.timeout_s for each in bench.attempts()] == [1, 3]


def test_a_driver_that_says_nothing_is_no_reason_to_wait() -> None:
    bench = Bench(deadline_s=3)
    bench.ask()
    (attempt,) = bench.attempts()
    bench.wait(3 + LATEST_S)
    assert bench.answer().outcome == TIMEOUT
    bench.end(attempt, value=1)
    assert not bench.out, "late news"


def test_a_dead_server_is_left_alone_and_tried_by_one_request() -> None:
    bench = Bench(failures=2, open_s=10, retries=0)
    bench.fails(4)
    assert [(each.url, each.healthy) for each in bench.take(ServerChanged)] == [(A, False), (B, False)]
    bench.ask()
    assert bench.answer().why == "no server is healthy"
    bench.wait(10)
    for id in ("q1", "q2", "q3"):
        bench.ask(id)
    trials = bench.attempts()
    assert [each.server for each in trials] == [0, 1], "one for each"
    assert bench.answer().id == "q3"
    bench.end(trials[0], value=1)
    assert [(each.url, each.healthy) for each in bench.take(ServerChanged)] == [(A, True)]
    bench.end(trials[1], FAILED, why="status 503")
    bench.take(Answer)
    bench.ask()
    assert bench.attempts()[0].server == 0


def test_a_server_that_flaps_gets_no_callers_until_it_was_well_twice() -> None:
    bench = Bench(health_path="/health", health_every_s=5, retries=0)
    looked: list[list[int]] = []
    for ok in (True, False, True, False, True, True):
        bench.wait(5)
        probes = [each for each in bench.attempts() if each.number == 0]
        assert {each.url for each in probes} == {"https://a.example/health", "https://b.example/crm/health"}
        for probe in probes:
            bench.end(probe, OK if ok or probe.server else FAILED, why="status 500")
        for id in ("q1", "q2"):
            bench.ask(id)
        asked = bench.attempts()
        looked.append(sorted({each.server for each in asked}))
        for attempt in asked:
            bench.end(attempt, value=1)
    assert looked == [[0, 1], [1], [1], [1], [1], [0, 1]]


def servers_asked(bench: Bench, count: int) -> list[int]:
    """Which servers so many questions went to, each answered well."""
    asked = []
    for number in range(count):
        bench.ask(f"s{number}")
        (attempt,) = [each for each in bench.attempts() if each.number]
        asked.append(attempt.server)
        bench.end(attempt, value=1)
        bench.take(Answer)
    return asked


def probed(bench: Bench, well: bool) -> None:
    """The health of both is looked at once; the first server is well or not."""
    bench.wait(5)
    for probe in [each for each in bench.attempts() if each.number == 0]:
        bench.end(probe, OK if well or probe.server else FAILED, why="status 500")


def test_one_stands_by_until_the_other_fails_and_has_it_back_when_it_is_well() -> None:
    bench = Bench(mode="active_standby", health_path="/health", health_every_s=5)
    assert servers_asked(bench, 3) == [0, 0, 0]
    probed(bench, False)
    assert servers_asked(bench, 3) == [1, 1, 1]
    probed(bench, True)
    assert servers_asked(bench, 1) == [1], "once well is not enough"
    probed(bench, True)
    assert servers_asked(bench, 2) == [0, 0]
    assert [(each.url, each.healthy) for each in bench.take(ServerChanged)] == [(A, False), (A, True)]


def test_who_stands_by_answers_the_question_that_the_other_failed() -> None:
    bench = Bench(mode="active_standby", failures=2, open_s=10)
    for _ in range(2):
        bench.ask()
        (first,) = bench.attempts()
        bench.end(first, TIMEOUT, why="no answer within 1 s")
        (second,) = bench.attempts()
        assert (first.server, second.server) == (0, 1)
        bench.end(second, value=1)
        assert bench.answer().outcome == OK
    assert servers_asked(bench, 2) == [1, 1]
    bench.wait(10)
    assert servers_asked(bench, 2) == [0, 0], "one question tries it, and it is well"


def test_an_answer_is_used_again_for_a_while() -> None:
    bench = Bench(cache_s=60)
    bench.ask("q1")
    bench.end(bench.attempts()[0], value={"n": 1})
    assert not bench.answer().cached
    bench.now += 59
    bench.ask("q2")
    again = bench.answer()
    assert (again.cached, again.value) == (True, {"n": 1})
    bench.ask("q3", path="/y")
    bench.ask("q4", method="POST")
    assert len(bench.attempts()) == 2
    bench.now += 2
    bench.ask("q5")
    assert len(bench.attempts()) == 1


def test_too_many_at_one_time_fail_at_once() -> None:
    bench = Bench(most_requests=1)
    bench.ask("q1")
    bench.ask("q2")
    assert bench.answer().why == "too many requests at one time"
    bench.end(bench.attempts()[0], value=1)
    bench.take(Answer)
    bench.ask("q3")
    assert bench.attempts()


def test_a_back_end_that_is_not_there_or_no_more() -> None:
    bench = Bench()
    bench.engine.ask(Question("q0", "erp", "GET", "/"), bench.now, bench.out)
    assert "erp" in bench.answer().why
    bench.ask("q1")
    (attempt,) = bench.attempts()
    bench.engine.configured("crm", None, bench.now)
    bench.end(attempt, FAILED, why="x")
    assert bench.answer().outcome == FAILED


def test_nobody_waits_any_more() -> None:
    bench = Bench(most_requests=1)
    bench.ask("q1")
    bench.engine.forget("q1")
    bench.end(bench.attempts()[0], value=1)
    assert not bench.take(Answer)
    bench.ask("q2")
    assert bench.attempts()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "ok", "failed", "timeout", "unsent", "wait", "configure"]),
            st.integers(0, 5),
        ),
        max_size=60,
    ),
    st.integers(0, 3),
    st.booleans(),
)
def test_every_question_has_one_answer_in_time(
    steps: list[tuple[str, int]], retries: int, probed: bool
) -> None:
    """Whatever the servers do, and in whatever order the driver tells of it."""
    settings = {"retries": retries, "deadline_s": 2, "failures": 2, "open_s": 3, "most_requests": 4}
    if probed:
        settings["health_path"] = "/health"
    bench = Bench(**settings)
    asked: set[str] = set()
    answered: dict[str, float] = {}
    under_way: list[Attempt] = []

    def collect() -> None:
        under_way.extend(bench.attempts())
        for answer in bench.take(Answer):
            assert answer.id not in answered
            answered[answer.id] = answer.seconds

    for what, number in steps:
        if what == "ask":
            id = f"q{len(asked)}"
            asked.add(id)
            bench.ask(id, ("GET", "POST")[number % 2])
        elif what == "wait":
            bench.wait(number / 2)
        elif what == "configure":
            bench.configure(**settings)
        elif under_way:
            outcome = FAILED if what == "unsent" else what
            bench.end(under_way.pop(number % len(under_way)), outcome, sent=what != "unsent")
        collect()
    bench.wait(2 + LATEST_S)
    collect()
    assert answered.keys() == asked
    assert all(seconds <= 2 + LATEST_S for seconds in answered.values())
