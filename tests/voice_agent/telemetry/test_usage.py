"""What a call used, from small journals made by hand."""

from collections.abc import Collection, Iterable

from voice_agent.telemetry.usage import CallUsage, UsageMeter
from voice_pipelines.conversation.commands import CancelReply, Command, HangUp, Speak, StartReply
from voice_pipelines.conversation.events import (
    Event,
    LegJoined,
    LegLeft,
    ReplyUsage,
    SpeechReady,
)

Script = Iterable[tuple[int, Event | Command]]


def used(script: Script, phrases: Collection[str] = ()) -> CallUsage:
    meter = UsageMeter(phrases)
    for now, thing in script:
        if isinstance(thing, Event):
            meter.event(now, thing)
        else:
            meter.command(now, thing)
    return meter.usage


def test_tokens_of_every_reply_count_those_of_drafts_included() -> None:
    usage = used(
        [
            (0, StartReply(1, ())),
            (100, ReplyUsage(1, 800, 700, 20)),
            (200, CancelReply(1)),
            (200, StartReply(2, ())),
            (300, CancelReply(2)),
            (300, StartReply(3, ())),
            (400, ReplyUsage(3, 810, 900, 5)),
        ]
    )
    assert (usage.requests, usage.counted) == (3, 2), "a reply that was cut off does not tell"
    assert (usage.input_tokens, usage.output_tokens) == (1610, 25)
    assert usage.cached_tokens == 700 + 810, "no more than was read"


def test_characters_count_when_they_are_synthesized() -> None:
    usage = used(
        [
            (0, Speak(1, 0, "12345")),
            (0, Speak(1, 1, "1234567")),
            (0, Speak(1, 2, "never begun")),
            (50, SpeechReady(1, 0)),
            (90, SpeechReady(1, 1)),
            (95, CancelReply(1)),
            (99, SpeechReady(1, 2)),
        ]
    )
    assert usage.characters == 12


def test_phrases_were_paid_for_when_the_server_started() -> None:
    """But a phrase behind a piece that waits for the TTS is synthesized with it."""
    phrase = "One moment."
    script: Script = [(0, Speak(1, 0, phrase)), (0, SpeechReady(1, 0))]
    assert used(script, {phrase}).characters == 0
    behind: Script = [
        (0, Speak(1, 0, "Well,")),
        (0, Speak(1, 1, phrase)),
        (5, SpeechReady(1, 0)),
        (9, SpeechReady(1, 1)),
    ]
    assert used(behind, {phrase}).characters == 5 + len(phrase)


def test_every_leg_is_listened_to_until_it_leaves_or_the_call_ends() -> None:
    usage = used(
        [
            (0, LegJoined("caller")),
            (1000, LegJoined("owner")),
            (4000, LegLeft("owner")),
            (4500, LegLeft("nobody")),
            (10_000, HangUp("goodbye")),
        ]
    )
    assert usage.listened_ms == 13_000
