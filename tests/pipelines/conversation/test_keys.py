"""Keys that the caller presses, collected until a pause or the terminator."""

from tests.pipelines.conversation.script import Script, kinds
from voice_pipelines.conversation.commands import StartReply
from voice_pipelines.conversation.events import KeyPressed


def press(script: Script, at: int, keys: str) -> int:
    """One key every 300 ms; gives the time of the last."""
    for number, key in enumerate(keys):
        script.at(at + 300 * number, KeyPressed("a", key))
    return at + 300 * (len(keys) - 1)


def asked(script: Script) -> str:
    return script.last(StartReply).history[-1].text


def test_a_pause_completes_them() -> None:
    script = Script()
    last = press(script, 1000, "4711")
    assert StartReply not in kinds(script.at(last + 1499))
    assert StartReply in kinds(script.at(last + 1500))
    assert asked(script) == "(The caller pressed the keys 4 7 1 1.)"


def test_the_terminator_completes_them_at_once() -> None:
    script = Script()
    last = press(script, 1000, "42")
    assert StartReply in kinds(script.at(last + 300, KeyPressed("a", "#")))
    assert asked(script) == "(The caller pressed the keys 4 2.)"


def test_the_terminator_alone_says_nothing() -> None:
    script = Script()
    script.at(1000, KeyPressed("a", "#"))
    assert StartReply not in kinds(script.at(4000))


def test_the_next_keys_are_new_ones() -> None:
    script = Script()
    press(script, 1000, "1#")
    press(script, 5000, "2#")
    assert asked(script).endswith("(The caller pressed the keys 2.)")
