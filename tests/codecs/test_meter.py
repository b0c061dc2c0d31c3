import pytest

from voice_codecs.g711 import encode
from voice_codecs.meter import needle
from voice_codecs.pcm import Encoding


def square(amplitude: int) -> bytes:
    return amplitude.to_bytes(2, "little", signed=True) * 160


def test_the_needle_stands_at_nothing_in_silence_and_at_its_end_at_full_scale() -> None:
    assert needle(b"", Encoding.PCM16) == needle(bytes(320), Encoding.PCM16) == 0
    assert needle(b"\xff" * 160, Encoding.MULAW) == 0
    assert needle(square(-32768), Encoding.PCM16) == 1
    assert needle(square(16), Encoding.PCM16) == 0, "below -60 dBFS"


@pytest.mark.parametrize("encoding", list(Encoding))
def test_half_way_is_thirty_decibels_down(encoding: Encoding) -> None:
    audio = encode(square(round(32768 * 10 ** (-30 / 20))), encoding)
    assert needle(audio, encoding) == pytest.approx(0.5, abs=0.01)
