"""When the floor changes hands: every number of a conversation, typed and with its unit.

All names that end in ``_ms`` are integer milliseconds. The journal of a call starts with its
`TurnPolicy`, so that the call can be replayed under the same or another one.
"""

from typing import Annotated, Literal

import msgspec

Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1000)]


class EndpointingPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a silence must last, from the last voiced audio, to mean "your turn"."""

    mode: Literal["adaptive", "fixed"] = "adaptive"
    fixed_ms: Milliseconds = 500
    """The silence in ``fixed`` mode, whatever was said."""
    min_ms: Milliseconds = 250
    """After a clear ending. Below 200 ms people are cut off."""
    typical_ms: Milliseconds = 600
    """When nothing speaks for or against an ending."""
    max_ms: Milliseconds = 1800
    """After words that cannot be the end ("my name is…")."""
    spelling_ms: Milliseconds = 1200
    """While the agent waits for a number, an address or a spelled name that is not complete."""
    finished_probability: Probability = 0.7
    """From this probability on, the end-of-turn model's word counts as a clear ending."""
    unfinished_probability: Probability = 0.15
    """Up to this probability, it counts as a doubt."""
    max_turn_ms: Milliseconds = 30_000
    """Speech without a pause for so long is taken as a turn: behind babble no detector stops."""
    stable_ms: Milliseconds = 3000
    """Speech during which the words do not change for so long is not the caller's any more."""
    keypad_ms: Milliseconds = 1500
    """A pause after which the keyed digits are complete; `#` completes them at once."""


class InterruptionPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it takes to interrupt the agent."""

    enabled: bool = True
    sustained_ms: Milliseconds = 500
    """Speech that lasts so long interrupts even before its words are known."""
    false_alarm_ms: Milliseconds = 1200
    """Without words so long after the speech stopped, the agent goes on where it paused."""
    retract_ms: Milliseconds = 700
    """Speech within this time of the agent's first audio continues the caller's turn."""


class WatchdogPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long each stage may make no progress. Together they keep the line from falling silent."""

    stt_ms: Milliseconds = 2000
    """From the question to the recognizer to its answer."""
    filler_ms: Milliseconds = 2000
    """From the end of the caller's turn to a spoken filler when there is no answer yet."""
    reply_ms: Milliseconds = 6000
    """From the end of the caller's turn to giving the answer up and apologizing."""
    stall_ms: Milliseconds = 2500
    """Without any progress in the middle of a reply."""
    checking_ms: Milliseconds = 700
    """From the start of an action to telling the caller of it, when the LLM said nothing."""
    hold_ms: Milliseconds = 3500
    """While an action takes its time: silence before the caller is asked to wait (again)."""
    action_ms: Milliseconds = 45_000
    """An action that is not over after so long is taken as failed."""
    phrase_ms: Milliseconds = 2500
    """From a fixed phrase to its first audio."""
    closing_ms: Milliseconds = 12_000
    """From the decision to end the call, farewell included, to hanging up whatever happens."""
    attempts: Count = 2
    """How often the LLM is asked for one answer when it fails at once, before a filler."""
    retry_ms: Milliseconds = 1000
    """From a failure to the next attempt, after the filler."""
    failures: Count = 3
    """So many failed turns in a row end the call with an apology."""


class IdlePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens when nobody says anything."""

    prompt_ms: Milliseconds = 9000
    prompts: Count = 2
    """After so many unanswered prompts the agent says good-bye."""


class LimitsPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bounds of one call."""

    max_call_ms: Milliseconds = 1_800_000
    action_rounds: Count = 4
    """How often in a row the LLM may act on what its actions gave before the caller speaks."""
    linger_ms: Milliseconds = 400
    """From the last word of the farewell to hanging up."""


class SpeculationPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done before the caller's turn is known to be over."""

    on_interim: bool = True
    """Begin the reply with the interim transcript at the first pause, before the final one."""
    turn_detector: bool = False
    """Ask the end-of-turn model at each pause."""
    prefill_words: Count = 0
    """Let the LLM read the caller's words whenever so many new ones are known; 0: never."""
    prefills: Count = 2
    """At most so many times per turn."""
    first_clause_words: Annotated[int, msgspec.Meta(ge=1, le=100)] = 4
    """A reply's first clause with at least so many words is spoken before its sentence is whole."""


class Phrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the agent says without asking the LLM. They are synthesized ahead where possible."""

    greeting: str = "Hello, how can I help you?"
    """The first thing that the caller hears; empty to wait for the caller."""
    filler: str = "One moment, please."
    checking: str = "Let me check."
    not_heard: str = "Sorry, I did not catch that. Could you say it again?"
    apology: str = "I'm sorry, I'm having some trouble. Could you say that again?"
    broken_off: str = "Sorry, I lost my thread there."
    idle: str = "Are you still there?"
    goodbye: str = "Thank you for calling. Goodbye!"
    failure: str = "I'm sorry, I can't help you right now. Please call again later. Goodbye."
    time_up: str = "I'm sorry, we have reached the end of our time. Goodbye!"

    def all(self) -> tuple[str, ...]:
        """Every phrase that is not empty."""
        return tuple(text for text in msgspec.structs.astuple(self) if text)


class TurnPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a conversation needs to know beforehand."""

    endpointing: EndpointingPolicy = EndpointingPolicy()
    interruption: InterruptionPolicy = InterruptionPolicy()
    watchdog: WatchdogPolicy = WatchdogPolicy()
    idle: IdlePolicy = IdlePolicy()
    limits: LimitsPolicy = LimitsPolicy()
    speculation: SpeculationPolicy = SpeculationPolicy()
    phrases: Phrases = Phrases()
    instructions: str = (
        "You are a helpful assistant on the telephone. Answer in one short sentence."
    )
    """The system prompt."""
