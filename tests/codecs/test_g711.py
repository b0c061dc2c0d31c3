from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_codecs import g711
from voice_codecs.pcm import Encoding

ALL = bytes(range(256))


def itu_mulaw(code: int) -> int:
    """G.711 table 2a: segment and step of the inverted byte, 14 bits scaled to 16."""
    inverted = ~code & 0xFF
    segment, step = (inverted >> 4) & 7, inverted & 15
    size = ((2 * step + 33) << segment) - 33
    return -4 * size if inverted & 0x80 else 4 * size


def itu_alaw(code: int) -> int:
    """G.711 table 1a: even bits inverted, 13 bits scaled to 16."""
    plain = code ^ 0x55
    segment, step = (plain >> 4) & 7, plain & 15
    size = 2 * step + 1 if segment == 0 else (2 * step + 33) << (segment - 1)
    return 8 * size if plain & 0x80 else -8 * size


@pytest.mark.parametrize(
    ("encoding", "formula"), [(Encoding.MULAW, itu_mulaw), (Encoding.ALAW, itu_alaw)]
)
def test_every_code_decodes_as_the_standard_says(
    encoding: Encoding, formula: Callable[[int], int]
) -> None:
    decoded = np.frombuffer(g711.decode(ALL, encoding), "<i2").tolist()
    assert decoded == [formula(code) for code in ALL]


@pytest.mark.parametrize(
    ("sample", "mulaw", "alaw"),
    [(0, 0xFF, 0xD5), (32767, 0x80, 0xAA), (-32768, 0x00, 0x2A), (1000, 0xCE, 0xFA)],
)
def test_known_samples(sample: int, mulaw: int, alaw: int) -> None:
    pcm = sample.to_bytes(2, "little", signed=True)
    assert g711.pcm_to_mulaw(pcm) == bytes([mulaw])
    assert g711.pcm_to_alaw(pcm) == bytes([alaw])


@given(st.binary())
def test_decoding_then_encoding_gives_the_same_bytes(audio: bytes) -> None:
    assert g711.pcm_to_alaw(g711.alaw_to_pcm(audio)) == audio
    # mu-law has two zeros, PCM has one.
    assert g711.pcm_to_mulaw(g711.mulaw_to_pcm(audio)) == audio.replace(b"\x7f", b"\xff")


@given(st.lists(st.integers(-32768, 32767)), st.sampled_from([Encoding.MULAW, Encoding.ALAW]))
def test_encoding_loses_at_most_half_a_step(samples: list[int], encoding: Encoding) -> None:
    pcm = np.array(samples, "<i2").tobytes()
    back = np.frombuffer(g711.decode(g711.encode(pcm, encoding), encoding), "<i2")
    error = np.abs(back.astype(int) - np.array(samples, int))
    assert (error <= np.maximum(np.abs(np.array(samples, int)) / 16, 16) + 4).all()


def test_pcm_is_not_touched() -> None:
    pcm = bytes(320)
    assert g711.decode(pcm, Encoding.PCM16) is pcm
    assert g711.encode(pcm, Encoding.PCM16) is pcm


@pytest.mark.parametrize("encoding", Encoding)
def test_half_a_sample_is_refused(encoding: Encoding) -> None:
    with pytest.raises(ValueError, match="even number of bytes, not 3"):
        g711.encode(b"\0\0\0", encoding)
