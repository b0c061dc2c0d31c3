"""What clients see of a conversation while it goes on: who says what, and who speaks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from voice_pipelines.conversation.commands import Command, Silence
from voice_pipelines.conversation.events import (
    Event,
    MessagesSpent,
    PlaybackEnded,
    PlaybackStarted,
    SpeechConfirmed,
    SpeechStopped,
    Transcribed,
)
from voice_pipelines.conversation.transcript import Line, Transcript


@dataclass(frozen=True, slots=True)
class ClientEvent:
    """Something that clients of a conversation are told."""

    kind: Literal[
        "action",
        "state_updated",
        "messages",
        "user_speech_started",
        "user_speech_ended",
        "ai_speech_started",
        "ai_speech_ended",
        "message_limit_reached",
    ]
    body: Mapping[str, Any]
    """For an action: its values by its name; for the state: all of it; for messages: ``said``, the
    pairs of a number and a `Line` that are new or have changed, and ``interim``, the words that are
    being said; for the limit: ``message``, what the agent says of it. Empty for speech."""


SpeechKind = Literal[
    "user_speech_started", "user_speech_ended", "ai_speech_started", "ai_speech_ended"
]


class Speakers:
    """Tells when the user and the agent begin and end to speak."""

    def __init__(self) -> None:
        self._user_speaks = False
        self._speaking: set[int] = set()
        """Turns of the agent that are played."""

    def event(self, event: Event) -> SpeechKind | None:
        """To be told every event; what has begun or ended with it."""
        match event:
            case SpeechConfirmed() if not self._user_speaks:
                self._user_speaks = True
                return "user_speech_started"
            case SpeechStopped() if self._user_speaks:
                self._user_speaks = False
                return "user_speech_ended"
            case PlaybackStarted(_, turn):
                began = not self._speaking
                self._speaking.add(turn)
                return "ai_speech_started" if began else None
            case PlaybackEnded(_, turn):
                return self._spoke(turn)
            case _:
                return None

    def command(self, command: Command) -> SpeechKind | None:
        """To be told every command."""
        return self._spoke(command.turn) if isinstance(command, Silence) else None

    def _spoke(self, turn: int) -> SpeechKind | None:
        if turn in self._speaking:
            self._speaking.discard(turn)
            if not self._speaking:
                return "ai_speech_ended"
        return None


class Captions:
    """Turns what happens in a call into what clients are told of it. Numbers go by the records."""

    def __init__(self, first_message: int = 0, restored: int = 0) -> None:
        """`first_message` is the number of this call's first contribution; `restored` is how many
        lines of the transcript are an earlier part's."""
        self._first = first_message
        self._restored = restored
        self._lines: list[Line] = []
        self._changes = 0
        self._interim = ""
        self._speakers = Speakers()
        self._limit_told = False

    def event(self, event: Event, transcript: Transcript) -> Iterator[ClientEvent]:
        """To be told every event; yields what follows from it and from all that was before."""
        if isinstance(event, MessagesSpent) and not self._limit_told:
            self._limit_told = True  # Each draft of an answer may find it out again.
            yield ClientEvent("message_limit_reached", {"message": event.text})
        if (speech := self._speakers.event(event)) is not None:
            yield ClientEvent(speech, {})
        interim = event.text if isinstance(event, Transcribed) else self._interim
        yield from self.messages(transcript, interim)

    def command(self, command: Command, transcript: Transcript) -> Iterator[ClientEvent]:
        """To be told every command."""
        if (speech := self._speakers.command(command)) is not None:
            yield ClientEvent(speech, {})
        yield from self.messages(transcript, self._interim)

    def messages(self, transcript: Transcript, interim: str = "") -> Iterator[ClientEvent]:
        """What has changed since this was last asked."""
        said: Sequence[tuple[int, Line]] = ()
        if transcript.changes != self._changes:
            self._changes = transcript.changes
            said = self._changed(transcript.lines)
            if any(line.speaker == "caller" for _, line in said):
                interim = ""  # The words have been taken.
        if said or interim != self._interim:
            self._interim = interim
            yield ClientEvent("messages", {"said": said, "interim": interim})

    def _changed(self, lines: Sequence[Line]) -> list[tuple[int, Line]]:
        # What is said of actions moves about; other notes are counted but not shown.
        own = [line for line in lines if not line.action][self._restored :]
        before, self._lines = self._lines, own
        return [
            (self._first + at, line)
            for at, line in enumerate(own)
            if line.speaker != "note" and (at >= len(before) or before[at] != line)
        ]
