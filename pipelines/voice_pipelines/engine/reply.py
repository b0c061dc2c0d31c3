"""One reply being made: the LLM writes it piece by piece, the TTS speaks each piece."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from ..conversation.commands import Message
from ..conversation.events import (
    Event,
    MessagesSpent,
    ReplyAction,
    ReplyEnded,
    ReplyFailed,
    ReplyStarted,
    ReplyText,
    ReplyUsage,
    SpeechEnded,
    SpeechFailed,
    SpeechReady,
)
from ..conversation.inline_actions import InlineActions
from ..conversation.sentences import SentenceSplitter
from ..errors import ProviderError, ProviderGarbled
from ..ports import Actions, LanguageModel, SpeechChunk, TextToSpeech, ToolCall, Usage

_PIECES = 64
"""Pieces of one reply that may wait for the TTS: several minutes of speech."""


Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None] | None"]
"""Starts a task that its owner ends; None if it takes no more."""


class ReplyMaker:
    """Makes the reply of one turn with at most two tasks."""

    def __init__(
        self,
        turn: int,
        spawn: Spawn,
        tell: Callable[[Event], None],
        tts: TextToSpeech,
        play: Callable[[int, int, SpeechChunk | None], None],
        phrases: Mapping[str, bytes],
        first_clause_words: int,
    ) -> None:
        """`play(turn, piece, chunk)` takes the audio, None at the end of a piece.

        `phrases` are texts whose audio is known, in the format of `tts`.
        """
        self._turn = turn
        self._spawn = spawn
        self._tell = tell
        self._tts = tts
        self._play = play
        self._phrases = phrases
        self._splitter = SentenceSplitter(first_clause_words)
        self._pieces: asyncio.Queue[tuple[int, str]] = asyncio.Queue(_PIECES)
        self._writing: asyncio.Task[None] | None = None
        self._speaking: asyncio.Task[None] | None = None

    def write(
        self,
        llm: LanguageModel,
        history: Sequence[Message],
        actions: Actions | None = None,
        admit: Callable[[], Awaitable[str | None]] | None = None,
    ) -> None:
        """Let `llm` write the reply, unless `admit` returns what to say instead from now on.

        What the model writes of `actions` as JSON is done and never spoken.
        """
        self._writing = self._spawn(self._write(llm, history, actions, admit))

    def speak(self, piece: int, text: str) -> None:
        """Synthesize a piece, after those before it."""
        if (audio := self._phrases.get(text)) is not None and self._speaking is None:
            self._tell(SpeechReady(self._turn, piece))
            self._play(self._turn, piece, SpeechChunk(audio))
            self._ended(piece, len(audio))
            return
        try:
            self._pieces.put_nowait((piece, text))
        except asyncio.QueueFull:
            self._tell(SpeechFailed(self._turn, piece, "the reply has too many pieces"))
            return
        if self._speaking is None:
            self._speaking = self._spawn(self._speak())

    def cancel(self) -> None:
        """Stop; nothing of this reply is told any more once the event loop runs again."""
        for task in (self._writing, self._speaking):
            if task is not None:
                task.cancel()

    async def _write(
        self,
        llm: LanguageModel,
        history: Sequence[Message],
        actions: Actions | None,
        admit: Callable[[], Awaitable[str | None]] | None,
    ) -> None:
        if admit is not None and (instead := await admit()) is not None:
            self._tell(MessagesSpent(instead))
            return
        inline = InlineActions(actions.names if actions else ())
        started = False
        try:
            async for delta in llm.reply(history, actions.tools() if actions else ()):
                if isinstance(delta, Usage):
                    read, cached = delta.input_tokens, delta.cached_tokens
                    self._tell(ReplyUsage(self._turn, read, cached, delta.output_tokens))
                    continue
                if not started:
                    started = True
                    self._tell(ReplyStarted(self._turn))
                if isinstance(delta, ToolCall):
                    self._sort(inline.flush())
                    self._act(delta.name, delta.arguments)
                else:
                    self._sort(inline.push(delta))
        except ProviderError as error:
            self._tell(ReplyFailed(self._turn, str(error), error.provider))
            return
        self._sort(inline.flush())
        self._say_rest()
        self._tell(ReplyEnded(self._turn))

    def _sort(self, pieces: Sequence[str | tuple[str, str]]) -> None:
        for piece in pieces:
            if isinstance(piece, str):
                self._say(piece)
            else:
                self._act(*piece)

    def _say(self, delta: str) -> None:
        for text in self._splitter.push(delta):
            self._tell(ReplyText(self._turn, text))

    def _say_rest(self) -> None:
        for text in self._splitter.flush():
            self._tell(ReplyText(self._turn, text))

    def _act(self, name: str, arguments: str) -> None:
        self._say_rest()  # What was said before it comes before it.
        self._tell(ReplyAction(self._turn, name, arguments))

    async def _speak(self) -> None:
        while True:
            piece, text = await self._pieces.get()
            size = 0
            try:
                async for chunk in self._tts.speak(text):
                    if not size and chunk.audio:
                        self._tell(SpeechReady(self._turn, piece))
                    size += len(chunk.audio)
                    self._play(self._turn, piece, chunk)
                if not size:
                    raise ProviderGarbled("tts", "no audio for a text")
            except ProviderError as error:
                self._tell(SpeechFailed(self._turn, piece, str(error), error.provider))
                return
            self._ended(piece, size)

    def _ended(self, piece: int, size: int) -> None:
        self._play(self._turn, piece, None)
        audio_format = self._tts.format
        audio_ms = size // audio_format.sample_width * 1000 // audio_format.rate
        self._tell(SpeechEnded(self._turn, piece, audio_ms))
