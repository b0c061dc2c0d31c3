"""``voice-agent call``: a simulated carrier and caller, from the outside of the server."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..child import ending, told_when_ready
from ..errors import CommandError, VoiceAgentError
from .loop import run
from .output import remark, say, say_json
from .serve import Overrides

if TYPE_CHECKING:
    from ..telemetry.turns import Turn
    from ..telephony.carrier import CallRecord
    from ..telephony.measure import Turn as HeardTurn

_START_S = 180.0
"""How long a server of our own may take to load its models."""
_STOP_S = 20.0
_SAME_TURN_MS = 1500
"""How far the two sides' clocks may be apart about when the caller stopped speaking."""

Texts = Annotated[tuple[str, ...], Parameter(negative="")]
Files = Annotated[tuple[Path, ...], Parameter(negative="")]


def call(
    *,
    url: str | None = None,
    wav: Files = (),
    say: Texts = (),
    from_: Annotated[str, Parameter(name="--from")] = "+15550100",
    barge_in_after: int | None = None,
    dtmf: str = "",
    out: Path | None = None,
    json: bool = False,
    config: str = "local.toml",
    overrides: Overrides = (),
) -> int:
    """Call an agent as a telephone would, and show the conversation and its latencies.

    The caller waits for the greeting, says its utterances one after another, each when the agent
    has finished, and hangs up after the last answer.

    Parameters
    ----------
    url
        The media socket, such as ws://127.0.0.1:8080/twilio/media. Without it a server is started
        for the call.
    wav
        A recording to say; may be repeated.
    say
        A text to say with the local voice; may be repeated.
    from_
        The caller's number.
    barge_in_after
        Say every utterance but the first (a single one, too) so many milliseconds after the agent
        began to speak, instead of waiting for it to finish.
    dtmf
        Keys to press after the utterances.
    out
        Record to a stereo WAV: left what the caller said, right what the caller heard.
    json
        Print the result as JSON.
    config
        The configuration of the server that is started, a file or the name of an included one.
    """
    return run(
        _call(_Options(url, wav, say, from_, barge_in_after, dtmf, out, json, config, overrides))
    )


@dataclass(frozen=True, slots=True)
class _Options:
    url: str | None
    wav: tuple[Path, ...]
    say: tuple[str, ...]
    number: str
    barge_in_after: int | None
    dtmf: str
    out: Path | None
    json: bool
    config: str
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Target:
    media_url: str
    journals: Path | None


async def _call(options: _Options) -> int:
    from ..telephony.caller import Keys, Script, Step, Utterance
    from ..telephony.carrier import CarrierError, place_call
    from ..telephony.dial import ask_webhook

    audio = [(path.name, await asyncio.to_thread(_read_wav, path)) for path in options.wav]
    if options.say:
        audio += list(zip(options.say, await _spoken(options.say), strict=True))
    if not audio and not options.dtmf:
        raise CommandError("Nothing to say: give --say TEXT, --wav FILE or --dtmf KEYS.")
    steps: list[Step] = [
        Utterance(sound, label, options.barge_in_after if number or len(audio) == 1 else None)
        for number, (label, sound) in enumerate(audio)
    ]
    try:
        if options.dtmf:
            steps.append(Keys(options.dtmf, options.dtmf))
    except ValueError as error:
        raise CommandError(f"--dtmf {options.dtmf}: {error}.") from error
    call_sid = f"CA{secrets.token_hex(16)}"
    auth_token = os.environ.get("TWILIO_AUTH_TOKEN") or None
    async with _target(options) as target:
        answer = await ask_webhook(target.media_url, options.number, call_sid, auth_token)
        remark("Calling …")
        try:
            record = await place_call(
                answer.url,
                Script(tuple(steps)),
                from_number=options.number,
                custom_parameters=answer.parameters,
                auth_token=auth_token,
                call_sid=call_sid,
            )
        except CarrierError as error:
            raise VoiceAgentError(f"The call did not come about: {error}.") from error
        journal = await _journal(target.journals, call_sid)
    if options.out is not None:
        await asyncio.to_thread(_record, record, options.out)
    summary = _summary(record, journal)
    if options.json:
        say_json(summary)
    else:
        _show(summary, record)
    # An agent may wait for the caller; that it did not greet ("") is told, and no failure.
    return 0 if record.turns and not any(record.unanswered) else 1


@asynccontextmanager
async def _target(options: _Options) -> AsyncIterator[_Target]:
    """The agent to call: the one at --url, or one of our own for as long as the context lasts."""
    from ..settings import load

    if options.url is not None:
        journals = load(options.config, options.overrides).settings.journal.directory
        yield _Target(options.url, Path(journals) if journals else None)
        return
    load(options.config, options.overrides)  # Its mistakes are told here, not by a child that dies.
    arguments = ["serve", "--config", options.config, "--port", "0", "--json"]
    for override in ("journal.directory=var/journals", *options.overrides):
        arguments += ["--set", override]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "voice_agent", *arguments, stdout=asyncio.subprocess.PIPE
    )
    async with ending(process, _STOP_S):
        yield await _started(process)


async def _started(process: asyncio.subprocess.Process) -> _Target:
    """Where the server listens, told by itself when it is ready. Raises VoiceAgentError."""
    try:
        told = await told_when_ready(process, _START_S)
    except TimeoutError as error:
        raise VoiceAgentError(f"The server was not ready within {_START_S:.0f} s.") from error
    except ChildProcessError as error:
        raise VoiceAgentError(
            "The server for the call did not start; its last message says why."
        ) from error
    media = told["url"].replace("http", "ws", 1) + "/twilio/media"
    return _Target(media, Path(told["journals"]) if told["journals"] else None)


def _read_wav(path: Path) -> bytes:
    from voice_codecs import wav
    from voice_codecs.convert import convert
    from voice_codecs.pcm import MULAW_8K, AudioFormat, Encoding

    try:
        pcm, rate = wav.read(path)
    except OSError as error:
        raise VoiceAgentError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise VoiceAgentError(f"{path} is no WAV file that can be played: {error}.") from error
    return convert(pcm, AudioFormat(Encoding.PCM16, rate), MULAW_8K)


async def _spoken(texts: tuple[str, ...]) -> list[bytes]:
    """The texts in the local voice, as they sound on a telephone."""
    from voice_codecs.band import telephone_band
    from voice_codecs.g711 import pcm_to_mulaw
    from voice_codecs.pcm import PCM16_8K
    from voice_pipelines.errors import ProviderError
    from voice_pipelines.providers import registry

    try:
        async with registry.local_tts(PCM16_8K) as tts:
            return [
                pcm_to_mulaw(telephone_band(b"".join([c.audio async for c in tts.speak(text)])))
                for text in texts
            ]
    except ProviderError as error:
        raise VoiceAgentError(f"The caller's voice did not start: {error}.") from error


def _record(record: "CallRecord", path: Path) -> None:
    from voice_codecs import wav

    try:
        with wav.Writer(path, 8000, 2) as writer:
            writer.write(wav.stereo(record.sent, record.heard))
    except OSError as error:
        raise VoiceAgentError(f"--out {path} cannot be written: {error.strerror}.") from error


async def _journal(directory: Path | None, call_sid: str) -> "tuple[Path, list[Turn]] | None":
    """The call's journal, when the server has written its last lines."""
    from ..calls.journal_file import load, path_of
    from ..telemetry.turns import turns

    if directory is None:
        return None
    path = path_of(directory, call_sid)
    size = -1
    for _ in range(30):
        await asyncio.sleep(0.1)
        now = path.stat().st_size if path.exists() else -1
        if now == size and now > 0:
            break
        size = now
    if size <= 0:
        return None
    journal = await asyncio.to_thread(load, path)
    return path, list(turns(journal.entries))


def _summary(record: "CallRecord", journal: "tuple[Path, list[Turn]] | None") -> dict[str, Any]:
    answers = [turn for turn in journal[1] if turn.is_answer] if journal else []
    return {
        "call_id": record.call_sid,
        "duration_ms": round(record.duration_ms),
        "turns": [
            _turn(number, heard, _matching(heard, answers))
            for number, heard in enumerate(record.turns, start=1)
        ],
        "barge_ins": [
            {"at_ms": round(cut.at_ms), "silence_after_ms": round(cut.silence_after_ms)}
            for cut in record.barge_ins
        ],
        "underruns": record.underruns.count,
        "journal": str(journal[0]) if journal else None,
    }


def _matching(heard: "HeardTurn", answers: "list[Turn]") -> "Turn | None":
    """The journal's turn that answers what the caller said: the two clocks start together."""

    def apart(turn: "Turn") -> float:
        return abs((turn.speech_ended or 0) - heard.ended_ms)

    nearest = min(answers, key=apart, default=None)
    return nearest if nearest is not None and apart(nearest) <= _SAME_TURN_MS else None


def _turn(number: int, heard: "HeardTurn", turn: "Turn | None") -> dict[str, Any]:
    latency = heard.latency_ms
    return {
        "turn": number,
        "user_text": turn.user_text if turn else None,
        "agent_text": turn.agent_text if turn else None,
        "heard_text": turn.heard_text if turn else None,
        "first_audio_ms": round(latency) if latency is not None else None,
        "endpointing_ms": turn.endpointing_ms if turn else None,
        "stt_ms": turn.stt_ms if turn else None,
        "llm_ttft_ms": turn.llm_ttft_ms if turn else None,
        "first_clause_ms": turn.first_clause_ms if turn else None,
        "tts_ttfb_ms": turn.tts_ttfb_ms if turn else None,
        "interrupted": turn.interrupted if turn else None,
    }


def _show(summary: dict[str, Any], record: "CallRecord") -> None:
    for heard, turn in zip(record.turns, summary["turns"], strict=True):
        say()
        say(f"caller said   {heard.label}")
        say(f"  understood  {turn['user_text'] or '(nothing)'}")
        cut = "  [interrupted]" if turn["interrupted"] else ""
        say(f"agent said    {turn['heard_text'] or '(nothing)'}{cut}")
        stages = ", ".join(
            f"{name} {turn[key]}"
            for name, key in (
                ("endpointing", "endpointing_ms"),
                ("stt", "stt_ms"),
                ("llm first token", "llm_ttft_ms"),
                ("first clause", "first_clause_ms"),
                ("tts", "tts_ttfb_ms"),
            )
            if turn[key] is not None
        )
        say(f"  first audio {turn['first_audio_ms']} ms after the caller's last sound ({stages})")
    for cut in summary["barge_ins"]:
        say(f"barge-in at {cut['at_ms']} ms, silent after {cut['silence_after_ms']} ms")
    say()
    ended = "the agent hung up" if record.hung_up_by_agent else "the caller hung up"
    say(f"{summary['duration_ms'] / 1000:.1f} s, {ended}, underruns: {summary['underruns']}")
    for label in record.unanswered:
        say(f"never answered: {label or 'no greeting'}")
    if summary["journal"]:
        say(f"journal: {summary['journal']}")
