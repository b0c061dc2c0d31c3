"""The frame path of one leg inwards: audio to the recognizer and to the gate, synchronously.

No queue, no task and no copy that is not needed: what the recognizer takes unchanged is passed on
unchanged.
"""

from collections.abc import Callable

from voice_codecs.convert import Converter
from voice_codecs.pcm import PCM16_8K, AudioFormat

from ..audio.gate import Change, Gate, GatePolicy
from ..conversation.events import Event, SpeechConfirmed, SpeechStarted, SpeechStopped
from ..ports import Recognizer, VoiceActivityDetector

_TURN_AUDIO_MS = 8000
"""What the end-of-turn models look at."""


class Listener:
    """What one party says, as facts."""

    def __init__(
        self,
        leg: str,
        audio_format: AudioFormat,
        vad: VoiceActivityDetector,
        gate_policy: GatePolicy,
        tell: Callable[[Event], None],
        keep_audio: bool,
    ) -> None:
        """`keep_audio` remembers the last 8 s for an end-of-turn model."""
        self._leg = leg
        self._format = audio_format
        self._tell = tell
        self._gate = Gate(gate_policy)
        self._decode = Converter(audio_format, PCM16_8K)
        self._voice = vad.open(self._scored)
        self._recognizer: Recognizer | None = None
        self._for_recognizer: Converter | None = None
        self._hears_decoded = False
        """The recognizer gets what the detector gets."""
        self._received = 0
        self._kept: bytearray | None = bytearray() if keep_audio else None

    def attach(self, recognizer: Recognizer, wants: AudioFormat) -> None:
        """Let `recognizer` hear the leg from now on, in the format that it wants."""
        self._recognizer = recognizer
        # Where both want another rate than the leg's, and the same, it is converted once.
        self._hears_decoded = wants.rate == PCM16_8K.rate != self._format.rate
        source = PCM16_8K if self._hears_decoded else self._format
        self._for_recognizer = Converter(source, wants)

    def hear(self, audio: bytes) -> None:
        """Take the next audio of the leg, of any length."""
        pcm = self._decode.push(audio)
        if self._recognizer is not None and self._for_recognizer is not None:
            heard = pcm if self._hears_decoded else audio
            self._recognizer.feed(self._for_recognizer.push(heard))
        self._received += len(pcm) // 2
        if self._kept is not None:
            self._kept += pcm
            if len(self._kept) > 2 * PCM16_8K.bytes_for(_TURN_AUDIO_MS):
                del self._kept[: -PCM16_8K.bytes_for(_TURN_AUDIO_MS)]
        self._voice.feed(pcm)

    def turn_audio(self) -> bytes:
        """The last 8 s as PCM16 at 8 kHz."""
        return bytes(self._kept[-PCM16_8K.bytes_for(_TURN_AUDIO_MS) :]) if self._kept else b""

    def close(self) -> None:
        self._voice.close()

    def _scored(self, score: float, end: int) -> None:
        for change in self._gate.push(score, end):
            match change:
                case Change.STARTED:
                    if self._recognizer is not None:
                        self._recognizer.voiced(True)
                    self._tell(SpeechStarted(self._leg))
                case Change.CONFIRMED:
                    self._tell(SpeechConfirmed(self._leg))
                case Change.STOPPED:
                    if self._recognizer is not None:
                        self._recognizer.voiced(False)
                    silence = (self._received - self._gate.voiced_until) // (PCM16_8K.rate // 1000)
                    self._tell(SpeechStopped(self._leg, max(silence, 0)))
