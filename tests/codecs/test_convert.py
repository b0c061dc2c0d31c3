from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_codecs import g711
from voice_codecs.convert import Converter, convert
from voice_codecs.pcm import MULAW_8K, PCM16_8K, PCM16_16K, AudioFormat, Encoding

ALAW_8K = AudioFormat(Encoding.ALAW, 8000)
PCM16_24K = AudioFormat(Encoding.PCM16, 24000)
FORMATS = [MULAW_8K, ALAW_8K, PCM16_8K, PCM16_16K, PCM16_24K]


@pytest.mark.parametrize("audio_format", FORMATS)
def test_equal_formats_pass_the_same_object(audio_format: AudioFormat) -> None:
    frame = bytes(range(160))
    converter = Converter(audio_format, audio_format)
    assert converter.push(frame) is frame
    assert converter.flush() == b""
    assert convert(frame, audio_format, audio_format) is frame


def test_equal_rates_are_transcoded_frame_by_frame() -> None:
    frame = bytes(range(160))
    assert Converter(MULAW_8K, PCM16_8K).push(frame) == g711.mulaw_to_pcm(frame)
    assert Converter(MULAW_8K, ALAW_8K).push(frame) == g711.pcm_to_alaw(g711.mulaw_to_pcm(frame))


@settings(max_examples=40, deadline=None)
@given(
    source=st.sampled_from(FORMATS),
    target=st.sampled_from(FORMATS),
    audio=st.binary(max_size=2000),
    cuts=st.lists(st.integers(0, 1000), max_size=6),
)
def test_chunking_changes_no_byte(
    source: AudioFormat, target: AudioFormat, audio: bytes, cuts: list[int]
) -> None:
    width = source.sample_width
    audio = audio[: source.samples(audio) * width]
    converter = Converter(source, target)
    edges = [0, *sorted(min(width * cut, len(audio)) for cut in cuts), len(audio)]
    pieces = [converter.push(audio[start:end]) for start, end in pairwise(edges)]
    assert b"".join(pieces) + converter.flush() == convert(audio, source, target)


@pytest.mark.parametrize("target", [MULAW_8K, PCM16_16K])
def test_half_a_sample_is_refused(target: AudioFormat) -> None:
    with pytest.raises(ValueError, match="even number of bytes"):
        Converter(PCM16_8K, target).push(b"\0\0\0")
