"""How loud a frame is, for a needle that moves: cheap enough for every frame of a watched call."""

import math
import warnings

from voice_codecs.g711 import decode
from voice_codecs.pcm import Encoding

with warnings.catch_warnings():
    # See `g711`. `level` measures in numpy, to which a single frame costs twenty times as much.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

_FULL_SCALE = 32768.0
_FLOOR_DB = -60.0


def needle(audio: bytes, encoding: Encoding) -> float:
    """Where the needle points: 0 at -60 dBFS (RMS) and below, 1 at full scale, even in between.

    An odd number of bytes of PCM16 raises ValueError.
    """
    rms = audioop.rms(decode(audio, encoding), 2)
    if not rms:
        return 0.0
    return max(0.0, 1 - 20 * math.log10(rms / _FULL_SCALE) / _FLOOR_DB)
