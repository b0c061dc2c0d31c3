"""Speech behind OpenAI's audio API and its look-alikes: whole utterances in, streamed audio out.

Recognition (https://platform.openai.com/docs/api-reference/audio/createTranscription) takes files
and does not stream. So an ear keeps what was said since the last turn and sends all of it whenever
somebody asks:

::

    feed ──► pre-roll (400 ms) ──voiced──► utterance ──settle──► POST /audio/transcriptions (WAV)

Only voiced audio is kept (with the pre-roll before and what the gate needed to notice the pause
after it), so the time to the text depends on how long the caller spoke, not on how long anybody
waited. A newer question drops the connection of the older one.

Synthesis (https://platform.openai.com/docs/api-reference/audio/createSpeech) streams bare PCM16.
"""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec

from voice_codecs import wav
from voice_codecs.pcm import PCM16_16K, AudioFormat, Encoding
from voice_pipelines.errors import ProviderError, ProviderGarbled
from voice_pipelines.ports import Hypothesis, HypothesisSink, Recognizer, SpeechChunk

from .openai_client import Client, translated_errors

# Speech to text ----------------------------------------------------------------------------------

_PRE_ROLL_MS = 400
_SHORTEST_MS = 500
"""Shorter audio is padded: servers refuse less than 100 ms, and models invent words in it."""


class _Transcription(msgspec.Struct):
    text: str


class OpenAISpeechToText:
    """A `SpeechToText` (`Warming`) at `base_url`. Close it when it is no longer needed.

    `extra` are further fields of the form, such as `{"language": "en", "prompt": "Names: …"}`. Of
    an utterance longer than `longest_ms` the end is transcribed. `silence_timeout_ms` bounds the
    wait for an answer. Constructing it imports the SDK.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str,
        *,
        name: str = "openai",
        extra: Mapping[str, str] | None = None,
        audio_format: AudioFormat = PCM16_16K,
        longest_ms: int = 60_000,
        connect_timeout_ms: int = 3_000,
        silence_timeout_ms: int = 10_000,
    ) -> None:
        if audio_format.encoding is not Encoding.PCM16:
            raise ValueError(f"a WAV file of PCM16 is sent, not of {audio_format.encoding.value}")
        self.name = name
        self._form = {"model": model, "response_format": "json"} | dict(extra or {})
        self._format = audio_format
        self._longest_ms = longest_ms
        self._client = Client(base_url, api_key, connect_timeout_ms, silence_timeout_ms)

    @property
    def format(self) -> AudioFormat:
        """PCM16, so that a browser's audio is not squeezed through mu-law."""
        return self._format

    @asynccontextmanager
    async def listen(self, report: HypothesisSink) -> AsyncIterator[Recognizer]:
        """Open an ear. It hears nothing until told that somebody is `voiced`."""
        failed: Exception | None = None
        async with asyncio.TaskGroup() as group:
            ear = _Ear(self, report, group, self._longest_ms)
            try:
                yield ear
            except Exception as error:
                failed = error  # The caller's own; it is not to come out wrapped in a group.
            finally:
                ear.close()
        if failed is not None:
            raise failed

    async def transcribe(self, pcm: bytes) -> str:
        """The words in `pcm`, in `format`. Raises ProviderError."""
        pcm += bytes(max(0, self._format.bytes_for(_SHORTEST_MS) - len(pcm)))
        with translated_errors(self.name):
            answer: object = await self._client.sdk.post(
                "/audio/transcriptions",
                body=self._form,
                files=[("file", ("utterance.wav", _wav(pcm, self._format.rate), "audio/wav"))],
                options={"headers": {"Content-Type": "multipart/form-data"}},
                cast_to=object,  # checked below, more strictly than by the SDK's models
            )
        try:
            return msgspec.convert(answer, _Transcription).text.strip()
        except msgspec.ValidationError as error:
            raise ProviderGarbled(self.name, f"not a transcription: {error}") from error

    async def warm(self) -> None:
        """See that a connection is open; never fails."""
        await self._client.warm()

    async def close(self) -> None:
        """Close the connections, those in use included."""
        await self._client.close()


class _Ear:
    """One leg's recognizer; at most one request of it is under way."""

    def __init__(
        self,
        stt: OpenAISpeechToText,
        report: HypothesisSink,
        group: asyncio.TaskGroup,
        longest_ms: int,
    ) -> None:
        self._stt = stt
        self._report = report
        self._group = group
        self._pre_roll_bytes = stt.format.bytes_for(_PRE_ROLL_MS)
        self._longest_bytes = stt.format.bytes_for(longest_ms)
        self._pre_roll = bytearray()
        self._utterance = bytearray()
        self._heard = 0
        """Bytes of the utterance so far, those included that were too many to keep."""
        self._speaking = False
        self._request: int | None = None
        self._job: asyncio.Task[None] | None = None
        self._asked = 0
        """`_heard` when the job began."""
        self._text = ""
        self._known = 0
        """`_heard` that `_text` accounts for."""
        self._answering: asyncio.Handle | None = None

    def feed(self, audio: bytes) -> None:
        if self._speaking:
            self._keep(audio)
            return
        self._pre_roll += audio
        del self._pre_roll[: max(0, len(self._pre_roll) - self._pre_roll_bytes)]

    def voiced(self, speaking: bool) -> None:
        if speaking and not self._speaking:
            self._keep(self._pre_roll)
            self._pre_roll.clear()
        self._speaking = speaking

    def settle(self, request: int) -> None:
        if self._job is not None and self._asked == self._heard:
            self._request = request  # The request under way answers it as well.
            return
        self._abandon()
        self._request = request
        if self._known == self._heard:
            loop = asyncio.get_running_loop()
            # Soon, not now: whoever asks is not made to hear the answer inside the question.
            self._answering = loop.call_soon(self._answer, self._text)
        else:
            self._asked = self._heard
            self._job = self._group.create_task(self._transcribe(bytes(self._utterance)))

    def reset(self) -> None:
        self._abandon()
        # What was heard since the pause stays in the pre-roll: it is the beginning of what follows.
        self._utterance.clear()
        self._text = ""
        self._heard = self._known = 0

    def close(self) -> None:
        """Report nothing more."""
        self._abandon()

    def _keep(self, audio: bytes | bytearray) -> None:
        self._utterance += audio
        self._heard += len(audio)
        if len(self._utterance) > self._longest_bytes:
            excess = len(self._utterance) - self._longest_bytes
            del self._utterance[: excess + excess % 2]

    def _abandon(self) -> None:
        """Want no answer to the open request."""
        self._request = None
        if self._job is not None:
            self._job.cancel()
            self._job = None
        if self._answering is not None:
            self._answering.cancel()
            self._answering = None

    async def _transcribe(self, pcm: bytes) -> None:
        job = self._job
        try:
            text = await self._stt.transcribe(pcm)
        except ProviderError as error:
            if job is self._job:
                self._job = self._request = None
                self._report(error)
            return
        if job is self._job:  # not abandoned while it came to its end
            self._job = None
            self._text, self._known = text, self._asked
            self._answer(text)

    def _answer(self, text: str) -> None:
        request, self._request, self._answering = self._request, None, None
        self._report(Hypothesis(text, request))


def _wav(pcm: bytes, rate: int) -> bytes:
    file = io.BytesIO()
    with wav.Writer(file, rate) as writer:
        writer.write(pcm)
    return file.getvalue()


# Text to speech ----------------------------------------------------------------------------------

_FILES = (b"RIFF", b"ID3", b"OggS", b"fLaC")
"""How the files begin that a server sends which knows no bare PCM; as PCM they would be noise."""
_NOT_PCM = ("application/json", "text/", "audio/mpeg")


class OpenAITextToSpeech:
    """A `TextToSpeech` (`Warming`) at `base_url`. Close it when it is no longer needed.

    `rate` is that of the server's PCM: OpenAI's is 24 kHz. `extra` is merged into every request:
    `{"instructions": "Speak calmly."}`, say. `silence_timeout_ms` bounds the wait for the audio's
    beginning and for each next part. Constructing it imports the SDK.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        voice: str,
        api_key: str,
        *,
        name: str = "openai",
        rate: int = 24_000,
        extra: Mapping[str, object] | None = None,
        connect_timeout_ms: int = 3_000,
        silence_timeout_ms: int = 10_000,
    ) -> None:
        self.name = name
        self._model = model
        self._voice = voice
        self._extra = dict(extra or {})
        self._format = AudioFormat(Encoding.PCM16, rate)
        self._client = Client(base_url, api_key, connect_timeout_ms, silence_timeout_ms)

    @property
    def format(self) -> AudioFormat:
        """What `speak` yields."""
        return self._format

    async def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
        """Stream the speech of `text` as it arrives. Raises ProviderError.

        Closing or cancelling it drops the connection.
        """
        pcm = _PcmReader(self.name)
        with translated_errors(self.name):
            async with self._client.sdk.audio.speech.with_streaming_response.create(
                model=self._model,
                voice=self._voice,
                input=text,
                response_format="pcm",
                extra_body=self._extra,
            ) as response:
                pcm.check(response.headers.get("content-type", ""))
                async for part in response.iter_bytes():
                    if audio := pcm.take(part):
                        yield SpeechChunk(audio)

    async def warm(self) -> None:
        """See that a connection is open; never fails."""
        await self._client.warm()

    async def close(self) -> None:
        """Close the connections, those in use included."""
        await self._client.close()


class _PcmReader:
    """Puts samples together that the network tore apart."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._torn = b""
        self._begun = False

    def check(self, content_type: str) -> None:
        """Raises ProviderGarbled if it promises something else than PCM."""
        if content_type.startswith(_NOT_PCM):
            raise ProviderGarbled(self._provider, f"{content_type} instead of PCM")

    def take(self, part: bytes) -> bytes:
        """The whole samples that `part` completes. Raises ProviderGarbled."""
        audio = self._torn + part
        if not self._begun:
            if len(audio) < 4:
                self._torn = audio
                return b""
            if audio.startswith(_FILES):
                raise ProviderGarbled(self._provider, "a file instead of PCM")
            self._begun = True
        whole = len(audio) - len(audio) % 2
        self._torn = audio[whole:]
        return audio[:whole]
