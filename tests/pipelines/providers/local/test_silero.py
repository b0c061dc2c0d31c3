"""Silero tells speech from silence, and a batch gives what each stream would get alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from voice_codecs.pcm import PCM16_8K
from voice_pipelines.errors import ProviderRefused
from voice_pipelines.ports import ScoreSink
from voice_pipelines.providers.local.silero import SileroVad

_FRAME = PCM16_8K.bytes_for(20)
_SILENCE = bytes(PCM16_8K.bytes_for(1000))

Scores = list[tuple[float, int]]


@pytest.fixture(scope="module")
def path(model: Callable[[str], Path]) -> Path:
    return model("silero-vad") / "silero_vad.onnx"


def into(scores: Scores) -> ScoreSink:
    return lambda score, at: scores.append((score, at))


def heard(vad: SileroVad, legs: list[bytes], spare: int = 0) -> list[Scores]:
    """The scores of each leg, fed 20 ms at a time with a tick after; `spare` legs stay silent."""
    scores: list[Scores] = [[] for _ in legs]
    streams = [vad.open(into(leg)) for leg in scores]
    idle = [vad.open(lambda *_: None) for _ in range(spare)]
    for at in range(0, max(map(len, legs)), _FRAME):
        for stream, pcm in zip(streams, legs, strict=True):
            stream.feed(pcm[at : at + _FRAME])
        vad.tick()
    for stream in streams + idle:
        stream.close()
    return scores


@pytest.mark.models
@pytest.mark.parametrize("gated", [False, True])
def test_speech_scores_high_and_silence_low(
    path: Path, speech: dict[str, bytes], gated: bool
) -> None:
    (scores,) = heard(SileroVad(path, gated=gated), [speech["leisure"] + _SILENCE])
    spoken = [score for score, at in scores if at < len(speech["leisure"]) // 2]
    after = [score for score, at in scores if at > len(speech["leisure"]) // 2 + 4000]
    assert np.median(spoken) > 0.5
    assert max(after) < 0.35


@pytest.mark.models
def test_every_window_is_reported_once_and_in_order(path: Path) -> None:
    (scores,) = heard(SileroVad(path), [_SILENCE])
    assert [at for _, at in scores] == list(range(256, 8001, 256))


@pytest.mark.models
def test_a_batch_scores_like_each_alone(path: Path, speech: dict[str, bytes]) -> None:
    legs = [speech[name] for name in ("cards", "amiable", "disposed", "goforward")]
    alone = [heard(SileroVad(path), [pcm])[0] for pcm in legs]
    together = heard(SileroVad(path), legs, spare=40)
    for one, other in zip(alone, together, strict=True):
        assert [at for _, at in one] == [at for _, at in other]
        # only the order of the sums differs
        assert np.allclose([s for s, _ in one], [s for s, _ in other], atol=1e-3)


@pytest.mark.models
def test_few_legs_are_scored_without_waiting_for_the_metronome(path: Path) -> None:
    vad = SileroVad(path)
    scores: Scores = []
    vad.open(lambda score, at: scores.append((score, at))).feed(_SILENCE)
    assert len(scores) == len(_SILENCE) // 512


@pytest.mark.models
def test_many_legs_wait_for_the_metronome(path: Path) -> None:
    vad = SileroVad(path)
    scores: Scores = []
    streams = [vad.open(lambda score, at: scores.append((score, at))) for _ in range(40)]
    for stream in streams:
        stream.feed(_SILENCE[:1024])
    assert scores == []
    vad.tick()
    assert len(scores) == 80


@pytest.mark.models
def test_a_leg_that_its_own_sink_closes_hears_no_more(path: Path) -> None:
    vad = SileroVad(path)
    scores: list[float] = []

    def report(score: float, at: int) -> None:
        scores.append(score)
        stream.close()

    stream = vad.open(report)
    stream.feed(_SILENCE)
    vad.tick()
    assert len(scores) == 1


@pytest.mark.models
def test_the_gate_passes_no_window_of_silence(path: Path, speech: dict[str, bytes]) -> None:
    (scores,) = heard(SileroVad(path, gated=True), [_SILENCE + speech["cards"]])
    assert {score for score, at in scores if at <= 8000} == {0.0}
    assert max(score for score, _ in scores) > 0.9


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ProviderRefused, match=r"broken\.onnx"):
        SileroVad(path)
