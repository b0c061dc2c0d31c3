"""G.711 mu-law and A-law to and from PCM16 (ITU-T Recommendation G.711, tables 1a to 2b).

One byte per G.711 sample, two per PCM16 sample. mu-law carries 14 bits and A-law 13; both are
scaled to 16, so decoding then encoding gives the same byte (but mu-law's negative zero, 0x7f, comes
back as 0xff).
"""

import warnings

from voice_codecs.pcm import Encoding

with warnings.catch_warnings():
    # The standard library drops audioop in 3.13; from there on `audioop-lts` provides the same
    # module. A frame costs it 0.2 us, fifty times less than a numpy table.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop


def mulaw_to_pcm(audio: bytes) -> bytes:
    """PCM16 of mu-law bytes."""
    return audioop.ulaw2lin(audio, 2)


def alaw_to_pcm(audio: bytes) -> bytes:
    """PCM16 of A-law bytes."""
    return audioop.alaw2lin(audio, 2)


def pcm_to_mulaw(pcm: bytes) -> bytes:
    """mu-law bytes of PCM16. An odd number of bytes raises ValueError."""
    _check_whole(pcm)
    return audioop.lin2ulaw(pcm, 2)


def pcm_to_alaw(pcm: bytes) -> bytes:
    """A-law bytes of PCM16. An odd number of bytes raises ValueError."""
    _check_whole(pcm)
    return audioop.lin2alaw(pcm, 2)


def decode(audio: bytes, encoding: Encoding) -> bytes:
    """PCM16 of `audio`; the very same object if it is PCM16 already."""
    match encoding:
        case Encoding.PCM16:
            _check_whole(audio)
            return audio
        case Encoding.MULAW:
            return mulaw_to_pcm(audio)
        case Encoding.ALAW:
            return alaw_to_pcm(audio)


def encode(pcm: bytes, encoding: Encoding) -> bytes:
    """PCM16 in `encoding`; the very same object if that is PCM16.

    An odd number of bytes raises ValueError.
    """
    match encoding:
        case Encoding.PCM16:
            _check_whole(pcm)
            return pcm
        case Encoding.MULAW:
            return pcm_to_mulaw(pcm)
        case Encoding.ALAW:
            return pcm_to_alaw(pcm)


def _check_whole(pcm: bytes) -> None:
    if len(pcm) % 2:
        raise ValueError(f"PCM16 needs an even number of bytes, not {len(pcm)}")
