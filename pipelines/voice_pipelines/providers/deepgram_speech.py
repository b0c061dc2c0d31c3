"""Deepgram's voices, in the carriers' mu-law at 8 kHz, through `deepgram-sdk` over HTTP.

HTTP and not a socket, as every text is known whole when it is asked for: a socket would bring no
byte earlier, and would have to be shared out among the calls.
"""

import warnings
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, cast

from voice_codecs.pcm import MULAW_8K, AudioFormat
from voice_pipelines.errors import ProviderGarbled, ProviderTimeout, ProviderUnavailable
from voice_pipelines.ports import SpeechChunk

from .deepgram_api import URL
from .http_errors import http_error
from .warmth import KEEP_ALIVE_S, MOST_CONNECTIONS, MOST_KEPT, Knocker

if TYPE_CHECKING:
    from deepgram.speak.v1.audio.client import AsyncAudioClient


class DeepgramTextToSpeech:
    """A `TextToSpeech` (and `Warming`) on Deepgram's streaming HTTP API. To be closed.

    Connections are kept and used again. Closing or cancelling `speak` drops its connection, upon
    which Deepgram stops. Constructing it imports the SDK, which takes about a second.
    """

    def __init__(
        self,
        api_key: str,
        *,
        model: str = "aura-2-thalia-en",
        base_url: str | None = None,
        name: str = "deepgram",
        connect_timeout_ms: int = 3_000,
        silence_timeout_ms: int = 10_000,
    ) -> None:
        with warnings.catch_warnings():
            # The SDK imports its sockets, of the deprecated kind, even where none is used.
            warnings.simplefilter("ignore", DeprecationWarning)
            import httpx
            from deepgram import AsyncDeepgramClient
            from deepgram.core.api_error import ApiError
            from deepgram.environment import DeepgramClientEnvironment

            url = (base_url or URL).rstrip("/")
            self._http = httpx.AsyncClient(
                timeout=httpx.Timeout(silence_timeout_ms / 1000, connect=connect_timeout_ms / 1000),
                limits=httpx.Limits(
                    max_connections=MOST_CONNECTIONS,
                    max_keepalive_connections=MOST_KEPT,
                    keepalive_expiry=KEEP_ALIVE_S,
                ),
            )
            client = AsyncDeepgramClient(
                api_key=api_key,
                environment=DeepgramClientEnvironment(
                    base=url, production=url, agent=url, agent_rest=url
                ),
                httpx_client=self._http,
            )
            self._audio: AsyncAudioClient = client.speak.v1.audio
        self.name = name
        self._model = model
        self._api_error = ApiError
        self._timeout = httpx.TimeoutException
        self._http_error = httpx.HTTPError
        authorized = {"Authorization": f"Token {api_key}"}
        ask_for_nothing = partial(self._http.head, f"{url}/v1/speak", headers=authorized)
        self._knocker = Knocker(ask_for_nothing, (httpx.HTTPError,))

    @property
    def format(self) -> AudioFormat:
        """Mu-law at 8 kHz, as Deepgram sends it."""
        return MULAW_8K

    async def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
        """Stream the speech of `text`, each piece as it arrives. Raises ProviderError."""
        with self._translated_errors():
            async with self._audio.with_raw_response.generate(
                text=text,
                model=self._model,
                encoding="mulaw",
                sample_rate=MULAW_8K.rate,
                container="none",
            ) as response:
                kind = response.headers.get("content-type", "audio/")
                if not kind.startswith("audio/"):
                    raise ProviderGarbled(self.name, "the answer is not audio")
                # The SDK's iterator is a generator; left to itself it would be closed some time.
                async with aclosing(cast(AsyncGenerator[bytes], response.data)) as parts:
                    async for audio in parts:
                        if audio:
                            yield SpeechChunk(audio)

    async def warm(self) -> None:
        """See that a connection is open; never fails."""
        await self._knocker.knock()

    async def close(self) -> None:
        """Close the connections, those in use included."""
        await self._http.aclose()

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except self._api_error as error:
            headers = {key.lower(): value for key, value in (error.headers or {}).items()}
            code = error.body.get("err_code") if isinstance(error.body, dict) else None
            raise http_error(self.name, error.status_code or 500, headers, code) from error
        except self._timeout as error:
            raise ProviderTimeout(self.name, "no answer in time") from error
        except self._http_error as error:
            reason = type(error).__name__
            raise ProviderUnavailable(self.name, f"the connection failed: {reason}") from error
