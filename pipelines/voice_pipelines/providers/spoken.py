"""A voice that is given what is said instead of what is written: "sixteen dollars" for "$16".

What was written stays the text everywhere else: in the transcript, in the model's history, and in
what the caller is known to have heard. Therefore the times of the spoken words, where the voice
tells them, become times of the written ones.
"""

from collections.abc import AsyncGenerator, Callable

import structlog

from voice_codecs.pcm import AudioFormat
from voice_pipelines.ports import SpeechChunk, TextToSpeech
from voice_pipelines.speech_text.segments import Segment, Spoken, WordClock

from .budget import closing

log = structlog.get_logger()


class SpokenTextToSpeech:
    """A `TextToSpeech` that speaks what `normalize` makes of a text."""

    def __init__(self, tts: TextToSpeech, normalize: Callable[[str], Spoken]) -> None:
        """`normalize` is called on the event loop: a fraction of a millisecond."""
        self._tts = tts
        self._normalize = normalize

    @property
    def format(self) -> AudioFormat:
        """What `speak` yields."""
        return self._tts.format

    async def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
        """Stream the speech of `text`; word times are those of `text`. Raises ProviderError."""
        said = self._said(text)
        clock = WordClock(said)
        async with closing(self._tts.speak(said.text)) as chunks:
            async for chunk in chunks:
                if chunk.words and said.text != text:
                    chunk = SpeechChunk(chunk.audio, clock.hear(chunk.words))
                yield chunk

    def _said(self, text: str) -> Spoken:
        try:
            said = self._normalize(text)
            if said.text.strip():
                return said
        except Exception as error:
            # A rule that trips over a text must not end a call: as it is written it can be spoken.
            log.error("text_not_normalized", error=type(error).__name__)
        return Spoken((Segment(text, text),))
