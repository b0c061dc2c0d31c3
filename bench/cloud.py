"""What the server adds to what cloud services take: `bench latency --providers loopback`.

Deepgram hears, an OpenAI-compatible API thinks, a streaming voice speaks; all are on loopback in a
process of their own and take the time of good days (`bench.vendors.service.Delays`). Callers ask
questions and hear the answers out. All times are of the machine's monotonic clock, which the
processes share:

    added       = first audio - max(decision, speculation)
    decision    = end of speech + what the endpointing policy waits after these words
    speculation = when the words were known to us, but not before the gate could hear the pause
                  + the LLM's first token + the rest of the first clause's tokens
                  + the voice's first audio

The end of speech and the first audio are those of the caller's end of the line. The words are known
when the vendor has sent the whole of them. What the vendors are to take is what is configured, not
what they took: connections, our client libraries, the network and the schedulers on the way all
count as ours, and so do our vendors where they are late.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from voice_agent.settings import load
from voice_agent.telephony.caller import FRAME_MS, Script, Utterance
from voice_agent.telephony.carrier import (
    CallEvent,
    CallRecord,
    CarrierError,
    Happening,
    place_call,
)
from voice_agent.telephony.pacer import Pacer
from voice_pipelines.conversation.endpointing import Pauses, patience
from voice_pipelines.conversation.words import Expectation, same_words

from .cores import Cores, pinned, share_out
from .figures import Spread, spread
from .report import figure, remark, say, table
from .server import ServerFailed, serving
from .spelling import spell
from .vendors.faults import Api
from .vendors.running import VendorsFailed, remote_vendors
from .vendors.service import Delays, Seen, answer_politely, tokens

Voice = Literal["deepgram", "elevenlabs", "openai"]

BUDGET_P50_MS = 10
ANSWER_WITHIN_MS = 4000
"""A turn so soon before the end of its call may go unanswered."""
_VOICES = {
    "deepgram": (Api.SPEAK, ("tts.provider=deepgram",)),
    "elevenlabs": (Api.ELEVENLABS, ("tts.provider=elevenlabs", "tts.voice=v")),
    "openai": (Api.SPEECH, ("tts.provider=openai", "tts.voice=v", "tts.model=m")),
}
_RAMP_S = 3.0
_KEYS = {"DEEPGRAM_API_KEY": "k", "OPENAI_API_KEY": "k", "ELEVENLABS_API_KEY": "k"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured."""

    calls: int
    seconds: float
    seed: int
    voice: Voice
    settings: tuple[str, ...]
    delays: Delays


@dataclass(frozen=True, slots=True)
class Moments:
    """One answered turn. All in seconds of the monotonic clock."""

    said: str
    end_of_speech: float
    pause_told: float
    """The recognizer was asked for the words."""
    words_known: float
    """It had sent the whole of them, as interim or final ones."""
    llm_asked: float
    clause: float
    """The first clause's last token was sent."""
    voice_asked: float
    voice_began: float
    first_audio: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a turn may take, and what it took, in milliseconds from the end of speech."""

    decision_ms: float
    speculation_ms: float
    first_audio_ms: float

    @property
    def added_ms(self) -> float:
        return self.first_audio_ms - max(self.decision_ms, self.speculation_ms)


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that is printed with --json."""

    cores: str
    calls: int
    voice: Voice
    settings: tuple[str, ...]
    delays: Delays
    turns: int
    unanswered: int
    failed_calls: int
    first_audio_ms: Spread
    """From the caller's last voiced sample to the first one heard."""
    decision_ms: Spread
    speculation_ms: Spread
    added_ms: Spread
    parts_ms: dict[str, float | None]
    """Medians of the steps, each from the one before, less what a vendor may take for it."""
    unseen: int
    """Answered turns of which the vendors' log lacks a step: they are not judged."""
    met: bool


def settings_for(voice: Voice, url: str) -> tuple[str, ...]:
    """The server's settings for the vendors at `url`."""
    return (
        "vad=energy",
        "stt.provider=deepgram",
        f"stt.base_url={url}",
        "llm.provider=openai",
        f"llm.base_url={url}/v1",
        "llm.model=m",
        *_VOICES[voice][1],
        f"tts.base_url={url}{'/v1' if voice == 'openai' else ''}",
    )


async def measure(plan: Plan) -> Result:
    """Hold the calls and judge the turns. Raises ServerFailed."""
    cores = share_out()
    remark(f"{cores.note}; {plan.calls} calls, {plan.voice}'s voice")
    try:
        with pinned(cores.callers):
            async with remote_vendors(plan.delays) as there:
                settings = (*settings_for(plan.voice, there.url), *plan.settings)
                async with serving(settings, cores.server, _KEYS) as server:
                    records = await _hold(plan, server.media_url)
                seen = await there.seen()
    except VendorsFailed as error:
        raise ServerFailed(str(error)) from error
    return _judged(plan, cores, records, seen)


async def _hold(plan: Plan, url: str) -> list[tuple[float, CallRecord] | None]:
    """Each call with when it began; None for one that failed."""
    async with Pacer() as pacer, asyncio.TaskGroup() as group:
        holding = [
            group.create_task(_hold_one(plan, number, url, pacer)) for number in range(plan.calls)
        ]
    return [task.result() for task in holding]


async def _hold_one(
    plan: Plan, number: int, url: str, pacer: Pacer
) -> tuple[float, CallRecord] | None:
    await asyncio.sleep(_RAMP_S * number / plan.calls)
    begun: list[float] = []

    def note(event: CallEvent) -> None:
        if event.what is Happening.CONNECTED:
            begun.append(pacer.clock() - event.at_ms / 1000)

    chance = random.Random(plan.seed * 10_000 + number)
    steps = tuple(_question(number, turn) for turn in range(int(plan.seconds)))
    script = Script(
        steps,
        greeting_ms=chance.randrange(100, 1500, FRAME_MS),
        pause_ms=500 + chance.randrange(0, 400, FRAME_MS),
        patience_ms=5000,
        limit_ms=int(plan.seconds * 1000),
    )
    try:
        record = await place_call(url, script, pacer=pacer, report=note)
    except CarrierError:
        return None
    return None if record.hung_up_by_agent or not begun else (begun[0], record)


def _question(call: int, turn: int) -> Utterance:
    """Words that nobody else says: by them the vendors' logs are read."""
    text = f"tell me about {_name(call)} {_name(turn)} please"
    return Utterance(spell(text), text)


def _name(number: int) -> str:
    """A number as syllables: all questions take about as long."""
    return "".join(
        consonant + vowel
        for consonant, vowel in (("bdfgklmn"[number // d % 8], "aeiou"[number % 5]) for d in (8, 1))
    )


# What the turns took -----------------------------------------------------------------------------


def judge(turn: Moments, decision_ms: float, gate_ms: float, delays: Delays) -> Verdict:
    """One turn against its bounds. `gate_ms` is how long a pause must last to be one."""
    clause = tokens(answer_politely(turn.said))
    rest = next(number for number, token in enumerate(clause) if token.endswith(","))
    known_ms = max(gate_ms, (turn.words_known - turn.end_of_speech) * 1000)
    writing_ms = delays.llm_first_ms + rest * 1000 / delays.llm_tokens_per_s
    return Verdict(
        decision_ms=decision_ms,
        speculation_ms=known_ms + writing_ms + delays.tts_first_ms,
        first_audio_ms=(turn.first_audio - turn.end_of_speech) * 1000,
    )


def moments(
    records: Sequence[tuple[float, CallRecord] | None], seen: Sequence[Seen], voice: Api
) -> Iterator[Moments | str | None]:
    """Each turn that was spoken to its end; what was said if a step is missing, None if all is."""
    log = _Log(seen, voice)
    for began, record in (held for held in records if held is not None):
        for turn in record.turns:
            if turn.answered_ms is None:
                # The last one of a call was perhaps not waited for.
                late = turn.ended_ms > record.duration_ms - ANSWER_WITHIN_MS
                if not late:
                    yield None
                continue
            end, first = (began + ms / 1000 for ms in (turn.ended_ms, turn.answered_ms))
            yield log.find(turn.label, end, first) or turn.label


class _Log:
    """What the vendors saw, by the words of the question, which are in every answer, too."""

    def __init__(self, seen: Sequence[Seen], voice: Api) -> None:
        self._voice = voice
        self._seen = seen

    def find(self, said: str, end_of_speech: float, first_audio: float) -> Moments | None:
        mine = [each for each in self._seen if said in each.text]
        exact = [each for each in mine if same_words(each.text, said)]
        known = _first(exact, Api.LISTEN, ("interim", "words"))
        # Drafts for less than all the words were dropped; of several for all of them the last was
        # heard.
        times = (
            _first(exact, Api.LISTEN, ("asked",)),
            known,
            _last(exact, Api.CHAT, ("asked",)),
            _last(exact, Api.CHAT, ("clause",)),
            _last(mine, self._voice, ("asked",)),
            _last(mine, self._voice, ("first",)),
        )
        steps = [at for at in times if at is not None]
        if len(steps) < len(times):
            return None
        told, known, asked, clause, voice_asked, began = steps
        return Moments(
            said, end_of_speech, told, known, asked, clause, voice_asked, began, first_audio
        )


def _first(seen: Sequence[Seen], api: Api, what: Sequence[str]) -> float | None:
    return min((e.at_s for e in seen if e.api is api and e.what in what), default=None)


def _last(seen: Sequence[Seen], api: Api, what: Sequence[str]) -> float | None:
    return max((e.at_s for e in seen if e.api is api and e.what in what), default=None)


def _judged(
    plan: Plan,
    cores: Cores,
    records: Sequence[tuple[float, CallRecord] | None],
    seen: Sequence[Seen],
) -> Result:
    settings = load("scripted.toml", plan.settings, {}).settings
    turns = list(moments(records, seen, _VOICES[plan.voice][0]))
    judgeable = [turn for turn in turns if isinstance(turn, Moments)]
    verdicts = []
    for turn in judgeable:
        waits = patience(settings.endpointing, turn.said, None, Expectation.ANYTHING, Pauses())
        verdicts.append(judge(turn, waits, settings.gate.stop_ms, plan.delays))
    added = spread([verdict.added_ms for verdict in verdicts])
    return Result(
        cores=cores.note,
        calls=plan.calls,
        voice=plan.voice,
        settings=plan.settings,
        delays=plan.delays,
        turns=len(judgeable),
        unanswered=turns.count(None),
        failed_calls=records.count(None),
        first_audio_ms=spread([verdict.first_audio_ms for verdict in verdicts]),
        decision_ms=spread([verdict.decision_ms for verdict in verdicts]),
        speculation_ms=spread([verdict.speculation_ms for verdict in verdicts]),
        added_ms=added,
        parts_ms=parts(judgeable, settings.gate.stop_ms, plan.delays),
        unseen=sum(isinstance(turn, str) for turn in turns),
        met=added.p50 is not None and added.p50 <= BUDGET_P50_MS,
    )


def parts(turns: Sequence[Moments], gate_ms: float, delays: Delays) -> dict[str, float | None]:
    """Medians of each step, less what a vendor may take for it: what is left is late or ours."""

    def median(steps: list[float], due_ms: float = 0.0) -> float | None:
        return spread([step * 1000 - due_ms for step in steps]).p50

    clause_ms = [
        judge(turn, 0, 0, delays).speculation_ms
        - (turn.words_known - turn.end_of_speech) * 1000
        - delays.tts_first_ms
        for turn in turns
    ]
    return {
        "pause": median([t.pause_told - t.end_of_speech for t in turns], gate_ms),
        "recognizer": median([t.words_known - t.pause_told for t in turns], delays.stt_final_ms),
        "words to LLM": median([t.llm_asked - t.words_known for t in turns]),
        "LLM": spread(
            [(t.clause - t.llm_asked) * 1000 - ms for t, ms in zip(turns, clause_ms, strict=True)]
        ).p50,
        "clause to voice": median([t.voice_asked - t.clause for t in turns]),
        "voice": median([t.voice_began - t.voice_asked for t in turns], delays.tts_first_ms),
        "audio to caller": median([t.first_audio - t.voice_began for t in turns]),
    }


# The report --------------------------------------------------------------------------------------

_HEAD = (
    "voice",
    "calls",
    "turns",
    "first audio p50 / p95",
    "decision p50",
    "speculation p50",
    "added p50 / p95 / worst",
    "unanswered / failed / unseen",
    f"p50 ≤ {BUDGET_P50_MS} ms",
)


def show(result: Result) -> None:
    """Print the tables."""
    say(f"{result.cores}; settings {' '.join(result.settings) or 'as configured'}")
    say()
    first, added = result.first_audio_ms, result.added_ms
    row = (
        result.voice,
        str(result.calls),
        f"{result.turns}",
        f"{figure(first.p50)} / {figure(first.p95)}",
        figure(result.decision_ms.p50),
        figure(result.speculation_ms.p50),
        f"{figure(added.p50, 1)} / {figure(added.p95, 1)} / {figure(added.worst, 1)}",
        f"{result.unanswered} / {result.failed_calls} / {result.unseen}",
        "met" if result.met else "missed",
    )
    say(table(_HEAD, [row]))
    say()
    parts = [(name, figure(ms, 1)) for name, ms in result.parts_ms.items()]
    say(table(("where it goes, p50 (ms)", "beyond the vendor's time"), parts))
