"""What Deepgram's Flux models are asked and answer, without a network.

Flux (https://developers.deepgram.com/docs/flux) hears *turns* and says how sure it is that one has
ended::

    Initial ──StartOfTurn──► ongoing ──EagerEndOfTurn──► perhaps at its end ──EndOfTurn──► Initial
                                ▲──────TurnResumed──────────────┘

About every 250 ms of audio a message brings the words of the whole turn so far, and how far it has
heard. Nothing can be finalized: a request is answered as soon as everything was heard, or Flux says
that the turn ends here. Our utterances are not its turns: one that it ended goes on in the next,
and when ours is taken its turn is ended as well (`ForceEndTurn`).
"""

from collections.abc import Sequence

import msgspec

from voice_pipelines.errors import ProviderError, ProviderGarbled
from voice_pipelines.ports import Hypothesis

from .deepgram_transcript import RATE
from .http_errors import code_error

FORCE_END_TURN = '{"type":"ForceEndTurn"}'
"""Ends the turn in progress, if there is one."""

_EAGER = "0.4"
"""From this confidence on Flux says `EagerEndOfTurn`: early enough to prepare an answer."""

_SLACK = RATE * 100 // 1000
"""Audio that a message may lack and still cover a request: Flux hears in frames of 80 ms."""

_ENDINGS = ("EagerEndOfTurn", "EndOfTurn")

_BEGUN = RATE * 500 // 1000
"""Audio that may hold the beginning of a word that is not told yet."""


def query(model: str, language: str, keyterms: Sequence[str]) -> list[tuple[str, str]]:
    """The parameters of a connection that hears mu-law at 8 kHz."""
    # The English model takes no hint; the other one finds out by itself if there is none.
    hints = [("language_hint", language)] if model.endswith("-multi") and language else []
    return [
        ("model", model),
        ("encoding", "mulaw"),
        ("sample_rate", str(RATE)),
        ("eager_eot_threshold", _EAGER),
        *hints,
        *(("keyterm", term) for term in keyterms),
    ]


class _Word(msgspec.Struct):
    word: str
    start: float | None = None
    end: float | None = None


class TurnInfo(msgspec.Struct, tag="TurnInfo"):
    """The turn so far. Times are seconds since the connection began."""

    event: str
    turn_index: int
    audio_window_end: float
    transcript: str
    end_of_turn_confidence: float
    words: list[_Word] = []


class _Error(msgspec.Struct, tag="Error"):
    code: str = ""


class _Type(msgspec.Struct):
    type: str


def read_message(provider: str, data: str) -> TurnInfo | ProviderError | None:
    """A turn, what went wrong at Deepgram, or None for messages that we have no use for.

    Raises ProviderGarbled.
    """
    try:
        match msgspec.json.decode(data, type=_Type).type:
            case "TurnInfo":
                return msgspec.json.decode(data, type=TurnInfo)
            case "Error":
                # Its prose stays out: it may quote what was said.
                return code_error(provider, msgspec.json.decode(data, type=_Error).code)
            case _:
                return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProviderGarbled(provider, f"not a message: {error}") from error


class FluxTranscript:
    """The words since the last `reset`, and the request that waits for them."""

    def __init__(self) -> None:
        self.understood = 0
        """Audio before this sample will not be asked for again."""
        self._heard = 0
        self._origin = 0
        self._start = 0
        self._ended: list[str] = []
        """The turns of this utterance that Flux has ended."""
        self._turn = ""
        """The words of the turn in progress."""
        self._times: list[tuple[str, int]] = []
        """The same, each with the sample in its middle, if Flux tells."""
        self._confidence: float | None = None
        """That the words so far are all."""
        self._index: int | None = None
        self._taken: int | None = None
        """The turn whose words were taken before Flux ended it."""
        self._waiting: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        """Everything heard in this utterance."""
        return " ".join(part for part in (*self._ended, self._turn) if part)

    @property
    def provisional(self) -> bool:
        """The latest words may still change."""
        return bool(self._turn)

    @property
    def needed(self) -> int:
        """Audio before this sample cannot change the words of this utterance any more."""
        return max(self.understood, self._start)

    @property
    def heard(self) -> int:
        """Audio before this sample was heard."""
        return max(self._heard, self._start)

    @property
    def waiting(self) -> int | None:
        """The request that is to be answered."""
        return self._waiting[0] if self._waiting else None

    def connected(self, origin: int) -> None:
        """A new connection hears the audio from `origin` on."""
        # It will not hear the beginning of a turn that is longer than the audio that is kept.
        if earlier := " ".join(word for word, middle in self._times if middle < origin):
            self._ended.append(earlier)
            self._turn = ""
        self._times.clear()
        self._origin = origin
        self._heard = min(self._heard, origin)
        self._index = self._taken = None

    def settle(self, request: int, end: int) -> Hypothesis | None:
        """Ask for the words up to `end`; None if Flux must be waited for."""
        self._waiting = None if self.heard >= end - _SLACK else (request, end)
        return None if self._waiting else Hypothesis(self.text, request, self._confidence)

    def answer(self) -> Hypothesis | None:
        """Answer the waiting request with what is known, if there is one."""
        waiting, self._waiting = self._waiting, None
        return None if waiting is None else Hypothesis(self.text, waiting[0], self._confidence)

    def reset(self, end: int) -> None:
        """The next utterance begins at `end`."""
        self._start = end
        self._ended.clear()
        self._taken = self._index if self._turn else self._taken
        self._turn = ""
        self._times.clear()
        self._confidence = None
        self._waiting = None

    def take(self, info: TurnInfo) -> Hypothesis | None:
        """What `info` adds; None if that changes nothing."""
        before = self.text
        self._index = info.turn_index
        self._heard = max(self._heard, self._sample(info.audio_window_end))
        words = self._words_of(info)
        ended = info.event == "EndOfTurn"
        if ended and words:
            self._ended.append(words)
        self._turn = "" if ended else words
        if ended:
            self._times.clear()
        if ended:
            self.understood = max(self.understood, self._heard)
        elif not info.transcript:
            self.understood = max(self.understood, self._heard - _BEGUN)
        self._confidence = info.end_of_turn_confidence if words else None
        if self._waiting is not None and (
            (words and info.event in _ENDINGS) or self.heard >= self._waiting[1] - _SLACK
        ):
            return self.answer()
        if words and info.event in (*_ENDINGS, "TurnResumed"):
            return Hypothesis(self.text, None, self._confidence)
        return None if self.text == before else Hypothesis(self.text, None)

    def _words_of(self, info: TurnInfo) -> str:
        """The words of this utterance: an earlier one may reach into the same turn."""
        text = info.transcript.strip()
        times = [
            (word.word, self._sample((word.start + word.end) / 2))
            for word in info.words
            if word.start is not None and word.end is not None
        ]
        if times and len(times) == len(info.words):
            self._times = [(word, middle) for word, middle in times if middle >= self._start]
            if len(self._times) == len(times):
                return text
            return " ".join(word for word, _ in self._times)
        self._times = []
        return "" if info.turn_index == self._taken else text

    def _sample(self, seconds: float) -> int:
        return self._origin + round(seconds * RATE)
