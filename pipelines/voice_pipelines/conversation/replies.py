"""The agent's replies on their way: at most one draft, and those that were released.

They decide nothing: the machine says when, these say which commands it takes.
"""

from collections.abc import Iterator

from .commands import (
    CancelReply,
    Command,
    Duck,
    Finish,
    Pause,
    Release,
    Resume,
    Silence,
    Speak,
    StartReply,
    Unduck,
)
from .reply import Reply
from .transcript import Transcript

Commands = Iterator[Command]


class Replies:
    """Every reply that is not over, by its turn number. Numbers are never used twice."""

    def __init__(self, transcript: Transcript, instructions: str) -> None:
        self._transcript = transcript
        self._instructions = instructions
        self.turn = 0
        """The newest number."""
        self.draft: Reply | None = None
        self.released: list[Reply] = []
        """Released and not over, in the order of release."""
        self.paused = False
        """What was released is being held."""

    def __bool__(self) -> bool:
        """Whether anything was released and is not over."""
        return bool(self.released)

    @property
    def audible(self) -> list[Reply]:
        """Those of which something was heard."""
        return [reply for reply in self.released if reply.audible_at is not None]

    @property
    def answer(self) -> Reply | None:
        """The released one that the LLM writes, if any."""
        return next((reply for reply in self.released if not reply.phrase), None)

    def find(self, turn: int) -> Reply | None:
        """The draft or released reply of `turn`."""
        if self.draft and self.draft.turn == turn:
            return self.draft
        return self.find_released(turn)

    def find_released(self, turn: int) -> Reply | None:
        return next((reply for reply in self.released if reply.turn == turn), None)

    # Making --------------------------------------------------------------------------------------

    def make_draft(self, source: str, leg: str, now: int) -> Commands:
        """Begin to answer words of the caller that are no turn yet."""
        self.draft = self._new(source, leg, now)
        yield self._start(self.draft, source)

    def answer_at_once(self, source: str, leg: str, now: int) -> tuple[Reply, StartReply]:
        """Begin to answer a turn (or, with no source, what the history ends with)."""
        reply = self._new(source, leg, now)
        if source:
            self._transcript.caller_said(reply.turn, leg, source)
        return reply, self._start(reply)

    def release(self, reply: Reply, now: int) -> Commands:
        """Let the reply be heard."""
        reply.committed_at = reply.progress_at = now
        self.released.append(reply)
        if reply.pieces:
            self._transcript.agent_intends(reply.turn, reply.text)
        yield Release(reply.turn)

    def say(self, phrase: str, now: int, hang_up: str) -> Commands:
        """Let a fixed phrase be heard, after what is being heard."""
        reply = self._new("", "", now)
        reply.phrase, reply.hang_up = True, hang_up
        reply.committed_at = now
        self.released.append(reply)
        yield from self.speak(reply, phrase, now)
        yield from self.finish(reply, now)
        yield Release(reply.turn)

    def speak(self, reply: Reply, text: str, now: int) -> Commands:
        """One more piece of the reply."""
        reply.pieces.append(text)
        reply.progress_at = now
        if reply.committed_at is not None:
            self._transcript.agent_intends(reply.turn, reply.text)
        yield Speak(reply.turn, len(reply.pieces) - 1, text)

    def finish(self, reply: Reply, now: int) -> Commands:
        """The reply has no further pieces."""
        reply.complete = True
        reply.progress_at = now
        yield Finish(reply.turn)

    def try_again(self, reply: Reply, now: int) -> Commands:
        """Ask the LLM once more; the new reply takes the place of the old one."""
        again = self._new(reply.source, reply.leg, now)
        again.attempt = reply.attempt + 1
        again.committed_at = reply.committed_at
        again.hang_up, again.filled_at = reply.hang_up, reply.filled_at
        yield from self.cancel(reply)
        if reply is self.draft:
            self.draft = again
            yield self._start(again, again.source, reply.turn)
            return
        self.released[self.released.index(reply)] = again
        self._transcript.readdress(reply.turn, again.turn)
        yield self._start(again, again=reply.turn)
        yield Release(again.turn)
        if self.paused:
            yield Pause(again.turn)

    def _new(self, source: str, leg: str, now: int) -> Reply:
        self.turn += 1
        return Reply(self.turn, source, leg, progress_at=now)

    def _start(self, reply: Reply, not_said_yet: str = "", again: int = 0) -> StartReply:
        history = self._transcript.history(self._instructions, not_said_yet, reply.turn)
        reaction = not reply.source or reply.attempt > 1
        return StartReply(reply.turn, history, reaction, again)

    # Holding -------------------------------------------------------------------------------------

    def duck(self) -> Commands:
        if not self.paused:
            yield from (Duck(reply.turn) for reply in self.audible)

    def unduck(self) -> Commands:
        yield from (Unduck(reply.turn) for reply in self.audible)

    def pause(self) -> Commands:
        self.paused = True
        yield from (Pause(reply.turn) for reply in self.released)

    def resume(self, now: int) -> Commands:
        """Go on at full level, as if nothing had happened."""
        self.paused = False
        for reply in self.released:
            reply.progress_at = now
            yield Resume(reply.turn)
            yield Unduck(reply.turn)

    # Dropping ------------------------------------------------------------------------------------

    def played(self, reply: Reply) -> None:
        """The reply was heard to its end."""
        self.released.remove(reply)
        self.paused = self.paused and bool(self.released)

    def drop_all(self) -> Commands:
        """Whatever the agent says or was going to say is over."""
        released, self.released, self.paused = self.released, [], False
        yield from (Silence(reply.turn) for reply in released)
        yield from (CancelReply(reply.turn) for reply in released)
        yield from self.drop_draft()

    def drop_draft(self) -> Commands:
        draft, self.draft = self.draft, None
        if draft:
            yield from self.cancel(draft)

    def drop(self, reply: Reply) -> Commands:
        """A released reply is over."""
        self.played(reply)
        yield from self.cancel(reply)

    def cancel(self, reply: Reply) -> Commands:
        """Its silence comes first: stopping the work may take a moment."""
        yield Silence(reply.turn)
        yield CancelReply(reply.turn)
