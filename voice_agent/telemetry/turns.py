"""Figures per turn, as a pure function of a call's events and commands.

The same function runs live (metrics) and over journals (reports, benchmarks), so that they agree.
All times are milliseconds since the call began, all durations milliseconds.

`Turn.stages` is the turn as a waterfall. Stages overlap, as the work is done ahead::

    caller's last sound
    │ endpointing ────────────────────────────┐ released
    │      stt ──┐                            │
    │            llm_first_token ──┐          │
    │                   first_clause ─┐       │
    │                    tts_first_byte ──┐   │
    │                                         sending ┐ first audio
    │                                                 heard ──────────┐
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from voice_pipelines.conversation.commands import (
    Command,
    Pause,
    Release,
    Settle,
    Silence,
    Speak,
    StartReply,
    StartUtterance,
)
from voice_pipelines.conversation.events import (
    Event,
    Heard,
    KeyPressed,
    PlaybackEnded,
    PlaybackStarted,
    ReplyEnded,
    ReplyFailed,
    ReplyStarted,
    ReplyUsage,
    SpeechReady,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
)
from voice_pipelines.conversation.journal import Entry

STAGES = (
    "endpointing",
    "stt",
    "llm_first_token",
    "first_clause",
    "tts_first_byte",
    "sending",
    "heard",
)
"""The stages of a turn in the order in which they end, as a rule."""


_COUGH_MS = 2_000
"""Speech without words that so long a silence follows is no part of what is said next."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of one turn."""

    name: str
    """One of `STAGES`."""
    start: int
    end: int

    @property
    def took_ms(self) -> int:
        return self.end - self.start


@dataclass(slots=True)
class Turn:
    """One reply of the agent that was released: an answer to the caller, or a fixed phrase."""

    number: int
    user_text: str = ""
    agent_text: str = ""
    heard_text: str = ""
    speech_began: int | None = None
    """When the first voiced audio was heard of what the turn answers; None if it was written."""
    speech_ended: int | None = None
    """When the caller's last voiced audio before it ended."""
    asked: int | None = None
    """When the recognizer was asked for the words that it answers."""
    transcribed: int | None = None
    started: int | None = None
    """When the LLM was asked."""
    first_token: int | None = None
    written: int | None = None
    """When the LLM had said all, or had failed."""
    failed: bool = False
    """The LLM failed before it had said all."""
    input_tokens: int | None = None
    """What the LLM read, cached tokens included; None if its provider did not tell."""
    cached_tokens: int | None = None
    output_tokens: int | None = None
    spoken_to: int | None = None
    """When the TTS got the first piece."""
    first_speech: int | None = None
    """When the TTS gave the first audio."""
    released: int | None = None
    first_audio: int | None = None
    """When the first audio left for the caller."""
    ended: int | None = None
    paused: int = 0
    """How often the playout was paused."""
    interrupted: bool = False
    """It was audible and is cut off: by the caller, a watchdog or the end of the call."""

    def without_words(self) -> "Turn":
        """The figures alone."""
        return replace(self, user_text="", agent_text="", heard_text="")

    @property
    def is_answer(self) -> bool:
        """Whether the LLM wrote it."""
        return self.started is not None

    @property
    def endpointing_ms(self) -> int | None:
        """From the caller's last voiced audio to the decision that the turn is over."""
        return _between(self.speech_ended, self.released)

    @property
    def stt_ms(self) -> int | None:
        """From the question to the recognizer to the words that were answered."""
        return _between(self.asked, self.transcribed)

    @property
    def llm_ttft_ms(self) -> int | None:
        """From the question to the LLM to its first token."""
        return _between(self.started, self.first_token)

    @property
    def tts_ttfb_ms(self) -> int | None:
        """From the first piece to its first audio."""
        return _between(self.spoken_to, self.first_speech)

    @property
    def first_clause_ms(self) -> int | None:
        """From the LLM's first token to the first piece."""
        return _between(self.first_token, self.spoken_to)

    @property
    def first_audio_ms(self) -> int | None:
        """From the caller's last voiced audio to the first audio that leaves for the caller."""
        return _between(self.speech_ended, self.first_audio)

    @property
    def ready(self) -> int | None:
        """When both the decision to speak and the audio were there: nothing more is to be waited
        for but what is being played before."""
        if self.released is None or self.first_speech is None:
            return None
        return max(self.released, self.first_speech)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The waterfall: those of `STAGES` that the turn went through, in that order."""
        spans = {
            "endpointing": (self.speech_ended, self.released),
            "stt": (self.asked, self.transcribed),
            "llm_first_token": (self.started, self.first_token),
            "first_clause": (self.first_token, self.spoken_to),
            "tts_first_byte": (self.spoken_to, self.first_speech),
            "sending": (self.ready, self.first_audio),
            "heard": (self.first_audio, self.ended),
        }
        return tuple(
            Stage(name, start, end)
            for name, (start, end) in spans.items()
            if start is not None and end is not None
        )


def _between(start: int | None, end: int | None) -> int | None:
    return None if start is None or end is None else end - start


@dataclass(slots=True)
class TurnMeter:
    """Collects turns from events and commands in their order."""

    turns: list[Turn] = field(default_factory=list)
    """The released turns so far, in the order of release."""
    _open: dict[int, Turn] = field(default_factory=dict)
    _heard: "_Heard" = field(default_factory=lambda: _Heard())
    _places: dict[int, int] = field(default_factory=dict)
    """By turn how many contributions of the caller there were."""
    _speech_ended: int | None = None
    _asked: dict[int, int] = field(default_factory=dict)
    _request: int = 0
    _transcribed: int | None = None

    def event(self, now: int, event: Event) -> Turn | None:
        """Take an event; return the turn that it completes, if it does."""
        match event:
            case SpeechStarted():
                self._heard.started(now)
            case SpeechStopped(_, silence_ms):
                self._speech_ended = now - silence_ms
                self._heard.stopped(now)
            case KeyPressed():
                self._heard = _Heard()
                # What answers keys is not measured from something said long before.
                self._speech_ended = self._transcribed = None
                self._request = 0
            case Transcribed(_, text, request):
                self._heard.has_words = self._heard.has_words or bool(text)
                if request == self._request:
                    self._transcribed = now
            case ReplyStarted(turn) if found := self._open.get(turn):
                found.first_token = now
            case ReplyUsage(turn, read, cached, written) if found := self._open.get(turn):
                found.input_tokens, found.cached_tokens = read, cached
                found.output_tokens = written
            case ReplyEnded(turn) if found := self._open.get(turn):
                found.written = now
            case ReplyFailed(turn) if found := self._open.get(turn):
                found.failed = True
                found.written = now
            case SpeechReady(turn, 0) if found := self._open.get(turn):
                found.first_speech = now
            case PlaybackStarted(_, turn) if found := self._open.get(turn):
                found.first_audio = now if found.first_audio is None else found.first_audio
            case Heard(_, turn, text) if found := self._released(turn):
                found.heard_text = text  # Of an interrupted turn, told after its end.
            case PlaybackEnded(_, turn) if found := self._open.get(turn):
                found.ended = now
                return self._close(turn)
            case _:
                pass
        return None

    def command(self, now: int, command: Command) -> Turn | None:
        """Take a command; return the turn that it completes, if it does."""
        match command:
            case StartUtterance():
                self._heard.utter(now)
            case Settle(_, request):
                self._request = request
                self._asked[request] = now
            case StartReply(turn, history):
                user = history[-1].text if history and history[-1].role == "user" else ""
                self._places[turn] = sum(each.role == "user" for each in history)
                self._open[turn] = Turn(
                    turn,
                    user_text=user,
                    started=now,
                )
            case Speak(turn, piece, text):
                spoken = self._open.setdefault(turn, Turn(turn))
                spoken.agent_text = f"{spoken.agent_text} {text}".strip()
                if piece == 0:
                    spoken.spoken_to = now
            case Release(turn) if found := self._open.get(turn):
                found.released = now
                if found.is_answer:
                    # The draft may be older than the last pause and its settled words.
                    found.speech_began = self._began(found)
                    found.speech_ended = self._speech_ended
                    found.asked = self._asked.get(self._request)
                    found.transcribed = self._transcribed
                self.turns.append(found)
            case Pause(turn) if found := self._open.get(turn):
                found.paused += 1
            case Silence(turn) if found := self._open.get(turn):
                found.interrupted = found.first_audio is not None
                found.ended = now
                return self._close(turn)
            case _:
                pass
        return None

    def _began(self, turn: Turn) -> int | None:
        """When what a turn answers began: before an earlier answer to the same, if it goes on."""
        place = self._places.get(turn.number)
        for before in reversed(self.turns):
            if before.is_answer:
                same = self._places.get(before.number) == place
                if same and turn.user_text.startswith(before.user_text):
                    return before.speech_began
                break
        return self._heard.said_from

    def _released(self, number: int) -> Turn | None:
        return next((turn for turn in reversed(self.turns) if turn.number == number), None)

    def _close(self, number: int) -> Turn | None:
        turn = self._open.pop(number)
        return turn if turn.released is not None else None


@dataclass(slots=True)
class _Heard:
    """Where in what the gate tells an utterance began."""

    said_from: int | None = None
    """Of the last utterance that is over."""
    has_words: bool = False
    _since: int | None = None
    _stopped: int | None = None
    """When the caller fell silent; None while they speak."""

    def started(self, now: int) -> None:
        forgotten = self._stopped is not None and now - self._stopped > _COUGH_MS
        if self._since is None or (forgotten and not self.has_words):
            self._since = now
        self._stopped = None

    def stopped(self, now: int) -> None:
        self._stopped = now

    def utter(self, now: int) -> None:
        """What is heard from now on is another utterance."""
        speaks = self._since is not None and self._stopped is None
        self.said_from, self._since = self._since, now if speaks else None
        self.has_words = False


def turns(entries: Iterable[Entry]) -> Iterator[Turn]:
    """The released turns of a journal."""
    meter = TurnMeter()
    for entry in entries:
        if entry.event is not None:
            meter.event(entry.now, entry.event)
        if entry.command is not None:
            meter.command(entry.now, entry.command)
    yield from meter.turns
