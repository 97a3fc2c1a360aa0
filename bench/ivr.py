"""Callers in flows: many at once beside their media, what a step costs, how soon a prompt is heard.

step_us_p50/_p99: CPU time of a step (menu, set, branch, say) in the switch with its driver: a key comes as an
event of the media worker, and until the turn is over engine, facts, one write to the journal and commands to
the worker have been done; only sockets are left out.
callers: of a trunk, all in a flow at once for `--seconds`, on a whole system with one media worker; each
presses a key about once a second and hears a tone for it. A call fails that is not answered or
ends too early.
prompt_start_ms_p50/_p99: from the answer to the key (INFO) until the first packet with energy comes, after
silence, at callers whose audio is read. cpu_switch, cpu_media: CPU seconds of these processes a second.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from bench import cpu
from bench.figures import Figures, Round, quantile
from bench.harness import Progress, Result, measure
from bench.ivr_callers import Crowd
from bench.ivr_steps import FLOW, NUMBER, steps_us
from bench.options import count_option
from bench.system import SIP_PORT, system

SUMMARY = "flows: cost of a step, start of a prompt, callers in flows beside their media"
CALLERS, SECONDS, LISTENING = 500, 60, 16
CALLS_A_SECOND = 40.0
_CENTRE = """\
trunks:
  carrier: {{allow_from: [{callers}]}}
numbers:
  "{number}": flow:main
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=count_option, default=1, help="rounds (default 1)")
    parser.add_argument("--callers", type=count_option, default=CALLERS, help=f"at once (default {CALLERS})")
    parser.add_argument("--seconds", type=count_option, default=SECONDS, help=f"how long (default {SECONDS})")


def run(options: argparse.Namespace, progress: Progress) -> Result:
    """Measure. CannotMeasure when something needed is missing."""
    systems = {"softswitch": lambda: _round(options.callers, float(options.seconds))}
    return measure("ivr", systems, options.rounds, progress)


def _round(callers: int, seconds: float) -> Round:
    with tempfile.TemporaryDirectory(prefix="ss-ivr-") as directory:
        costs = asyncio.run(steps_us(Path(directory)))
    figures: Figures = {"step_us_p50": quantile(costs, 0.5), "step_us_p99": quantile(costs, 0.99)}
    done = _callers(callers, seconds)
    return Round({**figures, **done.figures}, done.failed, done.problems)


def _callers(callers: int, seconds: float) -> Round:
    with system() as under_test:
        addresses = under_test.addresses
        centre = _CENTRE.format(callers=addresses.callers, number=NUMBER)
        under_test.start(centre + FLOW, workers=1)
        crowd = Crowd(addresses.callers, (addresses.switch, SIP_PORT), NUMBER, callers, LISTENING)
        used: dict[str, float] = {}

        async def load() -> None:
            await crowd.arrive(CALLS_A_SECOND)
            everyone = under_test.processes()
            roles = {pid: role for pid, role in everyone.items() if role in ("switch", "media")}
            before, began = cpu.usage(roles), time.monotonic()
            await crowd.press_keys(seconds)
            lasted = time.monotonic() - began
            used.update(
                {name: value / lasted for name, value in cpu.used(before, cpu.usage(roles), roles).items()}
            )
            await crowd.leave()

        asyncio.run(load())
        if crowd.failed or not crowd.starts_ms:
            heard = "" if crowd.starts_ms else "; nothing was heard"
            return Round(failed=crowd.failed, problems=(f"{crowd.failed} of {callers} calls failed{heard}",))
        return Round(
            {
                "callers": float(callers),
                "keys": float(crowd.keys),
                "prompt_start_ms_p50": quantile(crowd.starts_ms, 0.5),
                "prompt_start_ms_p99": quantile(crowd.starts_ms, 0.99),
                **{f"cpu_{role}": value for role, value in used.items()},
            }
        )
