"""Tries every configured provider with a small request, and says how to mend what does not work."""

import asyncio
import math
import os
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, aclosing
from typing import cast
from urllib.parse import urlsplit

import msgspec

from voice_codecs.convert import Converter
from voice_codecs.pcm import PCM16_8K
from voice_pipelines.conversation.commands import Message
from voice_pipelines.engine.clock import LoopClock
from voice_pipelines.errors import (
    ProviderBusy,
    ProviderError,
    ProviderGarbled,
    ProviderRefused,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_pipelines.ports import (
    Hypothesis,
    LanguageModel,
    SpeechChunk,
    SpeechToText,
    TextToSpeech,
    ToolCall,
)

from .choices import Choice, LlmChoice, SttChoice
from .errors import ConfigurationError
from .models.errors import ModelError
from .providers import Stages
from .settings import Configuration, all_choices, check_provider, key_variable, llm_api

_START_S = 180.0
"""How long a provider on this machine may take to load."""

_QUESTION = (Message("system", "Answer with one word."), Message("user", "Hello."))
_WORD = "Hello."


class Trial(msgspec.Struct, frozen=True):
    """How one provider fared."""

    key: str
    """Of its settings, such as ``llm.fallback[0]``."""
    provider: str
    """By its kind, or the name of its preset."""
    works: bool
    first_ms: int | None = None
    """To the first result: the words, the first token, the first audio."""
    problem: str = ""
    mend: str = ""


async def try_all(
    configuration: Configuration, timeout_s: float, progress: Callable[[str], None]
) -> list[Trial]:
    """Try all providers of all stages at once."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_try(configuration, key, stage, part, timeout_s, progress))
            for stage, key, part in all_choices(configuration.settings)
        ]
    return [task.result() for task in tasks]


async def _try(
    configuration: Configuration,
    key: str,
    stage: str,
    part: Choice,
    timeout_s: float,
    progress: Callable[[str], None],
) -> Trial:
    name = part.preset if isinstance(part, LlmChoice) and part.preset else part.provider
    try:
        check_provider(stage, key, part, os.environ)
        first_ms = await _first_ms(configuration, part, timeout_s, progress)
    except (ConfigurationError, ModelError) as error:
        return Trial(key, name, False, problem="is not set up", mend=str(error))
    except TimeoutError:
        late = ProviderTimeout(name, f"no result within {timeout_s:g} s")
        return Trial(key, name, False, problem=_said(late), mend=mend(late, key, part))
    except ProviderError as error:
        return Trial(key, name, False, problem=_said(error), mend=mend(error, key, part))
    return Trial(key, name, True, first_ms)


async def _first_ms(
    configuration: Configuration,
    part: Choice,
    timeout_s: float,
    progress: Callable[[str], None],
) -> int:
    """How long it takes to its first result. Raises TimeoutError, ProviderError and others."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        stages = Stages(configuration, stack, LoopClock(loop), progress)
        async with asyncio.timeout(_START_S):
            provider = await _built(stages, part)
        began = loop.time()
        async with asyncio.timeout(timeout_s):
            if isinstance(part, SttChoice):
                await _hear(cast(SpeechToText, provider))
            elif isinstance(part, LlmChoice):
                await _answer(cast(LanguageModel, provider), part.provider)
            else:
                await _speak(cast(TextToSpeech, provider), part.provider)
        return round((loop.time() - began) * 1000)


async def _built(stages: Stages, part: Choice) -> SpeechToText | LanguageModel | TextToSpeech:
    if isinstance(part, SttChoice):
        return await stages.one_stt(part)
    if isinstance(part, LlmChoice):
        return await stages.one_llm(part)
    return await stages.one_tts(part)


async def _hear(stt: SpeechToText) -> None:
    """Let it hear a second of sound. What it makes of it does not matter."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[None] = loop.create_future()

    def report(result: Hypothesis | ProviderError) -> None:
        if answer.done():
            return
        if isinstance(result, ProviderError):
            answer.set_exception(result)
        elif result.request is not None:
            answer.set_result(None)

    converter = Converter(PCM16_8K, stt.format)
    async with stt.listen(report) as ear:
        ear.voiced(True)
        for frame in _frames(_hum()):
            ear.feed(converter.push(frame))
        ear.voiced(False)
        ear.settle(1)
        await answer


def _hum() -> bytes:
    """A second of PCM16 at 8 kHz, somewhat like a voice: syllables of a low tone's harmonics."""
    samples = []
    for at in range(PCM16_8K.rate):
        seconds = at / PCM16_8K.rate
        tone = sum(math.sin(math.tau * 130 * n * seconds) / n for n in (1, 2, 3, 5, 6))
        syllable = math.sin(math.pi * 4 * seconds) ** 2
        samples.append(round(6000 * tone * syllable).to_bytes(2, "little", signed=True))
    return b"".join(samples)


def _frames(pcm: bytes) -> Iterator[bytes]:
    size = PCM16_8K.bytes_for(20)
    for at in range(0, len(pcm), size):
        yield pcm[at : at + size]


class _Empty(ProviderGarbled):
    """It answered, and said nothing."""


async def _answer(llm: LanguageModel, name: str) -> None:
    deltas = cast(AsyncGenerator[object], llm.reply(_QUESTION))
    async with aclosing(deltas):
        async for delta in deltas:
            if isinstance(delta, str | ToolCall) and delta:
                return
    raise _Empty(name, "an answer without a word")


async def _speak(tts: TextToSpeech, name: str) -> None:
    chunks = cast(AsyncGenerator[SpeechChunk], tts.speak(_WORD))
    async with aclosing(chunks):
        async for chunk in chunks:
            if chunk.audio:
                return
    raise _Empty(name, "speech without a sound")


# What to do about it -----------------------------------------------------------------------------


def mend(error: ProviderError, key: str, part: Choice) -> str:
    """A sentence that tells what to look at; `key` is that of the provider's settings."""
    where = _address(part)
    match error:
        case ProviderRefused() | ProviderRejected() if _is_about_money(error):
            return "The account's quota or credit is spent: see the vendor's billing page."
        case ProviderRefused(status=401 | 403):
            return f"The key in {key_variable(part)} is not accepted, or may not do this."
        case ProviderRefused(status=404):
            return f"There is no such model or voice, or no such API at {where}: check `{key}`."
        case ProviderRefused(status=None) if "pip install" in str(error):
            return "Install it."
        case ProviderRefused() | ProviderRejected():
            # Google's answer to a wrong key is 400.
            or_key = f" and the key in {variable}" if (variable := key_variable(part)) else ""
            return f"It does not take the request as it is: check the settings of `{key}`{or_key}."
        case ProviderBusy(retry_after_ms=wait_ms):
            wait = f" in {wait_ms / 1000:g} s" if wait_ms is not None else ""
            return f"Its limit of requests is reached: try again{wait}, or have the limit raised."
        case ProviderTimeout():
            return f"Is {where} reachable from here, and quick enough?"
        case _Empty() if isinstance(part, LlmChoice):
            return f"A model that thinks first may need more `{key}.max_tokens`, or to think less."
        case ProviderGarbled():
            return f"What answers at {where} is not the API: check `{key}.base_url`."
        case _:
            return _mend_connection(error, key, where)


def _mend_connection(error: ProviderError, key: str, where: str) -> str:
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return f"The name {where} is not known: check `{key}.base_url` and this machine's DNS."
        if isinstance(cause, ssl.SSLError):
            return f"No secure connection to {where}: check the address, the clock and the proxy."
        if isinstance(cause, ConnectionRefusedError):
            return f"Nobody listens at {where}: check `{key}.base_url`, or start the server."
    if isinstance(error, ProviderUnavailable) and error.status is not None:
        return "The vendor has broken down: see its status page, or try again."
    return f"The connection to {where} failed: check `{key}.base_url` and the network."


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        cause = left.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        left += [cause.__cause__, cause.__context__]
        if isinstance(cause, BaseExceptionGroup):
            left += cause.exceptions


def _is_about_money(error: ProviderError) -> bool:
    words = str(error).lower()
    return error.status == 402 or any(word in words for word in ("quota", "credit", "billing"))


def _address(part: Choice) -> str:
    base_url = part.base_url
    if isinstance(part, LlmChoice) and part.provider == "openai":
        base_url = llm_api(part).base_url
    if not base_url:
        return _HOSTS.get(part.provider, "the provider")
    address = urlsplit(base_url)
    return address.netloc.rpartition("@")[2] or base_url


_HOSTS = {"deepgram": "api.deepgram.com", "elevenlabs": "api.elevenlabs.io"}
"""Where the vendors' adapters go by themselves."""


def _said(error: ProviderError) -> str:
    return str(error).partition(": ")[2] or str(error)
