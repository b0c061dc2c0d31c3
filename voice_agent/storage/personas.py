"""Personas with their drafts and versions."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..calls.records import new_id
from ..personas.persona import Persona
from ..personas.repository import Conflict, NotFound, Stale, StoredPersona
from .database import Database
from .tables import persona_versions, personas


class PersonaRepository:
    """The personas of one workspace."""

    def __init__(
        self, database: Database, workspace: str, changed: Callable[[str], None] = lambda _: None
    ) -> None:
        """`changed` is told the id of every persona that is written or deleted here."""
        self._database = database
        self._workspace = workspace
        self._changed = changed

    async def list(self, after: str = "", limit: int = 100) -> Sequence[StoredPersona]:
        query = self._query().where(personas.c.id > after).order_by(personas.c.id).limit(limit)
        async with self._database.read() as connection:
            return [_stored(row) for row in await connection.execute(query)]

    async def get(self, id: str) -> StoredPersona:
        async with self._database.read() as connection:
            return await self._get(connection, id)

    async def named(self, name: str) -> StoredPersona:
        async with self._database.read() as connection:
            row = (await connection.execute(self._query().where(personas.c.name == name))).first()
        if row is None:
            raise NotFound(f"There is no persona named {name}.")
        return _stored(row)

    async def create(self, persona: Persona) -> StoredPersona:
        now = datetime.now(UTC)
        id = new_id(now)
        row = {
            "id": id,
            "workspace": self._workspace,
            "name": persona.name,
            "draft": _document(persona),
            "version": 0,
            "revision": 1,
            "created_at": now,
            "updated_at": now,
        }
        try:
            async with self._database.write() as connection:
                await connection.execute(sa.insert(personas), row)
        except IntegrityError as error:
            raise _taken(persona.name) from error
        self._changed(id)
        return StoredPersona(id, persona.name, persona, None, 0, "1", now, now)

    async def save(self, id: str, persona: Persona, etag: str | None = None) -> StoredPersona:
        return await self._update(id, etag, lambda _: (persona, None), persona.name)

    async def publish(self, id: str, etag: str | None = None) -> StoredPersona:
        return await self._update(id, etag, lambda old: (old.draft, old.draft))

    async def change(self, id: str, update: Callable[[Persona], Persona]) -> StoredPersona:
        """Change something at once: in the draft, and for all calls from now on.

        Of what else the draft has changed nothing is published. A persona that was never published
        is published with this.
        """

        def both(old: StoredPersona) -> tuple[Persona, Persona]:
            draft = update(old.draft)
            return draft, draft if old.published is None else update(old.published)

        return await self._update(id, None, both)

    async def roll_back(self, id: str, version: int) -> StoredPersona:
        persona = await self.version(id, version)
        return await self._update(id, None, lambda _: (persona, persona), persona.name)

    async def version(self, id: str, version: int) -> Persona:
        query = (
            sa.select(persona_versions.c.document)
            .join(personas, personas.c.id == persona_versions.c.persona_id)
            .where(personas.c.workspace == self._workspace)
            .where(personas.c.id == id, persona_versions.c.version == version)
        )
        async with self._database.read() as connection:
            document = await connection.scalar(query)
        if document is None:
            raise NotFound(f"There is no version {version} of a persona {id}.")
        return Persona.model_validate(document)

    async def versions(
        self, id: str, before: int | None = None, limit: int = 100
    ) -> Sequence[tuple[int, datetime]]:
        """The numbers of what was published and when, the newest first; those below `before`."""
        query = (
            sa.select(persona_versions.c.version, persona_versions.c.published_at)
            .where(persona_versions.c.persona_id == id)
            .order_by(persona_versions.c.version.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(persona_versions.c.version < before)
        async with self._database.read() as connection:
            await self._get(connection, id)
            return [(row.version, row.published_at) for row in await connection.execute(query)]

    async def delete(self, id: str) -> None:
        async with self._database.write() as connection:
            gone = await connection.execute(sa.delete(personas).where(*self._is(id)))
        if not gone.rowcount:
            raise _unknown(id)
        self._changed(id)

    async def _update(
        self,
        id: str,
        etag: str | None,
        update: Callable[[StoredPersona], tuple[Persona, Persona | None]],
        name: str = "",
    ) -> StoredPersona:
        """Store the (draft, next version) that `update` gives; None publishes nothing."""
        now = datetime.now(UTC)
        try:
            async with self._database.write() as connection:
                old = await self._get(connection, id, lock=True)
                if etag is not None and etag != old.etag:
                    raise Stale("Somebody else has changed the persona; read it again.")
                draft, published = update(old)
                name = draft.name
                version = old.version if published is None else old.version + 1
                await connection.execute(
                    sa.update(personas)
                    .where(*self._is(id))
                    .values(
                        name=draft.name,
                        draft=_document(draft),
                        version=version,
                        revision=personas.c.revision + 1,
                        updated_at=now,
                    )
                )
                if published is not None:
                    row = {
                        "persona_id": id,
                        "version": version,
                        "document": _document(published),
                        "published_at": now,
                    }
                    await connection.execute(sa.insert(persona_versions), row)
                stored = await self._get(connection, id)
        except IntegrityError as error:
            raise _taken(name) from error
        self._changed(id)
        return stored

    async def _get(self, connection: AsyncConnection, id: str, lock: bool = False) -> StoredPersona:
        query = self._query().where(personas.c.id == id)
        if lock:
            query = query.with_for_update(of=personas)
        row = (await connection.execute(query)).first()
        if row is None:
            raise _unknown(id)
        return _stored(row)

    def _query(self) -> sa.Select[tuple[object, ...]]:
        published = (persona_versions.c.persona_id == personas.c.id) & (
            persona_versions.c.version == personas.c.version
        )
        return (
            sa.select(*personas.c, persona_versions.c.document)
            .select_from(personas.outerjoin(persona_versions, published))
            .where(personas.c.workspace == self._workspace)
        )

    def _is(self, id: str) -> tuple[sa.ColumnElement[bool], ...]:
        return (personas.c.workspace == self._workspace, personas.c.id == id)


def _document(persona: Persona) -> dict[str, object]:
    return persona.model_dump(mode="json", exclude_defaults=True)


def _stored(row: sa.Row[tuple[object, ...]]) -> StoredPersona:
    # The document may be an older program's: fields that came later have their defaults.
    return StoredPersona(
        id=row.id,
        name=row.name,
        draft=Persona.model_validate(row.draft),
        published=None if row.document is None else Persona.model_validate(row.document),
        version=row.version,
        etag=str(row.revision),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _unknown(id: str) -> NotFound:
    return NotFound(f"There is no persona {id}.")


def _taken(name: str) -> Conflict:
    return Conflict(f"There is another persona named {name}; choose another name.")
