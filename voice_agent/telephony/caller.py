"""A caller with a script: when to speak, when to interrupt, when to hang up.

Pure: driven by one `Caller.frame` per 20 ms, which is told whether the agent was audible and tells
what goes down the line.

              the agent has finished, it is time to
              interrupt, or patience is over
    LISTENING ------------------------------------> SPEAKING or KEYING
        |     <------------------------------------
        |                  said all
        | the same, and nothing is left to say
        v
      DONE                                          (every state: the call's limit)

The first LISTENING waits for the greeting.
"""

from dataclasses import dataclass
from enum import Enum, auto

from .line import SAMPLES_PER_MS, SILENCE
from .measure import Spoken

FRAME_MS = 20
FRAME = FRAME_MS * SAMPLES_PER_MS

KEYPAD = "0123456789*#ABCD"

_RESIDUE_QUIET_MS = 200
"""An agent that was speaking when the caller finished must be quiet so long before its next sound
counts as the answer…"""
_RESIDUE_LIMIT_MS = 1000
"""…unless it goes on for so long: then it has not yielded, and what it says is all there is."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words to say."""

    audio: bytes
    """Mu-law at 8 kHz."""
    label: str = ""
    barge_in_after_ms: int | None = None
    """Say them so long after the first sound of the agent's reply; None waits until it finished."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Telephone keys to press, one after another."""

    digits: str
    label: str = ""
    barge_in_after_ms: int | None = None
    gap_ms: int = 200

    def __post_init__(self) -> None:
        if not self.digits or not set(self.digits) <= set(KEYPAD):
            raise ValueError(f"keys must be some of {KEYPAD}, not {self.digits!r}")


Step = Utterance | Keys


@dataclass(frozen=True, slots=True)
class Script:
    """What a caller does in a call."""

    steps: tuple[Step, ...] = ()
    pause_ms: int = 700
    """The agent has finished when nothing was heard for so long."""
    farewell_ms: int = 700
    """The same after the last answer, before hanging up."""
    greeting_ms: int = 5_000
    """How long to wait for the agent's first sound before speaking all the same."""
    patience_ms: int = 15_000
    """How long to wait for an answer before going on without one."""
    longest_reply_ms: int = 60_000
    """How long to listen to one reply before going on."""
    limit_ms: int = 600_000
    """The call is hung up then, whatever happens."""
    background: bytes = SILENCE * FRAME
    """Mu-law that is repeated while the caller is silent: digital silence, or a noise."""


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A key was pressed; the line carries `audio` meanwhile."""

    digit: str
    audio: bytes


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller hangs up."""


class State(Enum):
    LISTENING = auto()
    SPEAKING = auto()
    KEYING = auto()
    DONE = auto()


@dataclass(slots=True)
class _Ear:
    """What was heard of the agent since the caller began to listen."""

    since: int
    residue: bool = False
    """The agent still finishes what it was saying before."""
    first: int | None = None
    """When the reply began."""
    last: int = 0

    def hear(self, now: int, voiced: bool) -> None:
        if voiced:
            self.last = now
            if not self.residue:
                self.first = now - FRAME_MS if self.first is None else self.first
            elif now - self.since >= _RESIDUE_LIMIT_MS:
                self.residue, self.first = False, self.since
        elif now - self.last >= _RESIDUE_QUIET_MS:
            self.residue = False


class Caller:
    """Plays a `Script`."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._steps = list(script.steps)
        self._state = State.LISTENING
        self._ear = _Ear(since=0)
        self._frames = 0
        self._background = 0
        """Where in the background the next silent frame begins."""
        self._said = 0
        """Bytes or keys of the current step that are out."""
        self._began = 0
        """The sample at which the current step began."""
        self._next_key = 0
        self.spoken: list[Spoken] = []
        """What was said so far and where it lies among the samples sent."""
        self.unanswered: list[str] = []
        """Labels of what was said and never answered; "" stands for the greeting."""

    @property
    def state(self) -> State:
        return self._state

    def frame(self, now: int, heard_voiced: bool) -> bytes | Dtmf | HangUp:
        """The next 20 ms: a frame of mu-law, a key with its frame, or the end.

        `now` is milliseconds since the call started; `heard_voiced` tells whether the agent was
        audible in the 20 ms before.
        """
        self._ear.hear(now, heard_voiced)
        if self._state is State.LISTENING and self._may_go_on(now):
            self._begin(now)
        if now >= self._script.limit_ms:
            self._state = State.DONE
        match self._state:
            case State.LISTENING:
                out: bytes | Dtmf | HangUp = self._silence()
            case State.SPEAKING:
                out = self._speak(now)
            case State.KEYING:
                out = self._key(now)
            case State.DONE:
                return HangUp()
        self._frames += 1
        return out

    def _may_go_on(self, now: int) -> bool:
        script, ear = self._script, self._ear
        if ear.first is None:
            limit = script.patience_ms if self.spoken else script.greeting_ms
            if now - ear.since < limit:
                return False
            self.unanswered.append(self.spoken[-1].label if self.spoken else "")
            return True
        if self._steps and (after := self._steps[0].barge_in_after_ms) is not None:
            return now - ear.first >= after
        pause = script.pause_ms if self._steps else script.farewell_ms
        return now - ear.last >= pause or now - ear.first >= script.longest_reply_ms

    def _begin(self, now: int) -> None:
        if not self._steps:
            self._state = State.DONE
            return
        self._state = State.KEYING if isinstance(self._steps[0], Keys) else State.SPEAKING
        self._said = 0
        self._began = self._frames * FRAME
        self._next_key = now

    def _end(self, now: int, sample: int) -> None:
        """The current step is out, up to `sample`: listen."""
        self.spoken.append(Spoken(self._steps.pop(0).label, self._began, sample))
        self._state = State.LISTENING
        last = self._ear.last
        talking = last > 0 and now - last < _RESIDUE_QUIET_MS
        self._ear = _Ear(since=now, residue=talking, last=last)

    def _speak(self, now: int) -> bytes:
        utterance = self._steps[0]
        assert isinstance(utterance, Utterance)
        audio = utterance.audio[self._said : self._said + FRAME]
        self._said += len(audio)
        if self._said >= len(utterance.audio):
            self._end(now, self._began + self._said)
        return audio if len(audio) == FRAME else audio.ljust(FRAME, SILENCE)

    def _key(self, now: int) -> bytes | Dtmf:
        keys = self._steps[0]
        assert isinstance(keys, Keys)
        if now < self._next_key:
            return self._silence()
        digit = keys.digits[self._said]
        self._said += 1
        self._next_key += keys.gap_ms
        if self._said == len(keys.digits):
            self._end(now, (self._frames + 1) * FRAME)
        return Dtmf(digit, self._silence())

    def _silence(self) -> bytes:
        background, at = self._script.background, self._background
        if len(background) == FRAME:
            return background
        frame = (background[at : at + FRAME] + background * (FRAME // len(background) + 1))[:FRAME]
        self._background = (at + FRAME) % len(background)
        return frame
