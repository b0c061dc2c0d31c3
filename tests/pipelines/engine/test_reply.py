"""A reply being made with scripted providers, in time that passes at once."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence

from tests.pipelines.engine.skipping_loop import run
from voice_codecs.pcm import MULAW_8K
from voice_pipelines.conversation.commands import Message
from voice_pipelines.conversation.events import (
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
from voice_pipelines.engine.reply import ReplyMaker
from voice_pipelines.ports import ReplyDelta, SpeechChunk, Tool, ToolCall, Usage
from voice_pipelines.providers.scripted import (
    Fault,
    Outcome,
    ScriptedLanguageModel,
    ScriptedTextToSpeech,
)

HISTORY = (Message("user", "Hello."),)


class Desk:
    """A reply in the making, and all that comes of it."""

    def __init__(
        self, group: asyncio.TaskGroup, tts: ScriptedTextToSpeech, phrases: Mapping[str, bytes]
    ) -> None:
        self.told: list[Event] = []
        self.audio: list[tuple[int, bytes | None]] = []
        self.maker = ReplyMaker(7, group.create_task, self.told.append, tts, self._play, phrases, 4)

    def _play(self, turn: int, piece: int, chunk: SpeechChunk | None) -> None:
        assert turn == 7
        self.audio.append((piece, chunk.audio if chunk else None))


def at_desk(
    script: Callable[[Desk], Coroutine[None, None, None]],
    tts: ScriptedTextToSpeech | None = None,
    phrases: Mapping[str, bytes] | None = None,
) -> Desk:
    async def work() -> Desk:
        async with asyncio.TaskGroup() as group:
            desk = Desk(group, tts or ScriptedTextToSpeech(audio_ms=100), phrases or {})
            await script(desk)
            desk.maker.cancel()
        return desk

    return run(work())


def test_the_model_writes_and_its_pieces_are_told() -> None:
    async def script(desk: Desk) -> None:
        parts: list[ReplyDelta] = [
            "Yes, we are open until",
            " nine. And on Sunday",
            ToolCall("book", "{}"),
            "Anything else",
            Usage(40, 30, 12),
        ]
        desk.maker.write(ScriptedLanguageModel([parts]), HISTORY)
        await asyncio.sleep(1)

    assert at_desk(script).told == [
        ReplyStarted(7),
        ReplyText(7, "Yes, we are open until nine."),
        ReplyText(7, "And on Sunday"),
        ReplyAction(7, "book", "{}"),
        ReplyUsage(7, 40, 30, 12),
        ReplyText(7, "Anything else"),
        ReplyEnded(7),
    ]


def test_what_the_model_wants_done_is_never_spoken() -> None:
    """S004-23: structured actions come in the middle of what is said."""

    class Booking:
        names = ("book",)

        def tools(self) -> Sequence[Tool]:
            return ()

        async def run(self, name: str, arguments: str, key: str) -> tuple[str, bool]:
            raise AssertionError("the conversation decides when")

    async def script(desk: Desk) -> None:
        parts: list[ReplyDelta] = ["Let me book that. {", '"book": {"seats"', ": 2}}", " Done."]
        desk.maker.write(ScriptedLanguageModel([parts]), HISTORY, Booking())
        await asyncio.sleep(1)

    assert at_desk(script).told == [
        ReplyStarted(7),
        ReplyText(7, "Let me book that."),
        ReplyAction(7, "book", '{"seats": 2}'),
        ReplyText(7, "Done."),
        ReplyEnded(7),
    ]


def test_who_may_say_no_more_is_not_answered() -> None:
    llm = ScriptedLanguageModel("Yes.")

    async def admit() -> str | None:
        return "That was all for today."

    async def script(desk: Desk) -> None:
        desk.maker.write(llm, HISTORY, admit=admit)
        await asyncio.sleep(1)

    assert at_desk(script).told == [MessagesSpent("That was all for today.")]
    assert llm.requests == 0


def test_what_a_reply_cost_is_no_first_token() -> None:
    async def script(desk: Desk) -> None:
        desk.maker.write(ScriptedLanguageModel([[Usage(40, 0, 0)]]), HISTORY)
        await asyncio.sleep(1)

    assert at_desk(script).told == [ReplyUsage(7, 40, 0, 0), ReplyEnded(7)]


def test_pieces_are_spoken_in_order_byte_for_byte() -> None:
    tts = ScriptedTextToSpeech(first_byte_ms=50, ms_per_character=20)

    async def script(desk: Desk) -> None:
        desk.maker.speak(0, "One.")
        desk.maker.speak(1, "And two.")
        await asyncio.sleep(1)

    desk = at_desk(script, tts)
    assert desk.told == [
        SpeechReady(7, 0),
        SpeechEnded(7, 0, 80),
        SpeechReady(7, 1),
        SpeechEnded(7, 1, 160),
    ]
    (_, first), _, (_, second), _ = desk.audio
    assert [piece for piece, _ in desk.audio] == [0, 0, 1, 1]
    assert (desk.audio[1], desk.audio[3]) == ((0, None), (1, None))
    assert first is not None and second is not None
    assert (len(first), second[: len(first)]) == (MULAW_8K.bytes_for(80), first)


def test_a_phrase_whose_audio_is_known_costs_nothing() -> None:
    tts = ScriptedTextToSpeech()
    known = bytes(800)

    async def script(desk: Desk) -> None:
        desk.maker.speak(0, "One moment, please.")
        assert desk.audio == [(0, known), (0, None)], "at once"
        desk.maker.speak(1, "Something else.")
        await asyncio.sleep(1)

    desk = at_desk(script, tts, {"One moment, please.": known})
    assert desk.told[:2] == [SpeechReady(7, 0), SpeechEnded(7, 0, 100)]
    assert desk.audio[0][1] is known
    assert tts.requests == 1


def test_a_known_phrase_does_not_overtake_a_piece_before_it() -> None:
    async def script(desk: Desk) -> None:
        desk.maker.speak(0, "Something else.")
        desk.maker.speak(1, "One moment, please.")
        await asyncio.sleep(1)

    desk = at_desk(script, ScriptedTextToSpeech(first_byte_ms=50), {"One moment, please.": b"\xff"})
    assert [piece for piece, _ in desk.audio] == [0, 0, 1, 1]


def test_a_cancelled_reply_tells_nothing_more() -> None:
    tts = ScriptedTextToSpeech(first_byte_ms=100)
    llm = ScriptedLanguageModel("One. Two. Three. Four.", first_token_ms=10, tokens_per_s=20)
    before: list[Event] = []

    async def script(desk: Desk) -> None:
        desk.maker.write(llm, HISTORY)
        desk.maker.speak(0, "One.")
        await asyncio.sleep(0.09)
        desk.maker.cancel()
        await asyncio.sleep(0)
        before.extend(desk.told)
        await asyncio.sleep(5)

    desk = at_desk(script, tts)
    assert desk.told == before == [ReplyStarted(7), ReplyText(7, "One.")]
    assert desk.audio == []


def test_the_failures_of_providers_are_told() -> None:
    llm = ScriptedLanguageModel("One. Two.", faults={0: Fault(Outcome.FAIL, reason="gone")})
    tts = ScriptedTextToSpeech(audio_ms=100, faults={1: Fault(Outcome.FAIL_MIDWAY, reason="gone")})

    async def script(desk: Desk) -> None:
        desk.maker.write(llm, HISTORY)
        desk.maker.speak(0, "One.")
        desk.maker.speak(1, "Two.")
        await asyncio.sleep(1)

    told = at_desk(script, tts).told
    assert [event for event in told if isinstance(event, ReplyFailed)] == [
        ReplyFailed(7, "scripted: gone", "scripted")
    ]
    assert [event for event in told if not isinstance(event, ReplyFailed)] == [
        SpeechReady(7, 0),
        SpeechEnded(7, 0, 100),
        SpeechReady(7, 1),
        SpeechFailed(7, 1, "scripted: gone", "scripted"),
    ]


def test_a_text_without_audio_is_a_failure() -> None:
    async def script(desk: Desk) -> None:
        desk.maker.speak(0, "")
        await asyncio.sleep(1)

    (failed,) = at_desk(script).told
    assert isinstance(failed, SpeechFailed)


def test_too_many_pieces_are_a_failure_not_a_queue() -> None:
    async def script(desk: Desk) -> None:
        for piece in range(70):
            desk.maker.speak(piece, "One.")

    failed = [event for event in at_desk(script).told if isinstance(event, SpeechFailed)]
    assert [event.piece for event in failed] == list(range(64, 70))
