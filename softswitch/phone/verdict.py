"""Whether everything went as it should: what the phones heard, what was recorded, what the records say."""

from __future__ import annotations

import sys
import wave
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from softswitch.media.tones import has_tone, tone_power
from softswitch.phone.g711 import RATE_HZ
from softswitch.phone.phonecall import PhoneCall
from softswitch.phone.visit import Visit

ANSWERED_SHARE = 0.8
# Of somebody else's tone no more than this may be among what is heard, as a share of the energy.
LEAK_SHARE = 0.05
# The wanted tone must be there for so much of the conversation: a burst at its begin is no conversation.
COVERED_SHARE = 0.75
# Sound is judged in blocks of this length, so that no jump of phase hides a tone.
BLOCK_S = 0.1
# A conversation is judged from when both sides were connected to shortly before it ended.
BEGIN_S, END_S = 0.4, 0.1

Row = dict[str, Any]


@dataclass
class Figures:
    """What `softswitch demo --json` prints."""

    calls: int = 0
    answered: int = 0
    abandoned: int = 0
    two_way_audio: int = 0
    recordings: int = 0
    cdrs: int = 0

    def to_json(self) -> dict[str, int]:
        return asdict(self)


@dataclass
class Verdict:
    """Figures, and a line for everything that is not as it should be."""

    figures: Figures
    complaints: list[str] = field(default_factory=list)


def judge(visits: Sequence[Visit], cdrs: Sequence[Row], recordings: Sequence[Row]) -> Verdict:
    """`cdrs` and `recordings` as `cdr list --json` and `recording list --json` print them."""
    verdict = Verdict(Figures(calls=len(visits)))
    figures, complaints = verdict.figures, verdict.complaints
    records = Counter(row["from_number"] for row in cdrs)
    for visit in visits:
        figures.cdrs += records[visit.plan.number]
        problems = _record_problems(visit, [row for row in cdrs if row["from_number"] == visit.plan.number])
        if visit.outcome == "answered":
            figures.answered += 1
            figures.two_way_audio += not visit.unheard
            since, until = conversation(visit)
            rows = [row for row in recordings if row["from_number"] == visit.plan.number]
            unrecorded = recording_problems(rows, *tones_of(visit), until - since)
            figures.recordings += not unrecorded
            problems += visit.unheard + unrecorded
        elif visit.outcome == "abandoned":
            figures.abandoned += 1
        else:
            problems.append(visit.problem or "did not finish")
        complaints += [
            f"call of {visit.plan.number} to {visit.plan.queue}: {problem}" for problem in problems
        ]
    complaints += broken_conditions(figures)
    return verdict


def broken_conditions(figures: Figures) -> list[str]:
    """The conditions of success that do not hold."""
    calls, answered, abandoned = figures.calls, figures.answered, figures.abandoned
    conditions = {
        f"answered {answered} is less than 80 % of {calls} calls": answered >= ANSWERED_SHARE * calls,
        f"answered {answered} + abandoned {abandoned} is not {calls} calls": answered + abandoned == calls,
        f"{figures.cdrs} call records for {calls} calls": figures.cdrs == calls,
        f"two-way audio in {figures.two_way_audio} of {answered} answered": figures.two_way_audio == answered,
        f"right recordings of {figures.recordings} of {answered} answered": figures.recordings == answered,
    }
    return [f"condition failed: {text}" for text, holds in conditions.items() if not holds]


def audio_problems(visit: Visit) -> list[str]:
    """Which side of a conversation did not hear the other one alone."""
    assert visit.call is not None and visit.agent_call is not None
    since, until = conversation(visit)
    caller_hz, agent_hz = tones_of(visit)
    return [
        *_heard_problems("the caller", visit.call, since, until, agent_hz, caller_hz),
        *_heard_problems(f"agent {visit.agent}", visit.agent_call, since, until, caller_hz, agent_hz),
    ]


def conversation(visit: Visit) -> tuple[float, float]:
    """From when until when both sides must have heard each other."""
    assert visit.call is not None and visit.agent_call is not None
    since = max(visit.call.talking_since, visit.agent_call.talking_since) + BEGIN_S
    return since, min(visit.call.ended_at, visit.agent_call.ended_at) - END_S


def tones_of(visit: Visit) -> tuple[int, int]:
    """The caller's and the agent's frequency."""
    assert visit.agent_call is not None
    return visit.phone.frequency_hz or 0, visit.agent_call.phone.frequency_hz or 0


def _heard_problems(
    who: str, call: PhoneCall, since: float, until: float, wanted_hz: int, own_hz: int
) -> list[str]:
    samples = call.heard.samples(since, until)
    return tone_problems(f"{who} heard", samples, RATE_HZ, wanted_hz, own_hz, until - since)


def tone_problems(
    what: str, samples: array[int], rate_hz: int, wanted_hz: int, other_hz: int, talked_s: float
) -> list[str]:
    """Whether the wanted tone, and not the other one, is in the samples for as long as the two talked.

    `what` begins each line.
    """
    if not samples:
        return [f"{what} nothing"]
    problems = []
    width = round(BLOCK_S * rate_hz)
    blocks = [samples[at : at + width] for at in range(0, len(samples), width)]
    heard_s = BLOCK_S * sum(has_tone(block, wanted_hz, rate_hz) for block in blocks)
    if heard_s < COVERED_SHARE * talked_s:
        problems.append(f"{what} only {heard_s:.1f} s of {wanted_hz} Hz in {talked_s:.1f} s")
    leak = _share(blocks, other_hz, rate_hz)
    if leak > LEAK_SHARE:
        problems.append(f"{what} {leak:.0%} of {other_hz} Hz, which it should not")
    return problems


def _share(blocks: Sequence[array[int]], freq_hz: int, rate_hz: int) -> float:
    """Share of the energy of all blocks that lies at the frequency."""
    energies = [sum(sample * sample for sample in block) for block in blocks]
    at_freq = sum(
        energy * tone_power(block, freq_hz, rate_hz) for energy, block in zip(energies, blocks, strict=True)
    )
    return at_freq / (sum(energies) or 1)


def recording_problems(rows: Sequence[Row], caller_hz: int, agent_hz: int, talked_s: float) -> list[str]:
    """What is wrong with the one recording of a conversation of so many seconds: caller left, agent right."""
    if len(rows) != 1:
        return [f"{len(rows)} recordings"]
    (row,) = rows
    try:
        left, right, rate_hz = read_stereo(Path(row["path"]))
    except (OSError, EOFError, ValueError, wave.Error) as error:
        return [f"the recording {row['path']} cannot be read: {error}"]
    problems = [
        *tone_problems("the left channel has", left, rate_hz, caller_hz, agent_hz, talked_s),
        *tone_problems("the right channel has", right, rate_hz, agent_hz, caller_hz, talked_s),
    ]
    if row.get("error"):
        problems.append(f"the recording ended with: {row['error']}")
    return problems


def read_stereo(path: Path) -> tuple[array[int], array[int], int]:
    """Left, right and rate of a 16-bit WAV file; ValueError when it is not stereo of 16 bit."""
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth()) != (2, 2):
            raise ValueError("is not 16-bit stereo")
        rate_hz = file.getframerate()
        frames = array("h", file.readframes(file.getnframes()))
    if sys.byteorder == "big":
        frames.byteswap()
    return frames[0::2], frames[1::2], rate_hz


def _record_problems(visit: Visit, rows: Sequence[Row]) -> list[str]:
    """A call has one record, which tells of it what the phones know."""
    if len(rows) != 1:
        return [f"{len(rows)} call records"]
    (row,) = rows
    told: Iterable[tuple[str, Any, Any]] = [("queue", row["queue"], visit.plan.queue)]
    if visit.outcome == "answered":
        told = [*told, ("outcome", row["outcome"], "answered"), ("agent", row["agent"], visit.agent)]
    return [
        f"its record says {name} {recorded}, not {right}"
        for name, recorded, right in told
        if recorded != right
    ]
