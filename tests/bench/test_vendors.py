"""The loopback vendors against our adapters: what works works, what fails fails in its own way."""

import asyncio

import pytest

from bench.spelling import letters, spell, words
from bench.vendors.faults import UNRESOLVABLE, Api, Fault, Kind, refused_url
from bench.vendors.running import remote_vendors, vendors
from bench.vendors.service import Delays, Vendors
from voice_codecs.convert import convert
from voice_codecs.pcm import MULAW_8K
from voice_pipelines.conversation.commands import Message
from voice_pipelines.errors import (
    ProviderBusy,
    ProviderError,
    ProviderGarbled,
    ProviderRefused,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_pipelines.ports import Hypothesis, SpeechToText, TextToSpeech
from voice_pipelines.providers.deepgram import DeepgramSpeechToText
from voice_pipelines.providers.deepgram_speech import DeepgramTextToSpeech
from voice_pipelines.providers.elevenlabs import ElevenLabsTextToSpeech
from voice_pipelines.providers.openai import OpenAILanguageModel
from voice_pipelines.providers.openai_speech import OpenAISpeechToText, OpenAITextToSpeech

TEXT = "Hello there, how do you do this fine day?"
FAST = Delays(
    stt_final_ms=10, llm_first_ms=10, llm_tokens_per_s=1000, tts_first_ms=10, tts_speed=100
)
HANG_S = 20

# Each API through its adapter --------------------------------------------------------------------


async def listened(there: Vendors, stt: SpeechToText) -> str:
    """The final words of an utterance. Raises ProviderError."""
    told: asyncio.Queue[Hypothesis | ProviderError] = asyncio.Queue(100)
    async with stt.listen(told.put_nowait) as ear:
        audio = convert(spell(TEXT), MULAW_8K, stt.format)
        ear.voiced(True)
        step = stt.format.bytes_for(20)
        for at in range(0, len(audio), step):
            ear.feed(audio[at : at + step])
            await asyncio.sleep(0)
        ear.voiced(False)
        ear.settle(1)
        while True:
            match await told.get():
                case ProviderError() as error:
                    raise error
                case Hypothesis(text, 1):
                    return text


async def spoken(tts: TextToSpeech) -> str:
    """What was said. Raises ProviderError."""
    audio = b"".join([chunk.audio async for chunk in tts.speak(TEXT)])
    return " ".join(word.text for word in words(convert(audio, tts.format, MULAW_8K)))


async def served(there: Vendors, api: Api, url: str) -> str:
    """One request to `api`: the text that went through it. Raises ProviderError."""
    tts: DeepgramTextToSpeech | OpenAITextToSpeech | ElevenLabsTextToSpeech
    match api:
        case Api.LISTEN:
            deepgram = DeepgramSpeechToText("k", base_url=url, patience_ms=200, stall_ms=400)
            return await listened(there, deepgram)
        case Api.TRANSCRIBE:
            stt = OpenAISpeechToText(f"{url}/v1", "m", "k", silence_timeout_ms=400)
            try:
                return await listened(there, stt)
            finally:
                await stt.close()
        case Api.CHAT:
            llm = OpenAILanguageModel(f"{url}/v1", "m", "k", silence_timeout_ms=400)
            try:
                history = [Message("user", TEXT)]
                return "".join([str(delta) async for delta in llm.reply(history)])
            finally:
                await llm.close()
        case Api.SPEAK:
            tts = DeepgramTextToSpeech("k", base_url=url, silence_timeout_ms=400)
        case Api.SPEECH:
            tts = OpenAITextToSpeech(f"{url}/v1", "m", "v", "k", silence_timeout_ms=400)
        case Api.ELEVENLABS:
            tts = ElevenLabsTextToSpeech("k", "v", base_url=url, silence_timeout_ms=400)
    try:
        return await spoken(tts)
    finally:
        await tts.close()


@pytest.mark.parametrize("api", Api)
async def test_each_api_serves_its_adapter(api: Api) -> None:
    async with asyncio.timeout(HANG_S), vendors(FAST, lambda said: said) as there:
        assert letters(await served(there, api, there.url)) == letters(TEXT)
        assert there.open == 0
        assert there.keys


REFUSED = (Kind.UNAUTHORIZED, Kind.QUOTA)
OUTCOMES: dict[Kind, type[ProviderError] | tuple[type[ProviderError], ...]] = {
    **dict.fromkeys(REFUSED, ProviderRefused),
    # Of a handshake the latter: the next would be as wrong.
    Kind.BAD_REQUEST: (ProviderRejected, ProviderRefused),
    Kind.STALLED: (ProviderTimeout, ProviderUnavailable),
    Kind.BUSY: ProviderBusy,
    Kind.BROKEN: ProviderUnavailable,
    Kind.HALF_CLOSED: ProviderUnavailable,
    Kind.GARBAGE: (ProviderGarbled, ProviderUnavailable),
    Kind.DROPPED: ProviderUnavailable,
    Kind.HANGS: (ProviderTimeout, ProviderUnavailable),
}


@pytest.mark.parametrize("kind", OUTCOMES)
@pytest.mark.parametrize("api", Api)
async def test_each_fault_is_the_error_that_it_should_be(api: Api, kind: Kind) -> None:
    if api is Api.TRANSCRIBE and kind in (Kind.DROPPED, Kind.HANGS):
        return  # A transcription has no middle.
    async with asyncio.timeout(HANG_S), vendors(FAST, lambda said: said) as there:
        there.faults.plan(api, Fault(kind))
        with pytest.raises(OUTCOMES[kind]) as failed:
            await served(there, api, there.url)
        assert "quotes" not in str(failed.value)


@pytest.mark.parametrize("api", Api)
async def test_nobody_there(api: Api) -> None:
    async with asyncio.timeout(HANG_S), vendors(FAST) as there:
        for url in (refused_url(), UNRESOLVABLE):
            with pytest.raises(ProviderUnavailable):
                await served(there, api, url)


async def test_an_answer_that_is_cut_off_is_not_complete() -> None:
    async with asyncio.timeout(HANG_S), vendors(FAST, lambda said: said) as there:
        there.faults.plan(Api.CHAT, Fault(Kind.CUT_OFF))
        with pytest.raises(ProviderUnavailable):
            await served(there, Api.CHAT, there.url)


async def test_a_fault_lasts_for_as_many_requests_as_planned() -> None:
    async with asyncio.timeout(HANG_S), vendors(FAST, lambda said: said) as there:
        there.faults.plan(Api.CHAT, Fault(Kind.BROKEN, times=1, after=1))
        assert await served(there, Api.CHAT, there.url) == TEXT
        with pytest.raises(ProviderUnavailable):
            await served(there, Api.CHAT, there.url)
        assert await served(there, Api.CHAT, there.url) == TEXT
        there.faults.plan(Api.CHAT, Fault(Kind.BROKEN))
        there.faults.plan(Api.CHAT, None)
        assert await served(there, Api.CHAT, there.url) == TEXT


async def test_vendors_in_a_process_of_their_own_tell_what_they_saw() -> None:
    async with asyncio.timeout(HANG_S), remote_vendors(FAST) as there:
        llm = OpenAILanguageModel(f"{there.url}/v1", "m", "k")
        reply = [delta async for delta in llm.reply([Message("user", "hello?")])]
        await llm.close()
        assert "said hello," in "".join(map(str, reply))
        seen = await there.seen()
    assert [each.what for each in seen] == ["asked", "first", "clause", "done"]
    assert seen == sorted(seen, key=lambda each: each.at_s)
