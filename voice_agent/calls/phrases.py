"""Fixed phrases as audio, so that they can be said at once, and when the TTS cannot speak."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping

import structlog

from voice_pipelines.errors import ProviderError, ProviderTimeout
from voice_pipelines.ports import TextToSpeech

_RETRY_S = 30.0

log = structlog.get_logger()


class PhraseBook(Mapping[str, bytes]):
    """Audio by text, in the format of the voice. Grows while the server runs."""

    def __init__(self, tts: TextToSpeech, *, phrase_ms: int = 20_000) -> None:
        """`phrase_ms` is how long one phrase may take."""
        self._tts = tts
        self._phrase_s = phrase_ms / 1000
        self._audio: dict[str, bytes] = {}
        self._missing: dict[str, None] = {}

    def __getitem__(self, text: str) -> bytes:
        return self._audio[text]

    def __iter__(self) -> Iterator[str]:
        return iter(self._audio)

    def __len__(self) -> int:
        return len(self._audio)

    async def add(self, texts: Iterable[str]) -> list[ProviderError]:
        """Speak `texts` ahead; return what went wrong. Those that failed are tried again later."""
        errors = []
        for text in texts:
            if text in self._audio:
                continue
            try:
                self._audio[text] = await self._spoken(text)
                self._missing.pop(text, None)
            except ProviderError as error:
                self._missing[text] = None
                errors.append(error)
        return errors

    async def keep_trying(self) -> None:
        """Speak what could not be spoken, again and again. Never returns."""
        while True:
            await asyncio.sleep(_RETRY_S)
            if self._missing and not await self.add(list(self._missing)):
                log.info("phrases_spoken")

    async def _spoken(self, text: str) -> bytes:
        limit = asyncio.timeout(self._phrase_s)
        try:
            async with limit:
                return b"".join([chunk.audio async for chunk in self._tts.speak(text)])
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise ProviderTimeout("tts", "a phrase was not spoken in time") from error
