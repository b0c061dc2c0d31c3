"""What the editor of personas asks besides the personas: to try one, and what can be picked."""

from dataclasses import asdict

import msgspec

from ...access.tokens import SessionToken
from ...personas.keywords import TABLE
from ...personas.retriever import Query
from .call import Call
from .checks import check
from .documents import (
    ById,
)
from .editor_documents import (
    AccountNumberOut,
    CheckOut,
    DefaultsOut,
    KeywordOut,
    KeywordsOut,
    MatchesOut,
    MatchIn,
    MatchOut,
    ProviderProblem,
    TelephoneOut,
    TemplateOut,
    TemplatesOut,
    TryIn,
    TryOut,
    VoiceOut,
    VoicesOut,
)
from .personas import findings_of
from .ports import Dependencies
from .table import Route


class EditorResource:
    """Handlers and their routes."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._of = dependencies.personas
        self._tokens = dependencies.tokens
        self._trials = dependencies.trials
        self._scenarios = dependencies.scenarios
        self._catalog = dependencies.catalog
        self._telephone = dependencies.telephone
        self._defaults = dependencies.defaults
        self._templates = dependencies.templates

    def routes(self) -> list[Route]:
        one = "/personas/{id}"
        return [
            Route("POST", f"{one}/try", self.try_persona, TryOut, tag="Personas"),
            Route(
                "POST", f"{one}/scenarios/match", self.match_scenarios, MatchesOut, tag="Personas"
            ),
            Route(
                "POST",
                f"{one}/telephone/check",
                self.check_telephone,
                TelephoneOut,
                access="admin",
                tag="Telephone",
            ),
            Route("GET", "/keywords", self.list_keywords, KeywordsOut, tag="Personas"),
            Route("GET", "/templates", self.list_templates, TemplatesOut, tag="Personas"),
            Route("GET", "/defaults", self.list_defaults, DefaultsOut, tag="Personas"),
            Route("GET", "/voices", self.list_voices, VoicesOut, tag="Personas"),
        ]

    async def try_persona(self, call: Call, path: ById, body: TryIn) -> TryOut:
        """Make a session token with which the draft is talked to, as it is when that begins.

        With `persona` it is that document instead, which is not saved: the server keeps it for the
        conversations of this token, until a hundred others have been tried. The records of such
        conversations have `persona_version` 0.
        """
        draft = (await self._of(call.workspace).get(path.id)).draft
        tried = body.persona or draft
        check(tried)
        token = SessionToken(
            workspace=call.workspace,
            key=call.known.id,
            personas=(path.id,),
            user_id=body.user_id or "",
            draft=True,
            unsaved=self._trials.keep(body.persona) if body.persona else "",
            details=dict(body.details),
        )
        return TryOut(
            token=self._tokens.sign(token),
            expires_in=self._tokens.life_s,
            findings=findings_of(tried),
        )

    async def match_scenarios(self, call: Call, path: ById, body: MatchIn) -> MatchesOut:
        """Find the scenarios of the draft that a turn with this statement would have.

        They are found as in a call.
        """
        draft = (await self._of(call.workspace).get(path.id)).draft
        matches = await self._scenarios.match(path.id, draft, Query(body.text, body.persona_text))
        return MatchesOut(
            items=[
                MatchOut(index=each.index, score=each.score, scenario=each.scenario)
                for each in matches.found
            ],
            by_meaning=matches.by_meaning,
        )

    async def check_telephone(self, call: Call, path: ById) -> TelephoneOut:
        """Find out whether calls reach the persona: account, numbers, addresses, signatures."""
        stored = await self._of(call.workspace).get(path.id)
        if self._telephone is None:
            return TelephoneOut(webhook_url="", numbers=[], findings=[])
        found = await self._telephone.check(stored)
        return TelephoneOut(
            webhook_url=found.webhook_url,
            numbers=[AccountNumberOut(**asdict(each)) for each in found.numbers],
            findings=[
                CheckOut(name=each.name, ok=each.ok, message=each.text) for each in found.findings
            ],
        )

    async def list_keywords(self, call: Call) -> KeywordsOut:
        """List the keywords of prompts."""
        return KeywordsOut(items=[KeywordOut(**asdict(each)) for each in TABLE])

    async def list_templates(self, call: Call) -> TemplatesOut:
        """List personas to begin with: the server's own, and those that come with it."""
        return TemplatesOut(
            items=[TemplateOut(id=id, persona=each) for id, each in self._templates.items()]
        )

    async def list_defaults(self, call: Call) -> DefaultsOut:
        """Tell what a persona has where it says nothing."""
        policy = self._defaults.policy
        phrases = msgspec.to_builtins(policy.phrases)
        del phrases["greeting"]
        return DefaultsOut(
            llm=self._defaults.llm,
            voice=self._defaults.voice,
            endpointing=msgspec.to_builtins(policy.endpointing),
            interruption=msgspec.to_builtins(policy.interruption),
            phrases=phrases,
        )

    async def list_voices(self, call: Call) -> VoicesOut:
        """List the voices that personas can have, of the providers that the server can use.

        A provider that cannot be asked is told of, and the others are listed.
        """
        if self._catalog is None:
            return VoicesOut(items=[], problems=[])
        found = await self._catalog.voices()
        return VoicesOut(
            items=[VoiceOut(**asdict(each)) for each in found.voices],
            problems=[
                ProviderProblem(provider=provider, message=message)
                for provider, message in found.problems.items()
            ],
        )
