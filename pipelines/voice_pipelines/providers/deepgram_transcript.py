"""What Deepgram is asked and answers when it listens, without a network.

`query` and `read_message` are the wire (https://developers.deepgram.com/reference/speech-to-text).
`Tape` holds the audio that may have to be sent again, `Transcript` makes one utterance out of
results. Both count samples since the leg began, and as mu-law has one byte per sample, bytes too;
Deepgram counts seconds since its connection began, which `Transcript.connected` reconciles.
"""

from collections.abc import Sequence

import msgspec

from voice_codecs.pcm import MULAW_8K
from voice_pipelines.errors import ProviderError, ProviderGarbled, ProviderUnavailable
from voice_pipelines.ports import Hypothesis

RATE = MULAW_8K.rate

_SLACK = RATE * 50 // 1000
"""Audio that a final result may lack and still cover everything: Deepgram counts in windows."""

_FINALIZE_SLACK = RATE * 250 // 1000
"""The same for a result that says itself that it answers a `Finalize`."""

_MESSAGE_BYTES = RATE
"""The most that is sent in one message: a second, so that a replay does not go out as one lump."""

# The wire ----------------------------------------------------------------------------------------

FINALIZE = '{"type":"Finalize"}'
"""Asks for the final result of what was sent; https://developers.deepgram.com/docs/finalize."""
KEEP_ALIVE = '{"type":"KeepAlive"}'
CLOSE_STREAM = '{"type":"CloseStream"}'


def query(model: str, language: str, keyterms: Sequence[str]) -> list[tuple[str, str]]:
    """The parameters of a connection that hears mu-law at 8 kHz."""
    return [
        ("model", model),
        ("language", language),
        ("encoding", "mulaw"),
        ("sample_rate", str(RATE)),
        ("channels", "1"),
        ("interim_results", "true"),
        ("punctuate", "true"),
        ("smart_format", "true"),
        # We say ourselves when somebody has finished, by `Finalize`.
        ("endpointing", "false"),
        *(("keyterm", term) for term in keyterms),
    ]


class _Word(msgspec.Struct):
    word: str
    start: float
    end: float
    punctuated_word: str | None = None


class _Alternative(msgspec.Struct):
    transcript: str
    words: list[_Word] = []


class _Channel(msgspec.Struct):
    alternatives: list[_Alternative]


class Results(msgspec.Struct, tag="Results"):
    """What was heard in a stretch of audio. Times are seconds since the connection began."""

    start: float
    duration: float
    channel: _Channel
    is_final: bool = False
    """Nothing will change it any more; otherwise the next result of this stretch replaces it."""
    from_finalize: bool = False


class _Type(msgspec.Struct):
    type: str


def read_message(provider: str, data: str) -> Results | ProviderError | None:
    """A result, what went wrong at Deepgram, or None for messages that we have no use for.

    Raises ProviderGarbled.
    """
    try:
        match msgspec.json.decode(data, type=_Type).type:
            case "Results":
                return msgspec.json.decode(data, type=Results)
            case "Error":
                # Its prose stays out: it may quote what was said.
                return ProviderUnavailable(provider, "an error in the midst of the stream")
            case _:
                return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProviderGarbled(provider, f"not a message: {error}") from error


# Audio -------------------------------------------------------------------------------------------


class Tape:
    """The latest audio, as far as it is not known to have been understood, at most `capacity`."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept = bytearray()
        self._start = 0
        self.sent = 0
        """Where the next `take` begins."""
        self.torn = False
        """Audio was lost before it was taken: what is taken does not join on."""

    @property
    def end(self) -> int:
        """How much was fed, in all."""
        return self._start + len(self._kept)

    def feed(self, audio: bytes) -> None:
        """Append `audio`; the oldest gives way."""
        self._kept += audio
        self.release(self.end - self._capacity)

    def take(self) -> bytes:
        """The next audio to send, b"" if there is none."""
        offset = self.sent - self._start
        audio = bytes(self._kept[offset : offset + _MESSAGE_BYTES])
        self.sent += len(audio)
        return audio

    def release(self, position: int) -> None:
        """What lies before `position` is not needed any more."""
        if position > self._start:
            position = min(position, self.end)
            del self._kept[: position - self._start]
            self._start = position
            if self.sent < position:
                self.sent = position
                self.torn = True

    def rewind(self) -> int:
        """Take everything that is kept again; returns where that begins."""
        self.sent = self._start
        self.torn = False
        return self._start


# Words -------------------------------------------------------------------------------------------


class Transcript:
    """The words since the last `reset`, and the request that waits for them."""

    def __init__(self) -> None:
        self.understood = 0
        """Audio before this sample is covered by final results."""
        self._origin = 0
        self._start = 0
        self._final: list[str] = []
        self._interim = ""
        self._waiting: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        """Everything heard in this utterance, provisional words included."""
        return " ".join(part for part in (*self._final, self._interim) if part)

    @property
    def provisional(self) -> bool:
        """The latest words may still change."""
        return bool(self._interim)

    @property
    def needed(self) -> int:
        """Audio before this sample cannot change the words of this utterance any more."""
        return max(self.understood, self._start)

    @property
    def heard(self) -> int:
        """The same: what is not final does not count as heard."""
        return self.needed

    @property
    def waiting(self) -> int | None:
        """The request that is to be answered."""
        return self._waiting[0] if self._waiting else None

    def connected(self, origin: int) -> None:
        """A new connection hears the audio from `origin` on."""
        self._origin = origin

    def settle(self, request: int, end: int) -> Hypothesis | None:
        """Ask for the words up to `end`; None if results must be waited for."""
        self._waiting = None if self._covers(end, _SLACK) else (request, end)
        return Hypothesis(self.text, request) if self._waiting is None else None

    def answer(self) -> Hypothesis | None:
        """Answer the waiting request with what is known, if there is one."""
        waiting, self._waiting = self._waiting, None
        return None if waiting is None else Hypothesis(self.text, waiting[0])

    def reset(self, end: int) -> None:
        """The next utterance begins at `end`."""
        self._start = end
        self._final.clear()
        self._interim = ""
        self._waiting = None

    def take(self, results: Results) -> Hypothesis | None:
        """What `results` add; None if that changes nothing."""
        before = self.text
        words = self._words_of(results)
        if not results.is_final:
            self._interim = words
        else:
            end = self._sample(results.start + results.duration)
            self.understood = max(self.understood, end)
            self._interim = ""
            if words:
                self._final.append(words)
            # Deepgram numbers no answers, and gives none to a `Finalize` that finds nothing to
            # finalize: how far a final result reaches tells what it answers.
            slack = _FINALIZE_SLACK if results.from_finalize else _SLACK
            if self._waiting is not None and self._covers(self._waiting[1], slack):
                return self.answer()
        text = self.text
        return Hypothesis(text, None) if text != before else None

    def _covers(self, end: int, slack: int) -> bool:
        return not self._interim and self.needed >= end - slack

    def _words_of(self, results: Results) -> str:
        """The words of this utterance: an earlier one may reach into the same result."""
        if not results.channel.alternatives:
            return ""
        best = results.channel.alternatives[0]
        if self._sample(results.start) >= self._start:
            return best.transcript.strip()
        return " ".join(
            word.punctuated_word or word.word
            for word in best.words
            if self._sample((word.start + word.end) / 2) >= self._start
        )

    def _sample(self, seconds: float) -> int:
        return self._origin + round(seconds * RATE)
