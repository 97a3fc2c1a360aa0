"""SIPp as independent SIP stack: callers and agents' phones in processes of their own."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.harness import CannotMeasure

SCENARIOS = Path(__file__).resolve().parent / "scenarios"
APT_LINE = "apt-get install -y --no-install-recommends sip-tester"


def require_sipp() -> str:
    """Where SIPp is; CannotMeasure with how to install it."""
    found = shutil.which("sipp")
    if found is None:
        raise CannotMeasure(f"SIPp is not installed; type: {APT_LINE}")
    return found


def version() -> str:
    """Of SIPp, as it says itself; empty when it is missing."""
    program = shutil.which("sipp")
    if program is None:
        return ""
    told = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stdout
    return next((word.strip(".") for word in told.split() if word[:1] == "v" and word[1:2].isdigit()), "")


@dataclass(frozen=True, slots=True)
class CallCounts:
    """What SIPp counted over its whole run."""

    created: int
    successful: int
    failed: int
    retransmitted: int


class Sipp:
    """One SIPp process with its files in `directory`. Start it, wait or stop it, then read what it found."""

    def __init__(
        self,
        scenario: str,
        *,
        local: tuple[str, int],
        remote: tuple[str, int],
        directory: Path,
        values: Mapping[str, int | str] | None = None,
        name: str = "",
    ) -> None:
        """`values` go into the places {NAME} of the scenario, where SIPp has no variables.

        The files are called by `name`, unless given by the scenario's.
        """
        self.name = name or scenario
        self._scenario = scenario
        self._values = values or {}
        self._local = local
        self._remote = remote
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        text = (SCENARIOS / f"{self._scenario}.xml").read_text()
        for name, value in self._values.items():
            text = text.replace(f"{{{name}}}", str(value))
        self._file("xml").write_text(text)
        command = [require_sipp(), "{}:{}".format(*self._remote), *self._options(), *options]
        with self._file("out").open("wb") as out:
            self._process = subprocess.Popen(
                command, cwd=self._directory, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )

    def _options(self) -> list[str]:
        host, port = self._local
        options = f"-i {host} -p {port} -ci {host} -mi {host} -bind_local -nostdin -timer_resol 1"
        traces = (
            f"-trace_stat -stf {self._file('stat')} -fd 1"
            f" -trace_err -error_file {self._file('errors')} -trace_logs -log_file {self._file('log')}"
        )
        return ["-sf", str(self._file("xml")), *options.split(), *traces.split()]

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(self, timeout_s: float) -> bool:
        """Whether it came to its end in time; what is still running then is killed."""
        assert self._process is not None
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        return True

    def finish(self, timeout_s: float = 10.0) -> bool:
        """Take no more calls, let those going on end; whether they did in time."""
        assert self._process is not None
        if self.running():
            self._process.send_signal(signal.SIGUSR1)
        return self.wait(timeout_s)

    def kill(self) -> None:
        if self._process is not None and self.running():
            self._process.kill()
            self._process.wait()

    def counts(self) -> CallCounts:
        """Calls over the whole run, from the last line of the statistics. CannotMeasure when it has none."""
        path = self._file("stat")
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        rows = list(csv.DictReader(lines, delimiter=";"))
        if not rows:
            raise CannotMeasure(f"SIPp {self.name} did not run:\n{self.output()}")
        last = rows[-1]
        return CallCounts(
            created=int(last["TotalCallCreated"]),
            successful=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            retransmitted=int(last["Retransmissions(C)"]),
        )

    def marks(self) -> dict[str, dict[str, float]]:
        """When (UTC seconds) each call came to each mark of the scenario, by mark and number of the caller.

        Written by log actions as `MARK NUMBER DATE TIME SECONDS`; SIPp's own response times are too coarse.
        """
        path = self._file("log")
        return read_marks(path.read_text().splitlines() if path.exists() else [])

    def output(self) -> str:
        """What went wrong in SIPp's own words: the first unexpected messages, else the end of its output."""
        errors, out = self._file("errors"), self._file("out")
        text = errors.read_text(errors="replace") if errors.exists() else ""
        return text[:2000] or out.read_text(errors="replace")[-2000:]

    def _file(self, kind: str) -> Path:
        return self._directory / f"{self.name}.{kind}"


def write_injection(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """A file of values for -inf, one row for each call in this order, again from the start at the end."""
    path.write_text("\n".join(["SEQUENTIAL", *(";".join(row) for row in rows)]) + "\n")


def read_marks(lines: Iterable[str]) -> dict[str, dict[str, float]]:
    """Marks by name and number; of a mark that a call came to more than once, the first time."""
    marks: dict[str, dict[str, float]] = {}
    for line in lines:
        mark, number, *_, seconds = line.split()
        marks.setdefault(mark, {}).setdefault(number, float(seconds))
    return marks


def elapsed_ms(before: Mapping[str, float], after: Mapping[str, float]) -> list[float]:
    """Milliseconds from one mark to another, of every call that came to both."""
    return [(after[number] - at) * 1000 for number, at in before.items() if number in after]
