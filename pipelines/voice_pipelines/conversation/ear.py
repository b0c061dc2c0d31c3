"""What the conversation knows of one leg's speech since its words were last taken."""

from dataclasses import dataclass, field

from .endpointing import Pauses


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

    def begin_utterance(self) -> None:
        """The words have been taken or are of no interest."""
        self.text = self.prefix = ""
        self.asked_at, self.settled, self.probability = None, False, None
        self.spoke = self.speaking and self.confirmed
        self.prefilled_words = self.prefills = 0
