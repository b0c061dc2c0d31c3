"""What is said to ElevenLabs and made of its answers
(https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input).

No network: `query` and `opening` are what is asked for, `read_message` and `WordTimes` make sense
of what comes back.
"""

import base64
import binascii
import json
from collections import deque
from collections.abc import Mapping

import msgspec

from voice_codecs.pcm import MULAW_8K
from voice_pipelines.errors import ProviderError, ProviderGarbled, ProviderUnavailable

from .http_errors import code_error

# What is asked for -------------------------------------------------------------------------------


def query(model: str, language: str | None) -> dict[str, str]:
    """The parameters of a connection that speaks mu-law at 8 kHz."""
    asked = {
        "model_id": model,
        "output_format": "ulaw_8000",
        # Every text is a whole clause: nothing is gained by waiting for more of it.
        "auto_mode": "true",
        "sync_alignment": "true",
        # The most that is allowed, in seconds; how long a socket is kept we decide ourselves.
        "inactivity_timeout": "180",
    }
    return asked | ({"language_code": language} if language else {})


def opening(context: str, text: str, voice_settings: Mapping[str, float | bool]) -> list[str]:
    """The messages that have `text` spoken, all of it and nothing else, in a context of its own."""
    first: dict[str, object] = {"text": " ", "context_id": context}
    if voice_settings:
        first["voice_settings"] = dict(voice_settings)
    # "Should end with a single space", says the vendor of texts.
    said = {"text": text.rstrip() + " ", "context_id": context, "flush": True}
    # What was flushed is still spoken; then the context ends, and says so.
    last = {"context_id": context, "close_context": True}
    return [json.dumps(message) for message in (first, said, last)]


# What comes back ---------------------------------------------------------------------------------


class Alignment(msgspec.Struct):
    """When each character is said, in ms from the beginning of the chunk that it came with."""

    chars: list[str] = []
    starts: list[int] = msgspec.field(default=[], name="charStartTimesMs")
    durations: list[int] = msgspec.field(default=[], name="charDurationsMs")


class Message(msgspec.Struct):
    """What the socket says. Which fields are there depends."""

    context: str | None = msgspec.field(default=None, name="contextId")
    audio: str | None = None
    """Base64."""
    alignment: Alignment | None = None
    """Of the text as it was written."""
    normalized: Alignment | None = msgspec.field(default=None, name="normalizedAlignment")
    """Of the text as it is read out: "$5" is "five dollars"."""
    final: bool | None = msgspec.field(default=None, name="isFinal")
    error: str | None = None


def read_message(provider: str, data: str) -> Message:
    """Raises ProviderGarbled, or whatever error the message tells of."""
    try:
        message = msgspec.json.decode(data, type=Message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProviderGarbled(provider, f"not a message: {error}") from error
    if message.error is not None:
        raise failure(provider, message.error)
    return message


def audio_of(provider: str, message: Message) -> bytes:
    """The audio of a message, b"" if it has none. Raises ProviderGarbled."""
    try:
        return base64.b64decode(message.audio or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProviderGarbled(provider, "the audio is not base64") from error


def failure(provider: str, code: str) -> ProviderError:
    """What an error message means to us. Its prose stays out: it may quote the text."""
    if code == "input_timeout_exceeded":  # an idle socket, not the text that comes too late
        return SocketLost(provider, code)
    return code_error(provider, code)


class SocketLost(ProviderUnavailable):
    """The socket is closed, or about to be."""


class WordTimes:
    """Turns the alignments of one text into the words of that text, each with where it ends.

    A chunk is aligned with the text as written and as read out. Either may leave the text: the
    latter at the first number, the former, with some models, by starting anew. So each time the
    one that goes on where we are is believed. If neither does, there are no more times for this
    text, which is no loss: the ledger estimates what nobody tells.
    """

    def __init__(self, text: str) -> None:
        self._words = _words(text)
        self._letters = "".join(text.split())
        self._said = 0
        """How many of the letters."""
        self._begun_ms = 0
        """Where the next chunk begins."""
        self._lost = False

    def take(self, message: Message) -> tuple[tuple[str, int], ...]:
        """The words that end in the chunk of `message`, and the samples at which they do."""
        choices = [choice for choice in (message.alignment, message.normalized) if choice]
        choices = [choice for choice in choices if choice.chars]
        if not choices or self._lost:
            return ()
        for choice in choices:
            if (ends := self._follow(choice)) is not None:
                self._begun_ms += choice.starts[-1] + choice.durations[-1]
                return tuple(self._completed(ends))
        self._lost = True
        return ()

    def _follow(self, alignment: Alignment) -> list[int] | None:
        """When each of the next letters ends, in ms; None if these are not the next letters."""
        if not len(alignment.chars) == len(alignment.starts) == len(alignment.durations):
            return None
        ends = []
        at = self._said
        for char, start, ms in zip(
            alignment.chars, alignment.starts, alignment.durations, strict=True
        ):
            if char.isspace() or not char:
                continue
            if not self._letters.startswith(char, at):
                return None
            at += len(char)
            ends += [self._begun_ms + start + ms] * len(char)
        return ends

    def _completed(self, ends: list[int]) -> list[tuple[str, int]]:
        completed = []
        for end in ends:
            self._said += 1
            if self._words and self._words[0][1] <= self._said:
                word, _ = self._words.popleft()
                completed.append((word, end * MULAW_8K.rate // 1000))
        return completed


def _words(text: str) -> deque[tuple[str, int]]:
    """The words, each with the white space before it and the number of letters up to its end."""
    words: deque[tuple[str, int]] = deque()
    at = letters = 0
    for word in text.split():
        end = text.index(word, at) + len(word)
        letters += len(word)
        words.append((text[at:end], letters))
        at = end
    return words
