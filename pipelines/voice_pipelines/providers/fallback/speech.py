"""Several voices as one."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from voice_codecs.convert import Converter
from voice_codecs.pcm import AudioFormat
from voice_pipelines.errors import ProviderError
from voice_pipelines.ports import Clock, SpeechChunk, TextToSpeech

from ..budget import useful_chunk
from .candidate import Candidate, Run, all_rest, checked, runs_of


class FallbackTextToSpeech:
    """A `TextToSpeech` of several, in order; all speak in the format of the first.

    No audio for a text that has something to say is not counted against a provider, but the next
    one is asked.
    """

    def __init__(self, voices: Sequence[Candidate[TextToSpeech]], clock: Clock) -> None:
        self._voices = checked(voices)
        self._clock = clock

    @property
    def format(self) -> AudioFormat:
        """What `speak` yields."""
        return self._voices[0].provider.format

    async def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
        """Stream the speech of `text` by the first who speaks. Raises ProviderError."""
        run = await self._first(text)
        if run is None:
            return
        chunks = _converted(run.parts(), run.candidate.provider.format, self.format)
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    async def _first(self, text: str) -> "Run[TextToSpeech, SpeechChunk] | None":
        def ask(voice: TextToSpeech) -> AsyncIterator[SpeechChunk]:
            return voice.speak(text)

        sayable = any(character.isalnum() for character in text)
        failed: ProviderError | None = None
        silent = False
        for run in runs_of(self._voices, self._clock, ask, useful_chunk):
            if (error := await run.start()) is not None:
                failed = error
            elif run.empty and sayable:
                silent = True
                await run.drop()
            else:
                return run
        if silent and failed is None:
            return None
        raise failed or all_rest(self._voices, self._clock)


async def _converted(
    chunks: AsyncGenerator[SpeechChunk], source: AudioFormat, target: AudioFormat
) -> AsyncGenerator[SpeechChunk]:
    """`chunks` in the `target` format, the times of their words too."""
    async with aclosing(chunks):
        if source == target:
            async for chunk in chunks:
                yield chunk
            return
        converter = Converter(source, target)
        async for chunk in chunks:
            words = tuple((word, end * target.rate // source.rate) for word, end in chunk.words)
            audio = converter.push(chunk.audio)
            if audio or words:
                yield SpeechChunk(audio, words)
        if rest := converter.flush():
            yield SpeechChunk(rest)
