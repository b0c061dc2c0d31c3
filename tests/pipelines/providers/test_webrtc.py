"""The WebRTC detector scores whole 20 ms frames at once."""

import numpy as np
import pytest

from voice_codecs.pcm import PCM16_8K
from voice_pipelines.providers.webrtc import WebRtcVad

_NOISE = (
    np.random.default_rng(1).normal(0, 4000, PCM16_8K.bytes_for(1000) // 2).astype("<i2").tobytes()
)


def heard(pcm: bytes, chunk: int) -> list[tuple[float, int]]:
    scores: list[tuple[float, int]] = []
    vad = WebRtcVad()
    stream = vad.open(lambda score, at: scores.append((score, at)))
    for at in range(0, len(pcm), chunk):
        stream.feed(pcm[at : at + chunk])
    vad.tick()
    stream.close()
    return scores


def test_silence_scores_0_and_loud_noise_1() -> None:
    assert {score for score, _ in heard(bytes(8000), 320)} == {0.0}
    assert heard(_NOISE, 320)[-1][0] == 1.0


@pytest.mark.parametrize("chunk", [2, 160, 320, 500, 16_000])
def test_any_chunking_gives_the_same(chunk: int) -> None:
    scores = heard(_NOISE, chunk)
    assert scores == heard(_NOISE, 320)
    assert [at for _, at in scores] == list(range(160, 8001, 160))


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="modes 0 to 3"):
        WebRtcVad(4)
