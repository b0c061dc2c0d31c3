"""The end of a call, and keys that are collected."""

from voice_pipelines.conversation.closing import Closing
from voice_pipelines.conversation.keypad import LONGEST, Keypad


def test_an_end_that_is_decided_cannot_be_stayed() -> None:
    closing = Closing()
    closing.linger("goodbye", 900)
    assert not closing and list(closing.due()) == [900]
    closing.stay()
    assert list(closing.due()) == []
    closing.prolong(100)
    closing.begin("idle", 5_000)
    closing.prolong(100)
    closing.linger("idle", 900)
    closing.stay()
    assert closing and list(closing.due()) == [5_100, 900]
    assert closing.reason == "idle"


def test_keys_are_complete_at_the_hash_or_after_a_pause() -> None:
    keypad = Keypad()
    assert not keypad.press("#", 0) and not keypad
    assert not keypad.press("4", 100) and not keypad.press("2", 300)
    assert keypad and keypad.due(1_500) == 1_800
    assert keypad.press("#", 400) and keypad.take() == "4 2"
    assert not keypad


def test_nobody_means_so_many_keys() -> None:
    keypad = Keypad()
    for at in range(10 * LONGEST):
        keypad.press("1", at)
    assert len(keypad.take().split()) == LONGEST
