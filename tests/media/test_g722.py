"""G.722 bit for bit against the recommendation written down in Python, and against another implementation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from softswitch.media.g722 import G722
from softswitch.media.packets import PacketBatch
from softswitch.media.tones import has_tone, tone

# Tables of the recommendation: 6-bit decision levels and their codes, inverse quantizers, scale factor steps.
LEVELS = [0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
          1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919]  # fmt: skip
NEGATIVE = [63, 62, *range(31, 3, -1)]
POSITIVE = [*range(61, 31, -1)]
OUT4 = [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0]
OUT6_POSITIVE = [24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576,
                 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432,
                 136]  # fmt: skip
OUT6 = [-136] * 4 + [-v for v in OUT6_POSITIVE[:28]] + [*OUT6_POSITIVE, -432, -136]
STEPS_LOW = [-60, -30, 58, 172, 334, 538, 1198, 3042]
STEP_OF = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0]
OUT2, STEPS_HIGH = [-7408, -1616, 7408, 1616], [798, -214, 798, -214]
ANTILOG = [2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
           2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922,
           4008]  # fmt: skip
HALF = [3, -11, -11, 53, 12, -156, 32, 362, -210, -805, 951, 3876]
TAPS = HALF + HALF[::-1]


def clip(value: int, bits: int = 16) -> int:
    return max(-(1 << bits - 1), min((1 << bits - 1) - 1, value))


def mult(a: int, b: int) -> int:
    return a * b >> 15


@dataclass
class Predictor:
    """Blocks 4 and 3 of one sub-band; [0] is the newest of a history."""

    det: int
    nb: int = 0
    s: int = 0
    sz: int = 0
    a: list[int] = field(default_factory=lambda: [0, 0])
    b: list[int] = field(default_factory=lambda: [0] * 6)
    d: list[int] = field(default_factory=lambda: [0] * 6)
    p: list[int] = field(default_factory=lambda: [0, 0])
    r: list[int] = field(default_factory=lambda: [0, 0])

    def adapt(self, difference: int) -> None:
        r, p = clip(self.s + difference), clip(self.sz + difference)
        alike = [(p < 0) == (old < 0) for old in self.p]
        wd = clip(4 * self.a[0])
        a2 = (clip(-wd) if alike[0] else wd) >> 7
        a2 += (128 if alike[1] else -128) + mult(self.a[1], 32512)
        a2 = max(-12288, min(12288, a2))
        a1 = clip((192 if alike[0] else -192) + mult(self.a[0], 32640))
        self.a = [max(-(15360 - a2), min(15360 - a2, a1)), a2]
        gain = 128 if difference else 0
        self.b = [
            clip((gain if (d < 0) == (difference < 0) else -gain) + mult(b, 32640))
            for b, d in zip(self.b, self.d, strict=True)
        ]
        self.d, self.p, self.r = [difference, *self.d[:5]], [p, self.p[0]], [r, self.r[0]]
        sp = clip(sum(mult(a, clip(2 * old)) for a, old in zip(self.a, self.r, strict=True)))
        self.sz = clip(sum(mult(b, clip(2 * old)) for b, old in zip(self.b, self.d, strict=True)))
        self.s = clip(sp + self.sz)

    def scale(self, step: int, most: int, shift: int) -> None:
        self.nb = max(0, min(most, (self.nb * 127 >> 7) + step))
        exponent = shift - (self.nb >> 11)
        mantissa = ANTILOG[self.nb >> 6 & 31]
        self.det = (mantissa << -exponent if exponent < 0 else mantissa >> exponent) << 2


class Reference:
    """One direction of a codec."""

    def __init__(self) -> None:
        self.low, self.high = Predictor(32), Predictor(8)
        self.line = [0] * 24

    def step(self, low: int, high: int) -> None:
        difference = mult(self.low.det, OUT4[low >> 2])
        self.low.scale(STEPS_LOW[STEP_OF[low >> 2]], 18432, 8)
        self.low.adapt(difference)
        difference = mult(self.high.det, OUT2[high])
        self.high.scale(STEPS_HIGH[high], 22528, 10)
        self.high.adapt(difference)

    def sums(self, first: int, second: int) -> tuple[int, int]:
        self.line = [*self.line[2:], first, second]
        products = [t * x for t, x in zip(TAPS, self.line, strict=True)]
        return sum(products[0::2]), sum(products[1::2])

    def encode(self, samples: Iterable[int]) -> bytes:
        codes, pairs = bytearray(), iter(samples)
        for first, second in zip(pairs, pairs, strict=True):
            even, odd = self.sums(first, second)
            error = clip(clip(odd + even >> 14, 15) - self.low.s)
            magnitude = error if error >= 0 else -(error + 1)
            number = sum(magnitude >= (level * self.low.det >> 12) for level in LEVELS[1:])
            low = NEGATIVE[number] if error < 0 else POSITIVE[number]
            error = clip(clip(odd - even >> 14, 15) - self.high.s)
            outer = (error if error >= 0 else -(error + 1)) >= (564 * self.high.det >> 12)
            high = (1 - outer) if error < 0 else (3 - outer)
            self.step(low, high)
            codes.append(high << 6 | low)
        return bytes(codes)

    def decode(self, codes: bytes) -> list[int]:
        samples = []
        for code in codes:
            low, high = code & 63, code >> 6
            rl = clip(self.low.s + mult(self.low.det, OUT6[low]), 15)
            rh = clip(self.high.s + mult(self.high.det, OUT2[high]), 15)
            self.step(low, high)
            even, odd = self.sums(rl + rh, rl - rh)
            samples += [clip(odd >> 11), clip(even >> 11)]
        return samples


def signals() -> dict[str, NDArray[np.int16]]:
    random = np.random.default_rng(11)
    at = np.arange(6400) / 16000
    sweep = 12000 * np.sin(2 * np.pi * (100 + 9000 * at) * at)
    steps = np.repeat(random.integers(-32768, 32768, 100), 64)
    return {
        "speech band tones": tone(400, 0.4, 16000) // 2 + tone(2500, 0.4, 16000) // 3,
        "sweep over both bands": sweep.astype(np.int16),
        "overload": random.integers(-32768, 32768, 6400).astype(np.int16),
        "steps of full scale": steps.astype(np.int16),
        "faint": random.integers(-3, 4, 6400).astype(np.int16),
        "silence": np.zeros(6400, np.int16),
    }


SIGNALS = signals()


def encoded(samples: NDArray[np.int16], frame: int = 320) -> bytes:
    codec, leg = G722(3), np.array([1], np.int32)
    frames = samples.reshape(-1, 1, frame)
    return b"".join(codec.encode(leg, each).tobytes() for each in frames)


def decoded(codes: bytes, size: int = 160) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    codec, leg, batch = G722(3), np.array([2], np.int32), PacketBatch(1)
    pieces = []
    for at in range(0, len(codes), size):
        batch.rows[0, 12 : 12 + size] = np.frombuffer(codes[at : at + size], np.uint8)
        batch.offset[0], batch.size[0] = 12, size
        pieces.append(codec.decode(batch, np.zeros(1, np.int32), leg))
    return np.concatenate([w[0] for w, _ in pieces]), np.concatenate([n[0] for _, n in pieces])


@pytest.mark.parametrize("name", SIGNALS)
def test_the_encoder_is_the_recommendation_s_bit_for_bit(name: str) -> None:
    assert encoded(SIGNALS[name]) == Reference().encode(SIGNALS[name].tolist())


@pytest.mark.parametrize("name", SIGNALS)
def test_the_decoder_is_the_recommendation_s_bit_for_bit(name: str) -> None:
    codes = encoded(SIGNALS[name])
    assert decoded(codes)[0].tolist() == Reference().decode(codes)


def test_any_codes_are_decoded_as_the_recommendation_says() -> None:
    codes = np.random.default_rng(3).bytes(3200)
    assert decoded(codes)[0].tolist() == Reference().decode(codes)


@pytest.mark.parametrize("name", SIGNALS)
def test_another_implementation_decodes_the_same_samples(name: str) -> None:
    codes = encoded(SIGNALS[name])
    other = av.CodecContext.create("g722", "r")
    other.sample_rate, other.layout = 16000, "mono"
    frames = other.decode(av.Packet(codes))
    theirs = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    assert (theirs == decoded(codes)[0]).all()


def test_frames_of_any_size_and_legs_in_any_order_share_nothing() -> None:
    samples = SIGNALS["sweep over both bands"]
    assert encoded(samples, 160) == encoded(samples, 640) == encoded(samples)
    codec, legs = G722(2), np.array([0, 1], np.int32)
    both = np.stack([samples[:320], samples[320:640]])
    codes = codec.encode(legs, both)
    assert codes[0].tobytes() == encoded(samples)[:160] and codes[1].tobytes() == encoded(samples[320:640])
    codec.reset(0)
    assert codec.encode(legs[:1], both[:1]).tobytes() == codes[0].tobytes()


def test_a_tone_of_the_upper_band_comes_through_and_stays_out_of_the_lower_one() -> None:
    wide, narrow = decoded(encoded(tone(6000, 0.4, 16000)))
    assert has_tone(wide[800:], 6000, 16000)
    assert np.abs(narrow[400:].astype(int)).max() < 200
    wide, narrow = decoded(encoded(tone(1000, 0.4, 16000)))
    assert has_tone(wide[800:], 1000, 16000) and has_tone(narrow[400:], 1000, 8000)
    assert np.abs(narrow[400:].astype(int)).max() == pytest.approx(8000, rel=0.1)
