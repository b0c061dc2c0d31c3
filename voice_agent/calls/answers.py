"""Which of the agent's turns answer what the caller has said."""

from voice_pipelines.conversation.commands import Command, Release, StartReply


class Answers:
    """Finds out from the orders of one conversation when words of the caller are answered."""

    def __init__(self) -> None:
        self._begun: set[int] = set()
        """Turns that answer words of the caller and were not released yet."""

    def command(self, command: Command) -> bool:
        """Whether this lets an answer be heard: once, however often its request has failed."""
        match command:
            case StartReply(turn, _, reaction, again) if not reaction or again in self._begun:
                self._begun.add(turn)
            case Release(turn) if turn in self._begun:
                self._begun.clear()
                return True
            case _:
                pass
        return False
