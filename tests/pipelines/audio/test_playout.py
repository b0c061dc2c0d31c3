"""The playout ledger against a carrier: what the far end plays, and what is told of it."""

import tracemalloc
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipelines.audio.far_end import FarEnd, Talk, samples_of
from voice_codecs.pcm import MULAW_8K, PCM16_16K, AudioFormat
from voice_pipelines.audio.playout import Ended, Mark, Played, Playout, Send, Started

MS = 8
LEAD_MS, FRAME_MS, MARK_MS = 240, 40, 200
DELAYS = [(0, 0), (1, 0), (40, 60), (150, 150)]


def talk(
    there_ms: int = 0, back_ms: int = 0, echoes: bool = True, acknowledges: bool = True
) -> Talk:
    return Talk(
        Playout(MULAW_8K, acknowledges=acknowledges), FarEnd(MULAW_8K, there_ms, back_ms, echoes)
    )


# Playing


def test_a_turn_is_played_in_order_and_ends_once() -> None:
    line = talk(there_ms=30, back_ms=30)
    line.whole_turn(1, {"Hello there,": 800 * MS, "how are you?": 700 * MS})
    line.run(2000)
    assert line.far.heard == line.audio_of(1)
    assert line.facts[0] == (0, Started(1))
    assert line.facts[-2:] == [
        (1560, Played(1, "Hello there, how are you?", 1500 * MS)),
        (1560, Ended(1)),
    ]
    assert not line.playout.busy


def test_the_first_message_goes_out_before_the_first_beat_and_marks_come_with_the_audio() -> None:
    line = talk()
    line.whole_turn(1, {"Hello there, how are you?": 1500 * MS})
    assert [len(send.audio) for _, send in line.sent] == [200 * MS, 40 * MS]
    assert line.marks == [f"0.{200 * MS}"]
    line.run(2000)
    assert line.marks == [f"0.{ms * MS}" for ms in (200, 400, 600, 800, 1000, 1200, 1400, 1500)]


def test_a_turn_released_before_it_has_audio_plays_as_soon_as_it_has() -> None:
    line = talk()
    line.playout.release(1)
    line.playout.piece(1, 0, "Yes.")
    line.run(100)
    assert not line.sent
    line.say(1, 0, 50 * MS)
    assert [at for at, _ in line.sent] == [100]


def test_nothing_is_played_of_a_turn_that_is_not_released() -> None:
    line = talk()
    line.playout.piece(1, 0, "Yes.")
    line.say(1, 0, 5000)
    line.playout.piece_ended(1, 0)
    line.playout.finish(1)
    line.run(500)
    assert (line.sent, line.facts) == ([], [])
    line.playout.release(1)
    line.run(1500)
    assert line.far.heard == line.audio_of(1)


def test_the_last_odd_samples_wait_for_the_end_of_their_piece() -> None:
    line = talk()
    line.playout.piece(1, 0, "Yes indeed.")
    line.playout.release(1)
    line.say(1, 0, 1003)
    line.playout.finish(1)
    line.run(400)
    assert (len(line.far.heard), line.told(Ended)) == (960, [])
    line.playout.piece_ended(1, 0)
    line.run(100)
    assert line.far.heard == line.audio_of(1)
    assert line.told(Ended) == [Ended(1)]


def test_a_piece_that_ends_after_all_of_it_was_sent_still_ends_the_turn() -> None:
    line = talk(there_ms=20, back_ms=20)
    line.playout.piece(1, 0, "Yes.")
    line.playout.release(1)
    line.say(1, 0, 80 * MS)
    line.playout.finish(1)
    line.run(300)
    assert line.told(Ended) == []
    line.playout.piece_ended(1, 0)
    line.run(100)
    assert line.told(Ended) == [Ended(1)]


def test_a_turn_finished_after_everything_was_heard_ends_at_the_next_beat() -> None:
    line = talk()
    line.playout.piece(1, 0, "Yes.")
    line.playout.release(1)
    line.say(1, 0, 80 * MS)
    line.playout.piece_ended(1, 0)
    line.run(1000)
    assert line.told(Ended) == []
    line.playout.finish(1)
    line.pump()
    assert line.facts[-2:] == [(1000, Played(1, "Yes.", 80 * MS)), (1000, Ended(1))]


def test_a_finished_turn_without_audio_ends_at_once() -> None:
    line = talk()
    line.playout.finish(1)
    line.pump()
    assert line.facts == []
    line.playout.release(1)
    line.pump()
    assert line.facts == [(0, Ended(1))]


def test_a_turn_waits_for_a_piece_that_was_announced() -> None:
    line = talk()
    line.whole_turn(1, {"Yes.": 50 * MS})
    line.playout.piece(1, 1, "And no.")
    line.run(500)
    assert line.told(Ended) == []
    line.say(1, 1, 50 * MS)
    line.playout.piece_ended(1, 1)
    line.run(500)
    assert line.facts[-1][1] == Ended(1)
    assert line.told(Played)[-1] == Played(1, "Yes. And no.", 100 * MS)


def test_a_filler_plays_while_an_earlier_turn_waits_and_is_not_cut_by_it() -> None:
    line = talk()
    line.playout.piece(1, 0, "The answer.")
    line.playout.release(1)
    line.whole_turn(2, {"One moment.": 500 * MS})
    line.run(100)
    line.say(1, 0, 300 * MS)
    line.playout.piece_ended(1, 0)
    line.playout.finish(1)
    line.run(1500)
    assert line.far.heard == line.audio_of(2) + line.audio_of(1)
    assert line.told(Ended) == [Ended(2), Ended(1)]
    assert len(line.far.dry_ms) == 1, "one follows the other without a hole"


def test_a_filler_paused_at_its_first_sample_still_comes_first() -> None:
    line = talk()
    line.playout.piece(1, 0, "The answer.")
    line.playout.release(1)
    line.whole_turn(2, {"One moment.": 500 * MS})
    line.pause(1, 2)
    line.say(1, 0, 300 * MS)
    line.playout.piece_ended(1, 0)
    line.playout.finish(1)
    line.resume(1, 2)
    line.run(1500)
    assert line.far.heard == line.audio_of(2) + line.audio_of(1)


def test_audio_is_ducked_from_now_on_only() -> None:
    line = talk()
    line.whole_turn(1, {"Hello there, how are you?": 1000 * MS})
    line.playout.duck(1, True)
    line.run(300)
    line.playout.duck(1, False)
    line.run(1000)
    levels = [(at, send.ducked) for at, send in line.sent]
    assert [ducked for at, ducked in levels if at == 0] == [False, False]
    assert {ducked for at, ducked in levels if 0 < at < 300} == {True}
    assert {ducked for at, ducked in levels if at > 300} == {False}


def test_only_a_hole_inside_a_piece_is_an_underrun() -> None:
    line = talk(there_ms=50, back_ms=50)
    line.playout.piece(1, 0, "One two three.")
    line.playout.piece(1, 1, "Four.")
    line.playout.release(1)
    line.say(1, 0, 400 * MS)
    line.run(700)
    line.say(1, 0, 400 * MS)
    line.playout.piece_ended(1, 0)
    assert line.playout.underruns == 1
    line.run(700)
    line.say(1, 1, 400 * MS)
    line.playout.piece_ended(1, 1)
    line.run(100)
    line.pause(1)
    line.run(700)
    line.resume(1)
    line.run(700)
    assert line.playout.underruns == 1, "between pieces and after a pause there may be silence"
    assert line.far.heard == line.audio_of(1)


@pytest.mark.parametrize("lead_ms", [0, 5, 20, 30, 60, 1000])
def test_any_lead_plays(lead_ms: int) -> None:
    line = Talk(Playout(MULAW_8K, lead_ms), FarEnd())
    line.whole_turn(1, {"Hello there.": 900 * MS})
    line.run(1500)
    assert line.far.heard == line.audio_of(1)
    assert line.far.fullest <= max(lead_ms, 20) * MS


@pytest.mark.parametrize(("there_ms", "back_ms"), DELAYS)
def test_the_buffer_does_not_shrink_with_the_round_trip(there_ms: int, back_ms: int) -> None:
    line = talk(there_ms, back_ms)
    line.whole_turn(1, {"A very long speech.": 4000 * MS})
    line.run(5000)
    assert len(line.far.dry_ms) == 1
    assert line.far.fullest == LEAD_MS * MS


def test_a_far_end_that_stood_still_is_not_overfilled_for_long() -> None:
    """Its echoes come later than they used to; what it holds more than it should runs off."""
    line = talk(there_ms=40, back_ms=40)
    line.whole_turn(1, {"A very long speech.": 8000 * MS})
    line.run(2000)
    line.far.stand_still(500)
    line.run(1500)
    assert line.far.waiting <= LEAD_MS * MS
    line.run(6000)
    assert line.far.heard == line.audio_of(1)
    assert line.told(Ended) == [Ended(1)]


# Pausing


@pytest.mark.parametrize(("there_ms", "back_ms"), DELAYS)
@pytest.mark.parametrize("at_ms", [1, 90, 500, 777])
def test_a_paused_turn_goes_on_at_the_sample_where_it_stopped(
    at_ms: int, there_ms: int, back_ms: int
) -> None:
    line = talk(there_ms, back_ms)
    line.whole_turn(1, {"One two three four five six.": 2000 * MS})
    line.run(at_ms)
    line.pause(1)
    line.run(1000)
    assert line.far.heard == line.audio_of(1)[: at_ms * MS]
    line.resume(1)
    line.run(3000)
    assert line.far.heard == line.audio_of(1)
    assert line.told(Ended) == [Ended(1)]


# A network that breaks


def cut(line: Talk) -> bool:
    """Nothing gets through any more: neither what is on the way nor the clear."""
    line.far.lose()
    must_clear = line.playout.cut(line.now)
    line.pump()
    return must_clear


@pytest.mark.parametrize(("there_ms", "back_ms"), DELAYS)
@pytest.mark.parametrize("at_ms", [90, 500, 777, 1990])
def test_what_was_not_acknowledged_before_a_cut_was_not_heard(
    at_ms: int, there_ms: int, back_ms: int
) -> None:
    line = talk(there_ms, back_ms)
    line.whole_turn(1, {"One two three four five six.": 2000 * MS})
    line.run(at_ms)
    known = max(int(name.split(".")[1]) for name in ["0.0", *line.acknowledged])
    assert cut(line)
    heard = bytes(line.far.heard)
    assert all(fact.samples <= known for fact in line.told(Played) if isinstance(fact, Played))
    line.run(10_000)
    assert line.far.heard == heard and line.told(Ended) == []
    line.playout.mend()
    line.run(3000)
    whole = line.audio_of(1)
    assert line.far.heard == heard + whole[known:], "it goes on behind what is known"
    assert line.told(Ended) == [Ended(1)]
    assert line.told(Played)[-1] == Played(1, "One two three four five six.", 2000 * MS)


def test_while_it_is_cut_nobody_takes_a_turn_for_stuck() -> None:
    line = talk()
    line.whole_turn(1, {"One two three four.": 2000 * MS})
    line.run(500)
    cut(line)
    begun = len(line.facts)
    line.run(5000)
    told = [at for at, fact in line.facts[begun:] if isinstance(fact, Played)]
    assert len(told) >= 4 and max(b - a for a, b in pairwise(told)) <= 1020
    texts = {fact.text for _, fact in line.facts[begun:] if isinstance(fact, Played)}
    assert len(texts) == 1


def test_a_turn_that_would_begin_while_it_is_cut_begins_when_it_is_mended() -> None:
    line = talk()
    assert not cut(line)
    line.whole_turn(1, {"One two.": 500 * MS})
    line.run(3000)
    assert line.sent == [] and line.told(Started) == [Started(1)]
    line.playout.mend()
    line.run(1000)
    assert line.far.heard == line.audio_of(1)
    assert (line.told(Started), line.told(Ended)) == ([Started(1)], [Ended(1)])


def test_a_turn_silenced_while_it_is_cut_is_not_heard_later() -> None:
    line = talk()
    line.whole_turn(1, {"One two three.": 900 * MS})
    line.run(450)
    cut(line)
    line.silence(1)
    line.playout.mend()
    line.whole_turn(2, {"Four.": 300 * MS})
    line.run(1000)
    assert line.far.heard.endswith(line.audio_of(2)) and line.told(Ended) == [Ended(2)]
    assert line.told(Played)[0] == Played(1, "One", 200 * MS)


def test_a_pause_when_all_was_heard_clears_nothing() -> None:
    line = talk(there_ms=100, back_ms=100)
    line.whole_turn(1, {"Yes.": 300 * MS})
    line.run(310)
    assert not line.playout.pause(1, line.now)
    assert not line.playout.silence(1, line.now)
    line.run(500)
    assert line.far.heard == line.audio_of(1)


def test_a_turn_that_the_clock_has_just_ended_can_be_silenced() -> None:
    """The last echo is on its way; the caller speaks."""
    line = talk(there_ms=100, back_ms=100)
    line.whole_turn(1, {"Yes.": 300 * MS})
    line.run(310)
    line.silence(1)
    line.run(500)
    assert line.told(Ended) == [Ended(1)]
    assert not line.playout.busy


def test_pausing_or_silencing_a_turn_that_is_not_in_flight_disturbs_no_other() -> None:
    line = talk(there_ms=100, back_ms=100)
    line.playout.piece(2, 0, "Later.")
    line.whole_turn(1, {"One two three.": 900 * MS})
    line.run(300)
    line.pause(2, 3)
    line.silence(2, 3)
    line.run(1500)
    assert line.far.heard == line.audio_of(1)
    assert line.playout.underruns == 0


def test_silence_cuts_the_text_at_the_word_that_was_heard() -> None:
    line = talk(there_ms=50, back_ms=50)
    line.whole_turn(1, {"Our opening hours": 900 * MS, "are from nine.": 900 * MS})
    line.run(1300)
    line.silence(1)
    assert line.facts[-1] == (1300, Played(1, "Our opening hours are", 1300 * MS))
    line.run(1000)
    assert line.far.heard == line.audio_of(1)[: 1300 * MS]


def test_marks_of_a_cleared_generation_prove_nothing() -> None:
    line = talk(there_ms=10, back_ms=10)
    line.whole_turn(1, {"One two three four.": 2000 * MS})
    line.run(100)
    line.pause(1)
    line.run(100)
    assert line.marks, "the clear made the far end echo them"
    assert line.told(Played) == [Played(1, "", 100 * MS)]


@pytest.mark.parametrize(
    "name",
    ["", "0", "0.", "0.-1", "0.9", "1.1", "0.99999", "x.1", "0.1.2", "0." + "9" * 5000, "0.²"],
)
def test_what_is_no_mark_of_ours_proves_nothing(name: str) -> None:
    line = talk()
    line.whole_turn(1, {"One two three four.": 2000 * MS})
    line.playout.acknowledged(name, 0)
    assert all(fact.samples <= 9 for fact in line.told(Played) if isinstance(fact, Played))


# A far end that does not echo


def test_the_clock_takes_over_from_a_far_end_that_never_echoes() -> None:
    line = talk(echoes=False)
    line.whole_turn(1, {" ".join(["word"] * 50): 6000 * MS})
    line.run(9000)
    times = [at for at, fact in line.facts if isinstance(fact, Played)]
    assert times[0] <= 200 + 1500 + 20
    assert max(later - at for at, later in zip(times, times[1:], strict=False)) <= 1000
    assert line.facts[-1] == (6000, Ended(1))
    assert line.far.heard == line.audio_of(1)


def test_an_echo_restores_the_belief_in_echoes() -> None:
    line = talk(echoes=False)
    line.whole_turn(1, {" ".join(["word"] * 50): 6000 * MS})
    line.run(2000)
    line.playout.acknowledged(line.marks[-1], line.now)
    line.pump()
    line.facts.clear()
    line.run(1500)
    assert line.told(Played) == []
    line.run(500)
    assert line.told(Played)


def test_without_acknowledgments_there_are_no_marks_and_the_clock_tells() -> None:
    line = talk(acknowledges=False)
    line.whole_turn(1, {"One two three four.": 1000 * MS})
    line.run(1100)
    assert line.marks == []
    assert [fact.text for _, fact in line.facts if isinstance(fact, Played)] == [
        "One",
        "One two",
        "One two three",
        "One two three four.",
    ]
    assert line.facts[-1] == (1000, Ended(1))


# Odd audio


def test_half_a_sample_does_not_shift_what_follows() -> None:
    playout = Playout(PCM16_16K, lead_ms=1000)
    for piece, audio in enumerate((b"\x01\x02\x03", b"\x04\x05")):
        playout.piece(1, piece, "Yes.")
        playout.audio(1, piece, audio)
        playout.piece_ended(1, piece)
    playout.release(1)
    sent = [item.audio for item in playout.pump(0) if isinstance(item, Send)]
    assert b"".join(sent) == b"\x01\x02\x04\x05"


def test_audio_of_nobody_is_dropped() -> None:
    line = talk()
    line.say(1, 0, 800)
    line.playout.piece_ended(1, 0)
    line.playout.piece(2, 0, "Yes.")
    line.playout.release(2)
    line.say(2, 3, 800)
    line.run(100)
    assert (line.sent, line.facts) == ([], [])


def test_a_very_long_turn_does_not_keep_what_was_heard() -> None:
    line = Talk(Playout(MULAW_8K), FarEnd())
    line.playout.piece(1, 0, "A long story.")
    line.playout.release(1)
    second = bytes(8000)

    def minutes(count: int) -> None:
        for _ in range(60 * count):
            line.playout.audio(1, 0, second)
            for _ in range(25):
                for item in line.playout.pump(line.now):
                    if isinstance(item, Mark):
                        line.playout.acknowledged(item.name, line.now)
                for _ in line.playout.facts():
                    pass
                line.now += 40

    minutes(1)
    tracemalloc.start()
    try:
        minutes(2)
        assert tracemalloc.get_traced_memory()[0] < 50_000
    finally:
        tracemalloc.stop()


# Laws


@dataclass(frozen=True)
class Turn:
    """How a turn comes about: its pieces in chunks of samples, each after a wait."""

    begins: int
    pieces: list[list[tuple[int, int]]]
    """For each piece, (wait in ms, samples) of its chunks."""
    end_waits: list[int]
    """From the last chunk of each piece to its end."""
    released: int
    finish_wait: int

    def texts(self) -> list[str]:
        return [
            " ".join(f"{piece}-{word}" for word in range(1 + sum(n for _, n in chunks) // 2000))
            for piece, chunks in enumerate(self.pieces)
        ]


chunks = st.lists(st.tuples(st.sampled_from([0, 0, 0, 30, 170]), st.integers(1, 6000)), max_size=3)
turns = st.builds(
    Turn,
    begins=st.integers(0, 1500),
    pieces=st.lists(chunks, max_size=3),
    end_waits=st.lists(st.sampled_from([0, 0, 25, 300]), min_size=3, max_size=3),
    released=st.integers(0, 1500),
    finish_wait=st.sampled_from([0, 0, 50, 1200]),
)
delays = st.one_of(st.just(0), st.integers(0, 150))
holds = st.lists(st.tuples(st.integers(1, 1500), st.integers(0, 400)), max_size=4)


def play(
    script: list[Turn],
    there_ms: int,
    back_ms: int,
    audio_format: AudioFormat = MULAW_8K,
    pauses: list[tuple[int, int]] = [],  # noqa: B006  # never changed
    silenced: dict[int, int] | None = None,
    echoes: bool = True,
) -> Talk:
    """Run the script until nothing more can happen; turns count from 1."""
    line = Talk(
        Playout(audio_format), FarEnd(audio_format, there_ms, back_ms, echoes), audio_format
    )
    playout = line.playout
    todo: list[tuple[int, int, str, int, int]] = []
    for turn, plan in enumerate(script, start=1):
        at = plan.begins
        todo.append((at, turn, "texts", 0, 0))
        for piece, parts in enumerate(plan.pieces):
            for wait, samples in parts:
                at += wait
                todo.append((at, turn, "audio", piece, samples))
            at += plan.end_waits[piece]
            todo.append((at, turn, "ended", piece, 0))
        todo.append((at + plan.finish_wait, turn, "finish", 0, 0))
        todo.append((plan.released, turn, "release", 0, 0))
    at = 0
    for wait, hold in pauses:
        todo.append((at + wait, 0, "pause", 0, 0))
        todo.append((at + wait + hold, 0, "resume", 0, 0))
        at += wait + hold
    todo += ((at, turn, "silence", 0, 0) for turn, at in (silenced or {}).items())
    everyone = range(1, len(script) + 1)
    held = False
    for at, turn, what, piece, samples in sorted(todo, key=lambda item: item[0]):
        line.run(at - line.now)
        match what:
            case "texts":
                for number, text in enumerate(script[turn - 1].texts()):
                    playout.piece(turn, number, text)
                if held:  # Whoever holds the agent holds also what it begins meanwhile.
                    line.pause(turn)
            case "audio":
                line.say(turn, piece, samples)
            case "ended":
                playout.piece_ended(turn, piece)
            case "finish" if turn not in (silenced or {}):
                playout.finish(turn)
            case "release" if turn not in (silenced or {}):
                playout.release(turn)
            case "pause":
                held = True
                line.pause(*everyone)
            case "resume":
                held = False
                line.resume(*everyone)
            case "silence":
                line.silence(turn)
    line.run(sum(line.queued.values()) * 1000 // audio_format.rate + 2500)
    return line


def in_order(line: Talk) -> bytes:
    started = [fact.turn for fact in line.told(Started)]
    return b"".join(line.audio_of(turn) for turn in started)


formats = st.sampled_from([MULAW_8K, MULAW_8K, PCM16_16K])


@given(st.lists(turns, min_size=1, max_size=3), delays, delays, formats)
@settings(max_examples=60, deadline=None)
def test_every_turn_is_played_without_gap_or_repetition(
    script: list[Turn], there_ms: int, back_ms: int, audio_format: AudioFormat
) -> None:
    line = play(script, there_ms, back_ms, audio_format)
    assert line.far.heard == in_order(line)
    assert sorted(fact.turn for fact in line.told(Ended)) == list(range(1, len(script) + 1))
    assert line.far.fullest <= audio_format.bytes_for(LEAD_MS)
    assert not line.playout.busy


@given(st.lists(turns, min_size=1, max_size=3), delays, delays, holds, st.booleans())
@settings(max_examples=60, deadline=None)
def test_pauses_lose_and_repeat_nothing(
    script: list[Turn], there_ms: int, back_ms: int, pauses: list[tuple[int, int]], echoes: bool
) -> None:
    line = play(script, there_ms, back_ms, pauses=pauses, echoes=echoes)
    assert line.far.heard == in_order(line)
    assert sorted(fact.turn for fact in line.told(Ended)) == list(range(1, len(script) + 1))


@given(st.lists(turns, min_size=1, max_size=3), delays, delays, holds)
@settings(max_examples=60, deadline=None)
def test_what_was_heard_is_told_in_words_in_time_and_never_too_much(
    script: list[Turn], there_ms: int, back_ms: int, pauses: list[tuple[int, int]]
) -> None:
    line = play(script, there_ms, back_ms, pauses=pauses)
    before = 0
    for turn in (fact.turn for fact in line.told(Started)):
        told = [
            (at, fact) for at, fact in line.facts if isinstance(fact, Played) and fact.turn == turn
        ]
        words = " ".join(script[turn - 1].texts()).split()
        texts = [fact.text.split() for _, fact in told]
        assert all(text == words[: len(text)] for text in texts)
        assert [len(text) for text in texts] == sorted(len(text) for text in texts)
        assert texts[-1] == words
        for at, fact in told:
            assert fact.samples == 0 or before + fact.samples <= line.far.played_at(at + there_ms)
        before += line.queued[turn]


@given(st.lists(turns, min_size=1, max_size=2), delays, delays)
@settings(max_examples=40, deadline=None)
def test_what_was_heard_is_known_a_mark_and_a_way_later(
    script: list[Turn], there_ms: int, back_ms: int
) -> None:
    line = play(script, there_ms, back_ms)
    marked = [0, *(int(name.partition(".")[2]) for name in line.marks)]
    assert all(
        later - mark <= (MARK_MS + FRAME_MS) * MS
        for mark, later in zip(marked, marked[1:], strict=False)
    )
    assert marked[-1] == len(line.far.heard)
    started = [fact.turn for fact in line.told(Started)]
    for at, fact in line.facts:
        if isinstance(fact, Ended) and fact.turn in started:
            before = started[: started.index(fact.turn) + 1]
            assert line.far.played_at(at) >= sum(line.queued[turn] for turn in before)


@given(st.lists(turns, min_size=2, max_size=3), delays, delays, holds, st.integers(0, 3000))
@settings(max_examples=60, deadline=None)
def test_a_silenced_turn_never_sends_again_and_the_others_are_whole(
    script: list[Turn], there_ms: int, back_ms: int, pauses: list[tuple[int, int]], at_ms: int
) -> None:
    line = play(script, there_ms, back_ms, pauses=pauses, silenced={1: at_ms})
    of_it = {samples_of(1, n, n + 1, MULAW_8K) for n in range(31)}
    late = b"".join(send.audio for at, send in line.sent if at > at_ms)
    assert not any(sample in late for sample in of_it)
    heard = bytes(byte for byte in line.far.heard if bytes([byte]) not in of_it)
    rest = [fact.turn for fact in line.told(Started) if fact.turn != 1]
    assert heard == b"".join(line.audio_of(turn) for turn in rest)
    ended = [fact.turn for fact in line.told(Ended)]
    assert len(set(ended)) == len(ended)
    assert set(ended) >= set(range(2, len(script) + 1))
