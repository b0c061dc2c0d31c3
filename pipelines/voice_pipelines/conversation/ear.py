"""What the conversation knows of one leg's speech since its words were last taken."""

from dataclasses import dataclass, field

from .endpointing import Pauses
from .policy import SpeculationPolicy
from .words import same_words

_UNSTABLE_WORDS = 2
"""The last words of a transcript are often reported anew."""
_STALE_MS = 500
"""Words that a failing recognizer reported so long before the speech ended are not all that was
said: half a question is not answered, it is asked for again."""


@dataclass(slots=True)
class Ear:
    """One party's current utterance.

    ::

        silent ──SpeechStarted──> talking ──SpeechConfirmed──> talking, confirmed
          ^                          │                              │
          └───────── SpeechStopped ──┴──────────────────────────────┘
    """

    leg: str
    talking: bool = False
    confirmed: bool = False
    """The current speech is more than a candidate."""
    spoke: bool = False
    """Some speech of this utterance was confirmed."""
    started_at: int = 0
    """When the current or last speech began."""
    confirmed_at: int = 0
    voiced_until: int = 0
    """When the last voiced audio ended."""
    text: str = ""
    """The words so far, as the recognizer last reported them."""
    text_changed_at: int = 0
    prefix: str = ""
    """Words of a turn that was taken too early and given back."""
    request: int = 0
    """The number of the last `Settle`. They go on counting over utterances."""
    asked_at: int | None = None
    """When the last `Settle` was asked, until it is answered."""
    settled: bool = False
    """`text` is what the recognizer settled on in the current pause."""
    taken: bool = False
    """The current speech does not count as speech any more: it went on for too long."""
    probability: float | None = None
    """What the end-of-turn model thinks of the current pause."""
    prefilled_words: int = 0
    prefills: int = 0
    pauses: Pauses = field(default_factory=Pauses)

    @property
    def words(self) -> str:
        """All words of the utterance, given-back ones included."""
        return f"{self.prefix} {self.text}".strip()

    @property
    def speaking(self) -> bool:
        """Somebody speaks, as far as turn-taking is concerned."""
        return self.talking and not self.taken

    @property
    def stale(self) -> bool:
        """The latest words are older than the speech: they cannot be all that was said."""
        old = self.text_changed_at < self.voiced_until - _STALE_MS
        return bool(self.text) and old and not self.taken

    def starts(self, now: int) -> None:
        """Somebody speaks, perhaps."""
        self.talking, self.confirmed, self.taken = True, False, False
        self.started_at = now

    def confirms(self, now: int) -> None:
        """It is speech, so what was asked at the last pause does not matter any more."""
        self.confirmed = self.spoke = True
        self.confirmed_at = now
        self.settled, self.asked_at, self.probability = False, None, None

    def stops(self, voiced_until: int) -> None:
        self.talking = self.taken = False
        self.voiced_until = voiced_until

    def ask(self, now: int) -> int:
        """The number of a new question for the words, which is open from now on."""
        self.request += 1
        self.asked_at, self.settled, self.probability = now, False, None
        return self.request

    def takes(self, text: str, request: int | None, now: int) -> bool:
        """Take what the recognizer reports; False if it is too late to matter."""
        if request is not None and request != self.request:
            return False  # An answer that a newer question has overtaken.
        if request is None and (self.settled or not self.spoke):
            return False  # An interim that was on its way when the words were settled or taken.
        if not same_words(text, self.text):
            self.text_changed_at = now
        self.text = text
        if request is None:
            return True
        awaited = self.asked_at is not None
        if awaited:
            self.asked_at, self.settled = None, not self.speaking
        return awaited

    def prefill(self, rule: SpeculationPolicy) -> str:
        """The words that will hardly change any more, if so many are new that the LLM should read
        them now; else nothing."""
        stable = self.words.split()[:-_UNSTABLE_WORDS]
        enough = self.prefilled_words + rule.prefill_words
        if not rule.prefill_words or self.prefills >= rule.prefills or len(stable) < enough:
            return ""
        self.prefills += 1
        self.prefilled_words = len(stable)
        return " ".join(stable)

    def counts_again(self, now: int) -> None:
        """Speech that was taken for none is speech, from now on."""
        self.taken, self.spoke, self.started_at = False, self.confirmed, now

    def begin_utterance(self) -> None:
        """The words have been taken or are of no interest."""
        self.text = self.prefix = ""
        self.asked_at, self.settled, self.probability = None, False, None
        self.spoke = self.speaking and self.confirmed
        self.prefilled_words = self.prefills = 0
