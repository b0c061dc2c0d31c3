"""Personas: drafts, publication, versions."""

import tomllib
from functools import partial
from typing import Any, Literal

from aiohttp import web
from pydantic import ValidationError

from ...personas.files import to_json, to_toml, with_names_of_today
from ...personas.lint import lint
from ...personas.persona import Persona, Voice
from ...personas.prompt import meter
from ...personas.repository import NotFound, StoredPersona
from ...personas.voices import NotAVoice, shared_voice
from ...presets import PRESETS
from .call import Call
from .checks import check
from .documents import (
    ById,
    ByUser,
    ByVersion,
    CounterOut,
    Done,
    FindingOut,
    Findings,
    LlmOut,
    MeterOut,
    Page,
    Paged,
    PersonaOut,
    PersonaSummary,
    Rollback,
    SavedPersona,
    VersionOut,
    VoiceIn,
    page_of,
)
from .older import legacy
from .older_documents import (
    LegacyPersona,
)
from .ports import Dependencies
from .problem import ApiProblem, FieldProblem, invalid
from .table import JSON, Answer, Route, parsed

_TOML = "application/toml"
_route = partial(Route, tag="Personas")


class PersonaResource:
    """Handlers and their routes."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._of = dependencies.personas
        self._counters = dependencies.counters
        self._voices = dependencies.voices
        self._keys_set = dependencies.keys_set

    def routes(self) -> list[Route]:
        one = "/personas/{id}"
        return [
            _route(
                "GET", "/personas", self.list_personas, Page[PersonaSummary] | list[LegacyPersona]
            ),
            _route(
                "POST",
                "/personas",
                self.create_persona,
                SavedPersona,
                status=201,
                problems=(409,),
                repeatable=True,
            ),
            _route(
                "POST",
                "/import",
                self.import_persona,
                SavedPersona,
                problems=(409,),
                text_types=(_TOML, JSON),
            ),
            _route("POST", "/lint", self.lint_persona, Findings),
            _route("GET", one, self.get_persona, PersonaOut | LegacyPersona),
            _route("PUT", one, self.save_persona, SavedPersona, problems=(409,), if_match=True),
            _route("DELETE", one, self.delete_persona, Done),
            _route("POST", f"{one}/publish", self.publish_persona, PersonaOut, if_match=True),
            _route("POST", f"{one}/rollback", self.roll_back_persona, PersonaOut, problems=(409,)),
            _route("GET", f"{one}/versions", self.list_versions, Page[VersionOut]),
            _route("GET", one + "/versions/{version}", self.get_version, Persona),
            _route("GET", f"{one}/lint", self.lint_draft, Findings),
            _route("GET", f"{one}/export", self.export_persona, str, text_types=(_TOML, JSON)),
            _route("GET", f"{one}/users", self.list_users, Page[CounterOut]),
            _route("DELETE", one + "/users/{user}", self.reset_user, Done),
            _route("POST", "/voices/import", self.import_voice, PersonaOut, problems=(404, 502)),
            _route("GET", "/llms", self.list_llms, list[LlmOut]),
        ]

    async def list_personas(self, call: Call, query: Paged) -> Page[PersonaSummary] | Answer:
        """List the personas.

        With the key as `apikey` in the query: all of them, as older integrations expect it.
        """
        personas = self._of(call.workspace)
        if call.legacy:
            everything = await personas.list(limit=1000)
            return Answer([legacy(stored) for stored in everything])
        (after,) = query.place()
        found = await personas.list(after, query.limit + 1)
        return page_of([_summary(each) for each in found], query.limit, lambda each: each.id)

    async def create_persona(self, call: Call, body: Persona) -> Answer:
        """Make a persona. It is a draft until it is published."""
        check(body)
        return _saved(await self._of(call.workspace).create(body), 201)

    async def import_persona(self, call: Call, body: bytes) -> Answer:
        """Make or replace the persona of that name, from a file that `export` gave."""
        persona = self._read(call, body)
        check(persona)
        personas = self._of(call.workspace)
        try:
            old = await personas.named(persona.name)
        except NotFound:
            return _saved(await personas.create(persona))
        return _saved(await personas.save(old.id, persona))

    def _read(self, call: Call, body: bytes) -> Persona:
        if call.request.content_type == JSON:
            persona: Persona = parsed(Persona, body)
            return persona
        try:
            return Persona.model_validate(with_names_of_today(tomllib.loads(body.decode())))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise ApiProblem(400, f"The body is no TOML: {error}.") from error
        except ValidationError as error:
            raise invalid(error) from error

    async def lint_persona(self, call: Call, body: Persona) -> Findings:
        """Say what is doubtful in a persona, without keeping it."""
        check(body)
        return _judged(body)

    async def get_persona(self, call: Call, path: ById) -> Answer:
        """Read a persona: its draft and what calls get."""
        stored = await self._of(call.workspace).get(path.id)
        if call.legacy:
            return Answer(legacy(stored))
        return _told(stored)

    async def save_persona(self, call: Call, path: ById, body: Persona) -> Answer:
        """Replace the draft. Calls get it once it is published."""
        check(body)
        return _saved(await self._of(call.workspace).save(path.id, body, call.if_match()))

    async def delete_persona(self, call: Call, path: ById) -> Done:
        """Delete a persona with its versions. Its conversations are kept."""
        await self._of(call.workspace).delete(path.id)
        return Done()

    async def publish_persona(self, call: Call, path: ById) -> Answer:
        """Give the draft to all calls from now on. Live calls keep what they began with."""
        return _told(await self._of(call.workspace).publish(path.id, call.if_match()))

    async def roll_back_persona(self, call: Call, path: ById, body: Rollback) -> Answer:
        """Publish an earlier version again, as the next one."""
        return _told(await self._of(call.workspace).roll_back(path.id, body.version))

    async def list_versions(self, call: Call, path: ById, query: Paged) -> Page[VersionOut]:
        """List what was published, the newest first."""
        (before,) = query.place()
        number = int(before) if before.isascii() and before.isdigit() and len(before) < 12 else None
        found = await self._of(call.workspace).versions(path.id, number, query.limit + 1)
        items = [VersionOut(version=each, published_at=at) for each, at in found]
        return page_of(items, query.limit, lambda each: str(each.version))

    async def get_version(self, call: Call, path: ByVersion) -> Persona:
        """Read what was published under a number."""
        return await self._of(call.workspace).version(path.id, path.version)

    async def lint_draft(self, call: Call, path: ById) -> Findings:
        """Say what is doubtful in the draft."""
        stored = await self._of(call.workspace).get(path.id)
        return _judged(stored.draft)

    async def export_persona(self, call: Call, path: ById) -> web.Response:
        """Give the draft as a file: TOML, or JSON if `Accept` asks for it."""
        draft = (await self._of(call.workspace).get(path.id)).draft
        if JSON in call.request.headers.get("Accept", ""):
            return web.Response(text=to_json(draft), content_type=JSON)
        return web.Response(text=to_toml(draft), content_type=_TOML)

    async def list_users(self, call: Call, path: ById, query: Paged) -> Page[CounterOut]:
        """List the users whose messages are counted."""
        stored = await self._of(call.workspace).get(path.id)
        rule = (stored.published or stored.draft).rate_limit
        (after,) = query.place()
        found = await self._counters(call.workspace).used(path.id, after, query.limit + 1)
        items = [
            CounterOut(
                user_id=each.user_id,
                used=each.used,
                limit=rule.count if rule.enabled else None,
                updated_at=each.updated_at,
            )
            for each in found
        ]
        return page_of(items, query.limit, lambda each: each.user_id)

    async def reset_user(self, call: Call, path: ByUser) -> Done:
        """Count a user's messages from none again."""
        await self._of(call.workspace).get(path.id)
        return Done(done=await self._counters(call.workspace).reset(path.id, path.user))

    async def list_llms(self, call: Call) -> list[LlmOut]:
        """List the language models that a persona can name."""
        return [
            LlmOut(
                name=name,
                model=preset.model,
                base_url=preset.base_url,
                key_env=preset.key,
                ready=preset.key in ("", *self._keys_set),
            )
            for name, preset in PRESETS.items()
        ]

    async def import_voice(self, call: Call, body: VoiceIn) -> Answer:
        """Give a persona a shared voice of ElevenLabs, by its link or id.

        Takes effect at once.
        """
        try:
            shared = shared_voice(body.link)
        except NotAVoice as error:
            raise ApiProblem(
                400, f"link: {error}", [FieldProblem(field="link", message=str(error))]
            ) from error
        voice_id = shared.voice_id
        personas = self._of(call.workspace)
        try:
            stored = await personas.named(body.persona)
        except NotFound:
            stored = await personas.get(body.persona)
        if shared.owner and self._voices is not None:
            voice_id = await self._voices.add_shared(shared.owner, voice_id, stored.name)

        def change(persona: Persona) -> Persona:
            old = persona.voice
            kept = old if old is not None and old.provider == "elevenlabs" else Voice()
            voice = kept.model_copy(update={"provider": "elevenlabs", "voice_id": voice_id})
            return persona.model_copy(update={"voice": voice})

        return _told(await personas.change(stored.id, change))


def findings_of(persona: Persona) -> list[FindingOut]:
    return [
        FindingOut(
            severity=each.severity.value,
            code=each.code,
            message=each.message,
            field=each.field,
            line=each.line,
            column=each.column,
        )
        for each in lint(persona)
    ]


def _judged(persona: Persona) -> Findings:
    return Findings(findings=findings_of(persona), meter=_meter(persona))


def _meter(persona: Persona) -> MeterOut:
    length = meter(persona)
    return MeterOut(tokens=length.tokens, level=length.level.value)


def _status(stored: StoredPersona) -> Literal["draft", "published", "changed"]:
    if stored.published is None:
        return "draft"
    return "published" if stored.published == stored.draft else "changed"


def _summary(stored: StoredPersona) -> PersonaSummary:
    return PersonaSummary(
        **_described(stored),
        status=_status(stored),
        language=stored.draft.language,
        numbers=list(stored.draft.telephone.numbers),
    )


def _described(stored: StoredPersona) -> dict[str, Any]:
    return {
        "id": stored.id,
        "name": stored.name,
        "version": stored.version,
        "etag": stored.etag,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
    }


def _fields(stored: StoredPersona) -> dict[str, Any]:
    return {**_described(stored), "draft": stored.draft, "published": stored.published}


def _told(stored: StoredPersona) -> Answer:
    return Answer(PersonaOut(**_fields(stored)), headers={"ETag": f'"{stored.etag}"'})


def _saved(stored: StoredPersona, status: int = 0) -> Answer:
    body = SavedPersona(
        **_fields(stored), findings=findings_of(stored.draft), meter=_meter(stored.draft)
    )
    headers = {"ETag": f'"{stored.etag}"'}
    if status == 201:
        headers["Location"] = f"/api/personas/{stored.id}"
    return Answer(body, status, headers)
