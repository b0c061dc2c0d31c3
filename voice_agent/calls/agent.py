"""A persona on a call: its policy, its model and voice, and what it may do."""

from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, cast

import msgspec
import structlog

from voice_pipelines.conversation.commands import Message, StartReply
from voice_pipelines.conversation.policy import TurnPolicy
from voice_pipelines.engine.call import Services
from voice_pipelines.ports import LanguageModel, TextToSpeech

from ..actions import schema
from ..actions.action import Actions, SchemaInvalid
from ..actions.dispatch import ActionRecord, Dispatcher, Effects, Guards
from ..actions.state import State
from ..actions.tools import instructions
from ..actions.webhook import Webhooks
from ..personas.persona import Persona
from ..personas.prompt import PersonaPrompt, initial_message
from ..personas.retriever import Retriever
from .persona_model import PersonaLanguageModel
from .phrases import PhraseBook
from .plan import CallPlan

_KEPT = 256
"""Personas whose parsed prompts and schemas are kept."""
_SOURCE_ACTIONS = "They are given to you as tools."

log = structlog.get_logger()


class Providers(Protocol):
    """The models and voices of personas. What cannot be had is the server's: a call is answered."""

    async def llm(self, persona: Persona) -> LanguageModel | None:
        """The model that writes for `persona`; None for the server's."""

    async def tts(self, persona: Persona) -> TextToSpeech | None:
        """The voice that speaks for `persona`, pronunciations included; None for the server's."""

    def takes_tools(self, persona: Persona) -> bool:
        """Whether the model takes tools; otherwise it reads of actions in its prompt."""

    def one_system_message(self, persona: Persona) -> bool:
        """Whether the model knows one system message only."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What one call works with."""

    policy: TurnPolicy
    services: Services
    model: PersonaLanguageModel
    dispatcher: Dispatcher | None
    """None if the persona has no actions."""
    sounds: MutableMapping[str, bytes]
    """Audio of this call by a text that stands for it, in the format of the voice."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A persona as it was parsed."""

    persona: Persona
    prompt: PersonaPrompt
    actions: Actions | None
    retriever: Retriever | None


class Agents:
    """Puts personas on calls. What can be prepared is prepared once for each version."""

    def __init__(
        self,
        services: Services,
        policy: TurnPolicy,
        providers: Providers,
        webhooks: Webhooks,
        guards: Guards,
        *,
        retriever: Callable[[Persona], Retriever | None] = lambda _: None,
        now: Callable[[], datetime],
    ) -> None:
        """`services` and `policy` are the server's; `now` is the time of day."""
        self.services = services
        """The server's own."""
        self._policy = policy
        self._providers = providers
        self._webhooks = webhooks
        self._guards = guards
        self._retriever = retriever
        self._now = now
        self._read: dict[tuple[str, int, str], _Read] = {}
        self._books: dict[int, PhraseBook] = {}

    async def agent(
        self,
        plan: CallPlan,
        state: State,
        effects: Effects,
        *,
        now: Callable[[], int],
        record: Callable[[ActionRecord], None] = lambda _: None,
        admit: Callable[[StartReply], Awaitable[str | None]] | None = None,
    ) -> Agent:
        """The agent of one call. Never fails: what a persona lacks, the server has."""
        persona, read = plan.persona, self._reading(plan)
        own = await self._providers.llm(persona)
        llm = own or self.services.llm
        # Whose model could not be had gets the server's, and is told of actions as that wants it.
        writer = persona if own else persona.model_copy(update={"llm": None})
        tts = await self._providers.tts(persona) or self.services.tts
        takes_tools = self._providers.takes_tools(writer)
        dispatcher = self._dispatcher(read, plan, state, effects, now, record)
        model = PersonaLanguageModel(
            llm,
            tools=takes_tools,
            retriever=read.retriever,
            block=lambda found: read.prompt.dynamic(
                found, plan.details, began, timezone=plan.timezone or None
            ),
            fold=self._providers.one_system_message(writer),
        )
        began = self._now()
        sounds: dict[str, bytes] = {}
        services = replace(
            self.services,
            llm=model,
            tts=tts,
            actions=dispatcher,
            admit=admit,
            phrases=ChainMap(sounds, cast(MutableMapping[str, bytes], self._phrases(tts))),
        )
        policy = _turn_policy(self._policy, plan, read.prompt, read.actions, began, takes_tools)
        return Agent(policy, services, model, dispatcher, sounds)

    async def speak_ahead(self, persona: Persona) -> None:
        """Have the model, the voice and the fixed phrases of `persona` ready: no call waits for
        what is made once."""
        await self._providers.llm(persona)
        phrases = persona.turn_policy(self._policy).phrases
        greeting = initial_message(persona, {}, self._now())
        spoken = "" if greeting.personal else greeting.text
        texts = msgspec.structs.replace(phrases, greeting=spoken).all()
        tts = await self._providers.tts(persona) or self.services.tts
        if isinstance(book := self._phrases(tts), PhraseBook):
            await book.add(texts)

    def _phrases(self, tts: TextToSpeech) -> Mapping[str, bytes]:
        if tts is self.services.tts:
            return self.services.phrases
        return self._books.setdefault(id(tts), PhraseBook(tts))

    def _dispatcher(
        self,
        read: _Read,
        plan: CallPlan,
        state: State,
        effects: Effects,
        now: Callable[[], int],
        record: Callable[[ActionRecord], None],
    ) -> Dispatcher | None:
        if read.actions is None:
            return None
        return Dispatcher(
            read.actions,
            state,
            effects,
            self._webhooks,
            now=now,
            details=plan.details,
            guards=self._guards,
            record=record,
        )

    def _reading(self, plan: CallPlan) -> _Read:
        key = (plan.persona_id, plan.persona_version, plan.persona.name)
        read = self._read.get(key)
        if read is None or read.persona != plan.persona:
            if len(self._read) >= _KEPT:
                del self._read[next(iter(self._read))]
            read = self._read[key] = self._parsed(plan.persona)
        return read

    def _parsed(self, persona: Persona) -> _Read:
        prompt = PersonaPrompt(persona)
        actions = _actions(persona, prompt)
        retriever = None
        if prompt.uses_scenarios and persona.scenarios:
            retriever = self._retriever(persona)
        return _Read(persona, prompt, actions, retriever)


def beginning(base: TurnPolicy, persona: Persona, began: datetime) -> tuple[Message, ...]:
    """What a model that reads of actions in its prompt is shown first, in every conversation with
    a persona whose templates hold nothing that changes."""
    prompt = PersonaPrompt(persona)
    plan = CallPlan(conversation_id="", persona=persona)
    actions = _actions(persona, prompt)
    policy = _turn_policy(base, plan, prompt, actions, began, takes_tools=False)
    said = (Message("system", policy.instructions), Message("assistant", policy.phrases.greeting))
    return tuple(message for message in said if message.text)


def _actions(persona: Persona, prompt: PersonaPrompt) -> Actions | None:
    """The actions that the prompt asks for."""
    if persona.actions_schema is None or not prompt.uses_actions:
        return None
    try:
        return schema.load(persona.actions_schema)
    except SchemaInvalid as error:  # It was refused when it was saved; a file may hold it.
        log.error("persona_actions_invalid", persona=persona.name, reason=str(error))
        return None


def _turn_policy(
    base: TurnPolicy,
    plan: CallPlan,
    prompt: PersonaPrompt,
    known: Actions | None,
    began: datetime,
    takes_tools: bool,
) -> TurnPolicy:
    zone = plan.timezone or None
    policy = plan.persona.turn_policy(base)
    greeting = initial_message(plan.persona, plan.details, began, timezone=zone).text
    actions = None
    if known is not None:
        actions = _SOURCE_ACTIONS if takes_tools else instructions(known)
    return msgspec.structs.replace(
        policy,
        phrases=msgspec.structs.replace(policy.phrases, greeting=greeting),
        instructions=prompt.static(plan.details, began, timezone=zone, actions=actions),
    )
