"""A conversation while it is played: what a call has, without a line."""

from collections.abc import Mapping, Sequence

from voice_pipelines.conversation.transcript import Transcript

from ..actions.action import Actions
from ..actions.dispatch import ActionRecord, Dispatcher, Effects
from ..actions.http import Signer
from ..actions.secrets import Secrets
from ..actions.state import State
from ..actions.webhook import Webhooks
from ..personas.persona import Persona
from ..personas.prompt import initial_message
from .hooks import ScriptedHooks
from .script import DialogueScript


class Dialogue:
    """The conversation that is being played."""

    def __init__(self, persona: Persona, actions: Actions | None, script: DialogueScript) -> None:
        self.transcript = Transcript()
        self.state = State(script.state)
        self.hooks = ScriptedHooks(script.webhooks)
        self.greeting = initial_message(persona, script.details, script.now).text
        self.last_user = ""
        self.dispatcher: Dispatcher | None = None
        self._records: list[ActionRecord] = []
        self._number = 0
        if actions is not None:
            webhooks = Webhooks(self.hooks, _AnySecret(), Signer((), lambda: 0))
            effects: Effects = _Noted()
            self.dispatcher = Dispatcher(
                actions,
                self.state,
                effects,
                webhooks,
                # Each turn takes ten seconds, so that limits of rate mean what they mean in a call.
                now=lambda: 10_000 * len(self.transcript.lines),
                details=script.details,
                record=self._records.append,
            )
        self.said(0, self.greeting)

    def heard(self, turn: int, text: str) -> None:
        self.last_user = text
        self.transcript.caller_said(turn, "user", text)
        if self.dispatcher is not None:
            self.dispatcher.caller_spoke()

    def said(self, turn: int, text: str) -> None:
        if text:
            self.transcript.agent_intends(turn, text)
            self.transcript.agent_heard(turn, text)

    async def act(self, name: str, arguments: str) -> bool:
        """Do it; whether the persona should speak of the result."""
        self._number += 1
        number = self._number
        self.transcript.started(number, f"({name} was started.)")
        result, react = f"Not done: there is no action {name[:64]!r}.", True
        if self.dispatcher is not None:
            self.hooks.action = name
            result, react = await self.dispatcher.run(name, arguments, f"rehearsal:{number}")
        self.transcript.ended(number, f"(Result of {name}: {result})")
        return react

    def taken(self) -> list[ActionRecord]:
        """What was done since the last time."""
        records = list(self._records)
        self._records.clear()
        return records


class _Noted:
    """`Effects` of a conversation that has no line."""

    def emitted(self, name: str, arguments: Mapping[str, object]) -> None: ...

    def state_changed(self, state: Mapping[str, object]) -> None: ...

    async def hang_up(self) -> str:
        return "The call ends after your last words."

    async def transfer(self, number: str) -> str:
        return "The call is being transferred."

    async def send_sms(self, text: str) -> str:
        return "The message was sent."

    async def press_keys(self, keys: Sequence[str]) -> str:
        return "The keys were pressed."


class _AnySecret(Secrets):
    """Every name has a value: the request goes nowhere."""

    def __init__(self) -> None:
        super().__init__((), {})

    def value(self, name: str) -> str:
        return f"secret {name}"
