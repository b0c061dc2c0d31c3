"""The paths that older integrations use. All of them take effect at once."""

from collections.abc import Callable
from typing import Any

from ...personas.persona import JsonObject, Persona, RateLimit, Telephone
from ...personas.repository import StoredPersona
from .call import Call
from .checks import check_llm, check_schema
from .documents import (
    ById,
)
from .older_documents import (
    InitialMessageIn,
    LegacyPersona,
    LlmIn,
    PromptIn,
    RateLimitMessageIn,
    ScenariosIn,
    ToggleIn,
    TwilioIn,
)
from .ports import Dependencies
from .table import Handler, Route

_Change = Callable[[Persona], Persona]


class OlderResource:
    """Handlers and their routes."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._of = dependencies.personas

    def routes(self) -> list[Route]:
        one = "/personas/{id}"
        scenarios = _route(f"{one}/scenarios", self.put_scenarios, tag="Personas")
        return [
            scenarios,
            _route(f"{one}/prompt", self.put_prompt),
            _route(f"{one}/initialMessage", self.put_initial_message),
            _route(f"{one}/rateLimitMessage", self.put_rate_limit_message),
            _route(f"{one}/toggleRateLimit", self.put_rate_limit),
            _route(f"{one}/schema", self.put_schema),
            _route(f"{one}/llm", self.put_llm),
            _route(f"{one}/twilio", self.put_twilio),
        ]

    async def put_scenarios(self, call: Call, path: ById, body: ScenariosIn) -> LegacyPersona:
        """Replace the scenarios. Takes effect at once."""
        return await self._change(
            call, path, lambda old: _with(old, scenarios=tuple(body.scenarios))
        )

    async def put_prompt(self, call: Call, path: ById, body: PromptIn) -> LegacyPersona:
        """Replace the prompt. Takes effect at once."""
        return await self._change(call, path, lambda old: _with(old, prompt=body.prompt))

    async def put_initial_message(
        self, call: Call, path: ById, body: InitialMessageIn
    ) -> LegacyPersona:
        """Replace the initial message. Takes effect at once."""
        return await self._change(
            call, path, lambda old: _with(old, initial_message=body.initialMessage)
        )

    async def put_rate_limit_message(
        self, call: Call, path: ById, body: RateLimitMessageIn
    ) -> LegacyPersona:
        """Replace what is said at the message limit, and the limit. Takes effect at once."""

        def change(old: Persona) -> Persona:
            count = old.rate_limit.count if body.rateLimit is None else body.rateLimit
            rule = RateLimit(
                enabled=old.rate_limit.enabled, count=count, message=body.rateLimitMessage
            )
            return _with(old, rate_limit=rule)

        return await self._change(call, path, change)

    async def put_rate_limit(self, call: Call, path: ById, body: ToggleIn) -> LegacyPersona:
        """Turn the message limit on or off. Takes effect at once."""

        def change(old: Persona) -> Persona:
            rule = old.rate_limit.model_copy(update={"enabled": body.enabled})
            return _with(old, rate_limit=rule)

        return await self._change(call, path, change)

    async def put_schema(self, call: Call, path: ById, body: JsonObject) -> LegacyPersona:
        """Replace the actions schema; the body is the schema. Takes effect at once."""
        schema = body or None
        if schema is not None:
            check_schema(schema, "")
        return await self._change(call, path, lambda old: _with(old, actions_schema=schema))

    async def put_llm(self, call: Call, path: ById, body: LlmIn) -> LegacyPersona:
        """Choose the language model. Takes effect at once."""
        check_llm(body.llm)
        return await self._change(call, path, lambda old: _with(old, llm=body.llm))

    async def put_twilio(self, call: Call, path: ById, body: TwilioIn) -> LegacyPersona:
        """Give the persona a telephone number. Takes effect at once."""

        def change(old: Persona) -> Persona:
            others = [each for each in old.telephone.numbers if each != body.phoneNumber]
            telephone: Telephone = old.telephone.model_copy(
                update={"numbers": (body.phoneNumber, *others)}
            )
            return _with(old, telephone=telephone)

        return await self._change(call, path, change)

    async def _change(self, call: Call, path: ById, change: _Change) -> LegacyPersona:
        return legacy(await self._of(call.workspace).change(path.id, change))


def _route(path: str, handler: Handler, tag: str = "Older integrations") -> Route:
    return Route("PUT", path, handler, LegacyPersona, tag=tag)


def _with(persona: Persona, **fields: Any) -> Persona:
    return persona.model_copy(update=fields)


def legacy(stored: StoredPersona) -> LegacyPersona:
    """A persona as older integrations know it."""
    persona = stored.published or stored.draft
    return LegacyPersona(
        id=stored.id,
        name=stored.name,
        currentVoicePrompt=persona.prompt,
        currentVoiceSchema=persona.actions_schema,
        initialMessage=persona.initial_message,
        rateLimitMessage=persona.rate_limit.message,
        rateLimit=persona.rate_limit.count,
        rateLimitEnabled=persona.rate_limit.enabled,
        scenarios=list(persona.scenarios),
        llm=persona.llm,
        voiceId=persona.voice.voice_id if persona.voice else None,
        phoneNumber=next(iter(persona.telephone.numbers), None),
    )
