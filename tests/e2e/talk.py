"""Calls with real speech to a server with the local models."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.voice_agent.process import HANG_S, Served, served
from voice_agent.calls.journal_file import load, path_of
from voice_agent.errors import VoiceAgentError
from voice_agent.models.store import Store
from voice_agent.settings import load as load_settings
from voice_agent.telephony.caller import Script, Utterance
from voice_agent.telephony.carrier import CallEvent, CallRecord, Happening, place_call
from voice_agent.telephony.measure import voiced
from voice_codecs.band import telephone_band
from voice_codecs.convert import convert
from voice_codecs.g711 import pcm_to_mulaw
from voice_codecs.pcm import MULAW_8K, PCM16_8K
from voice_pipelines.conversation.commands import HangUp, Speak, StartReply
from voice_pipelines.conversation.journal import Journal
from voice_pipelines.errors import ProviderError
from voice_pipelines.ports import Hypothesis
from voice_pipelines.providers import registry

PATIENT = (
    *("--set", "watchdog.filler_ms=40000", "--set", "watchdog.reply_ms=80000"),
    *("--set", "watchdog.stall_ms=30000", "--set", "watchdog.closing_ms=60000"),
    *("--set", "twilio.require_token=false", "--set", "log.level=warning"),
    *("--set", "journal.directory=journals"),
)
"""A busy machine writes a word a second; no filler shall come between question and answer."""

PRICE = "How much is the lasagna?"
ADDRESS = "What is your address?"
LONG = "What are your opening hours during the week?"
DOGS = "Are dogs allowed?"
GOODBYE = "Goodbye."


_NUMERALS = {"8": "eight", "10": "ten", "11": "eleven", "12": "twelve", "16": "sixteen"}


def greeting() -> str:
    """What the agent says first."""
    return load_settings("local.toml", (), {}).persona.phrases.greeting


@dataclass(frozen=True)
class Call:
    """One call as both sides saw it."""

    record: CallRecord
    journal: Journal
    path: Path
    """Of the journal."""


class Caller:
    """Somebody with the local voice who calls a server with the local models."""

    def __init__(self, server: Served, speech: Mapping[str, bytes]) -> None:
        self.server = server
        self._speech = speech

    def says(self, text: str, barge_in_after_ms: int | None = None) -> Utterance:
        return Utterance(self._speech[text], text, barge_in_after_ms)

    async def calls(self, *steps: Utterance, kill_llm_after: str = "") -> Call:
        """Play the steps. The LLM's process is killed when `kill_llm_after` has been said first."""
        script = Script(steps, pause_ms=3000, farewell_ms=5000, patience_ms=85_000)
        loop = asyncio.get_running_loop()

        def report(event: CallEvent) -> None:
            if kill_llm_after and event.what is Happening.FIRST_MEDIA:
                said = len(self._speech[greeting()]) + len(self._speech[kill_llm_after])
                loop.call_later((said / 8 + script.pause_ms) / 1000, self.kill_llm)

        record = await place_call(self.server.media_url, script, report=report)
        path = path_of(Path(self.server.told["journals"]), record.call_sid)
        return Call(record, await complete(path), path)

    def kill_llm(self) -> None:
        """``kill -9`` the process of the language model."""
        children = psutil.Process(self.server.process.pid).children(recursive=True)
        llm = next(child for child in children if any("llama" in word for word in child.cmdline()))
        os.kill(llm.pid, signal.SIGKILL)


@asynccontextmanager
async def caller(folder: Path, *options: str) -> AsyncIterator[Caller]:
    """A server with the local models, and somebody to call it."""
    texts = (greeting(), PRICE, ADDRESS, LONG, DOGS, GOODBYE)
    async with registry.local_tts(PCM16_8K) as tts:
        speech = {
            text: pcm_to_mulaw(telephone_band(b"".join([c.audio async for c in tts.speak(text)])))
            for text in texts
        }
    async with served(*(options or PATIENT), cwd=folder) as server:
        yield Caller(server, speech)


async def complete(path: Path) -> Journal:
    """A journal when its last line is there, which another process writes."""
    for _ in range(HANG_S * 10):
        journal = await asyncio.to_thread(_loaded, path)
        if journal and any(isinstance(command, HangUp) for _, command in journal.commands()):
            return journal
        await asyncio.sleep(0.1)
    raise AssertionError(f"{path} never ends")


def _loaded(path: Path) -> Journal | None:
    try:
        return load(path)
    except VoiceAgentError:
        return None  # Nothing is written yet.


def spoken(journal: Journal) -> list[str]:
    """The texts that the agent set out to say, in order."""
    return [command.text for _, command in journal.commands() if isinstance(command, Speak)]


def histories(journal: Journal) -> list[StartReply]:
    """What the LLM was shown for each answer."""
    return [command for _, command in journal.commands() if isinstance(command, StartReply)]


# What was really heard ---------------------------------------------------------------------------


async def understood(audio: Sequence[bytes]) -> list[str]:
    """Each recording (mu-law) as the local recognizer understands it."""
    pool = registry.inference_pool(2)
    try:
        stt = registry.local_stt(Store().path("moonshine-base"), pool)
        texts = []
        for recording in audio:
            answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            def report(
                result: Hypothesis | ProviderError, answer: asyncio.Future[str] = answer
            ) -> None:
                if isinstance(result, ProviderError):
                    answer.set_exception(result)
                elif result.request == 1:
                    answer.set_result(result.text)

            async with stt.listen(report) as ear, asyncio.timeout(HANG_S):
                ear.voiced(True)
                ear.feed(convert(_without_silence(recording), MULAW_8K, stt.format))
                ear.voiced(False)
                ear.settle(1)
                texts.append(await answer)
        return texts
    finally:
        pool.close()


def _without_silence(recording: bytes) -> bytes:
    loud = voiced(recording)
    return recording[max(int(loud[0]) - 800, 0) : int(loud[-1]) + 800] if len(loud) else b""


def words_missed(meant: str, heard: str) -> float:
    """Which part of the words of `meant` is not in `heard`, in their order.

    Words too many are not counted: a small recognizer likes to repeat itself.
    """
    left, right = _words(meant), _words(heard)
    row = [0] * (len(right) + 1)
    for word in left:
        diagonal = 0
        for at, other in enumerate(right, start=1):
            found = diagonal + 1 if word == other else max(row[at], row[at - 1])
            diagonal, row[at] = row[at], found
    return 1 - row[-1] / max(len(left), 1)


def _words(text: str) -> list[str]:
    """The words as they are said: "$16" is sixteen dollars."""
    said = re.sub(r"\$(\d+)", r"\1 dollars", text.lower())
    return [_NUMERALS.get(word, word) for word in re.findall(r"[a-z0-9']+", said)]
