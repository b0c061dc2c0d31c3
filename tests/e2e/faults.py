"""Whole calls while a vendor fails, and what the caller heard of it.

Vendors and callers speak `bench.spelling`: what was heard is read off the recorded line, with the
time of each word.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.spelling import Passage, passages, spell
from bench.vendors.faults import UNRESOLVABLE, Api, Fault, Kind, refused_url
from bench.vendors.running import vendors
from bench.vendors.service import Delays, Vendors
from voice_agent.app import serving
from voice_agent.calls.journal_file import load as load_journal
from voice_agent.calls.journal_file import path_of
from voice_agent.settings import load
from voice_agent.telephony.caller import Script, Utterance
from voice_agent.telephony.carrier import CallRecord, place_call
from voice_agent.telephony.pacer import Pacer
from voice_pipelines.conversation.commands import HangUp, StartReply
from voice_pipelines.conversation.journal import Journal
from voice_pipelines.conversation.words import words

Stage = Literal["STT", "LLM", "TTS"]

QUESTIONS = ("how much is the tea", "do you have lemon cake")
SILENCE_MS = 4000
"""The most that the caller may have to bear while the agent owes something."""
_PATIENCE_MS = 4300
_SAMPLES_PER_MS = 8
_AT_ONCE = (16, 6, 3)
"""Calls in one process, and when those that were late are held again, and again."""
_LATE_MS = 150
"""A call in which this process was later than that has measured the machine."""

PHRASES = {
    "greeting": "",
    "filler": "One moment.",
    "not_heard": "I did not catch that.",
    "apology": "Sorry, there is some trouble.",
    "broken_off": "I lost my thread.",
    "idle": "Are you there?",
    "goodbye": "Goodbye.",
    "failure": "I cannot help you now, goodbye.",
    "time_up": "Time is up.",
}
"""What the agent says by itself. Short: a letter takes 60 ms."""

HEARD = {
    "filler": "filler",
    "not_heard": "did not catch that",
    "apology": "apology",
    "broken_off": "lost my thread",
    "failure": "good-bye",
    "idle": "idle",
    "goodbye": "good-bye",
}
"""The phrases as the table calls them."""

_RESOLVED = ("answer", "answers", "not catch that", "apology", "thread", "good-bye")
"""How a turn is told after which the caller has the floor."""

_PERSONA = 'name = "Faults"\ninstructions = "Answer."\n[phrases]\n' + "".join(
    f'{name} = "{text}"\n' for name, text in PHRASES.items()
)
_CONFIGURATION = """
persona = "persona.toml"
vad = "energy"
turn_detector = "none"
[server]
port = 0
[twilio]
require_token = false
[log]
level = "error"
[storage]
url = ""
[watchdog]
failures = 2
"""


def answer_as(name: str, said: str) -> str:
    """What the model `name` says: where its answer was broken off can be heard."""
    return f"This is what {name} knows of {said}, and it is all there is to know. Come soon."


def full_answer(name: str, said: str) -> str:
    return " ".join(words(answer_as(name, said)))


@dataclass(frozen=True)
class Cell:
    """One case."""

    stage: Stage
    fault: str
    """A `Kind`, "refused" or "no such host"."""
    fallback: bool
    times: int | None = None
    """Requests that the fault lasts for; None for ever."""

    def __str__(self) -> str:
        how = "with a fallback" if self.fallback else "alone"
        return f"{self.fault} at {self.stage}, {how}" + (f", {self.times}x" if self.times else "")


ADDRESSES: dict[str, Callable[[], str]] = {
    "refused": refused_url,
    "no such host": lambda: UNRESOLVABLE,
}
"""Faults of the address, which is wrong from the start."""
_APIS: dict[Stage, Api] = {"STT": Api.LISTEN, "LLM": Api.CHAT, "TTS": Api.SPEAK}
DELAYS = Delays(slow_ms=2500, llm_stops_after=14)


@dataclass(frozen=True)
class Call:
    """One call of a cell as it was for the caller."""

    cell: Cell
    record: CallRecord
    journal: Journal
    first: Vendors
    second: Vendors
    open_after: int
    """Requests and sockets of the vendors that were still under way two seconds after the end."""

    def turns(self) -> list[list[Passage]]:
        """What was heard after each thing that the caller said; the last began before the end."""
        heard = passages(self.record.heard_mulaw)
        ends = [spoken.end for spoken in self.record.spoken]
        limits = [*ends[1:], len(self.record.heard_mulaw) + 1]
        return [
            [passage for passage in heard if end <= passage.start < limit]
            for end, limit in zip(ends, limits, strict=True)
        ]

    def outcome(self) -> list[str]:
        """What the caller heard in each turn, in the words of the table."""
        return [self.told(index) for index in range(len(self.record.spoken))]

    def told(self, index: int) -> str:
        """One turn, what was said in its order."""
        said = QUESTIONS[index]
        text = " ".join(" ".join(words(passage.text)) for passage in self.turns()[index])
        told = []
        while text:
            for pattern, name in _patterns(said):
                if match := re.match(pattern, text):
                    told.append(name)
                    text = text[match.end() :].strip()
                    break
            else:
                told.append("half an answer")  # Or nonsense: the laws would tell.
                # Up to the next thing that is known.
                starts = [
                    found.start()
                    for pattern, name in _patterns(said)
                    if (found := re.search(pattern, text))
                ]
                text = text[min(starts, default=len(text)) :]
        return ", ".join(told) or "nothing"

    def silences_ms(self) -> list[float]:
        """How long the caller waited in silence while something was owed, all turns."""
        waited = []
        ends = [spoken.end for spoken in self.record.spoken]
        starts = [spoken.start for spoken in self.record.spoken]
        over = int(self.record.duration_ms * _SAMPLES_PER_MS)
        for index, (turn, end) in enumerate(zip(self.turns(), ends, strict=True)):
            for passage in turn:
                waited.append((passage.start - end) / _SAMPLES_PER_MS)
                end = passage.end
            if not self.told(index).endswith(_RESOLVED):  # It was waited for in vain.
                later = [start for start in starts if start > end]
                waited.append((min(later, default=over) - end) / _SAMPLES_PER_MS)
        return waited


def _patterns(said: str) -> list[tuple[str, str]]:
    phrases = [(" ".join(words(PHRASES[key])), name) for key, name in HEARD.items()]
    answers = [
        (full_answer("first", said), "answer"),
        (full_answer("second", said), "other model answers"),
    ]
    return [(rf"{re.escape(text)}(?: |$)", name) for text, name in [*phrases, *answers]]


def lost_turns(call: Call) -> list[str]:
    """What the caller said that is in no history and was not asked for again."""
    histories = [
        command for _, command in call.journal.commands() if isinstance(command, StartReply)
    ]
    shown = " / ".join(
        " ".join(words(message.text)) for reply in histories for message in reply.history
    )
    asked_again = {"did not catch that", "good-bye"}
    return [
        said
        for index, said in enumerate(QUESTIONS[: len(call.record.spoken)])
        if said not in shown and not asked_again & set(call.told(index).split(", "))
    ]


def hung_up(call: Call) -> str:
    """Why the agent ended the call, or "caller_left"."""
    return next(c.reason for _, c in call.journal.commands() if isinstance(c, HangUp))


# Holding the calls -------------------------------------------------------------------------------


async def hold_all(cells: Mapping[Cell, int], folder: Path) -> list[Call]:
    """A call of so many questions for each of `cells`, several at a time.

    Those that were late are held again, fewer at a time.
    """
    held: dict[Cell, Call] = {}
    for attempt, at_once in enumerate(_AT_ONCE):
        slots = asyncio.Semaphore(at_once)

        async def one(cell: Cell, number: int, slots: asyncio.Semaphore) -> None:
            async with slots:
                held[cell] = await _hold(cell, cells[cell], folder / str(number), pacer)

        late = [cell for cell in cells if cell not in held or _was_late(held[cell])]
        async with Pacer() as pacer, asyncio.TaskGroup() as group:
            for cell in late:
                group.create_task(one(cell, attempt, slots))
    return list(held.values())


def _was_late(call: Call) -> bool:
    return call.record.worst_lateness_ms > _LATE_MS


async def _hold(cell: Cell, questions: int, folder: Path, pacer: Pacer) -> Call:
    """Let the questions be asked on a server of its own."""
    folder = folder / re.sub(r"\W+", "-", str(cell))
    folder.mkdir(parents=True)
    (folder / "persona.toml").write_text(_PERSONA)
    (folder / "faults.toml").write_text(_CONFIGURATION)
    async with _two_vendors() as (first, second):
        overrides = _overrides(cell, first, second, folder)
        if _from_the_start(cell):
            _break(cell, first)
        async with serving(load(folder / "faults.toml", overrides, {})) as server:
            if not _from_the_start(cell):
                _break(cell, first)
            url = server.url.replace("http", "ws", 1) + "/twilio/media"
            steps = tuple(Utterance(spell(said), said) for said in QUESTIONS[:questions])
            script = Script(
                steps,
                pause_ms=_PATIENCE_MS,
                farewell_ms=_PATIENCE_MS,
                greeting_ms=400,
                patience_ms=9000,
                limit_ms=60_000,
            )
            record = await place_call(url, script, pacer=pacer)
            await server.switchboard.becomes_idle(3000)
            open_after = await _still_open(first, second)
        journal = load_journal(path_of(folder, record.call_sid))
    return Call(cell, record, journal, first, second, open_after)


async def _still_open(*both: Vendors) -> int:
    for _ in range(20):
        if not sum(there.open for there in both):
            break
        await asyncio.sleep(0.1)
    return sum(there.open for there in both)


@asynccontextmanager
async def _two_vendors() -> AsyncIterator[tuple[Vendors, Vendors]]:
    def as_first(said: str) -> str:
        return answer_as("first", " ".join(words(said)))

    def as_second(said: str) -> str:
        return answer_as("second", " ".join(words(said)))

    async with vendors(DELAYS, as_first) as first, vendors(DELAYS, as_second) as second:
        yield first, second


def _overrides(cell: Cell, first: Vendors, second: Vendors, folder: Path) -> Sequence[str]:
    urls = dict.fromkeys(("STT", "LLM", "TTS"), first.url)
    if cell.fault in ADDRESSES:
        urls[cell.stage] = ADDRESSES[cell.fault]()
    settings = [
        f"journal.directory={folder}",
        "stt.provider=deepgram",
        f"stt.base_url={urls['STT']}",
        "llm.provider=openai",
        "llm.model=m",
        f"llm.base_url={urls['LLM']}/v1",
        "tts.provider=deepgram",
        f"tts.base_url={urls['TTS']}",
    ]
    if cell.fallback:
        again = f"provider='openai', model='m', base_url='{second.url}/v1'"
        voice = ", voice='v'" if cell.stage == "TTS" else ""
        settings.append(f"{cell.stage.lower()}.fallback=[{{{again}{voice}}}]")
    return settings


def _from_the_start(cell: Cell) -> bool:
    """Voices are healthy when the server starts, for the phrases; the others need not be."""
    return cell.stage != "TTS" or cell.fault in ADDRESSES


def _break(cell: Cell, first: Vendors) -> None:
    api = _APIS[cell.stage]
    if cell.fault not in ADDRESSES:
        first.faults.plan(api, Fault(Kind(cell.fault), times=cell.times))
