"""Conversations with their messages and actions."""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..calls.records import (
    Action,
    Begun,
    Conversation,
    ConversationFilter,
    Ended,
    Message,
    MessageUsed,
    Place,
    RecordingKept,
    Resumed,
    StateChanged,
    Write,
)
from .counters import count
from .database import Database
from .tables import actions, conversations, messages

_IDS_AT_ONCE = 500
_REPLACED = str.maketrans({"\0": "\ufffd"})


class ConversationArchive:
    """Where the records of all workspaces are written to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._upserts: dict[tuple[sa.Table, tuple[str, ...]], sa.Executable] = {}

    async def apply(self, writes: Sequence[Write]) -> None:
        try:
            async with self._database.write() as connection:
                for write in writes:
                    await self._apply(connection, write)
        except (StatementError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f"It cannot be kept: {type(error).__name__}.") from error

    async def incomplete(self, ids: Sequence[str]) -> set[str]:
        missing = set(ids)
        async with self._database.read() as connection:
            for at in range(0, len(ids), _IDS_AT_ONCE):
                query = sa.select(conversations.c.id).where(
                    conversations.c.complete,
                    conversations.c.id.in_(ids[at : at + _IDS_AT_ONCE]),
                )
                missing -= set(await connection.scalars(query))
        return missing

    async def _apply(self, connection: AsyncConnection, write: Write) -> None:
        match write:
            case Begun(conversation):
                insert = self._database.insert(conversations).values(**_columns(conversation))
                made = await connection.execute(insert.on_conflict_do_nothing())
                if not made.rowcount:
                    # Perhaps it is rebuilt from the journal of a later part.
                    await _note_call(connection, conversation.id, conversation.call)
            case Resumed(id, call):
                await _update(
                    connection, id, status="live", ended_at=None, end_reason="", complete=False
                )
                await _note_call(connection, id, call)
            case Message():
                await self._put(connection, messages, _columns(write))
            case Action():
                await self._put(connection, actions, _columns(write))
            case StateChanged(id, changes):
                await _merge_state(connection, conversations.c.id == id, changes)
            case RecordingKept(id, recording):
                await _update(connection, id, recording=_storable(recording))
            case Ended(id, at, reason, status, complete):
                await _update(
                    connection,
                    id,
                    status=status,
                    ended_at=at,
                    end_reason=_storable(reason),
                    complete=complete,
                )
            case MessageUsed(_, workspace, persona_id, user_id, at):
                await count(self._database, connection, workspace, persona_id, user_id, None, at)
            case _:
                assert_never(write)

    async def _put(self, connection: AsyncConnection, table: sa.Table, row: dict[str, Any]) -> None:
        # A journal does not know all: what is missing here does not undo what is there.
        known = tuple(name for name, value in row.items() if value is not None)
        # Not many at once: aiosqlite's `executemany` keeps the database locked if it is canceled.
        await connection.execute(self._upsert(table, known), row)

    def _upsert(self, table: sa.Table, known: tuple[str, ...]) -> sa.Executable:
        """The statement is made once: to make it costs more than to run it."""
        if (found := self._upserts.get((table, known))) is not None:
            return found
        keys = [column.name for column in table.primary_key]
        insert = self._database.insert(table)
        values = {name: insert.excluded[name] for name in known if name not in keys}
        made = insert.on_conflict_do_update(index_elements=keys, set_=values)
        self._upserts[table, known] = made
        return made


class ConversationRepository:
    """The conversations of one workspace."""

    def __init__(self, database: Database, workspace: str) -> None:
        self._database = database
        self._workspace = workspace

    async def list(
        self, wanted: ConversationFilter, after: Place | None = None, limit: int = 50
    ) -> Sequence[Conversation]:
        order = conversations.c.created_at, conversations.c.id
        query = (
            sa.select(conversations)
            .where(conversations.c.workspace == self._workspace)
            .order_by(*(column.desc() for column in order))
            .limit(limit)
        )
        for name in ("persona_id", "user_id", "status"):
            if (value := getattr(wanted, name)) is not None:
                query = query.where(conversations.c[name] == value)
        if wanted.since is not None:
            query = query.where(conversations.c.created_at >= wanted.since)
        if wanted.until is not None:
            query = query.where(conversations.c.created_at < wanted.until)
        if after is not None:
            place = sa.tuple_(
                sa.literal(after.created_at, conversations.c.created_at.type),
                sa.literal(after.id, sa.Text),
            )
            query = query.where(sa.tuple_(*order) < place)
        async with self._database.read() as connection:
            return [_conversation(row) for row in await connection.execute(query)]

    async def get(self, id: str) -> Conversation | None:
        query = sa.select(conversations).where(self._is(id))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else _conversation(row)

    async def messages(self, id: str, first: int = 0, limit: int = 1000) -> Sequence[Message]:
        return [Message(**row) for row in await self._parts(messages, id, first, limit)]

    async def actions(self, id: str, first: int = 0, limit: int = 1000) -> Sequence[Action]:
        return [Action(**row) for row in await self._parts(actions, id, first, limit)]

    async def merge_state(
        self, id: str, changes: Mapping[str, object]
    ) -> Mapping[str, object] | None:
        async with self._database.write() as connection:
            return await _merge_state(connection, self._is(id), changes)

    async def _parts(
        self, table: sa.Table, id: str, first: int, limit: int
    ) -> Sequence[dict[str, Any]]:
        query = (
            sa.select(table)
            .join(conversations, conversations.c.id == table.c.conversation_id)
            .where(self._is(id), table.c.number >= first)
            .order_by(table.c.number)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [dict(row._mapping) for row in await connection.execute(query)]

    def _is(self, id: str) -> sa.ColumnElement[bool]:
        return sa.and_(conversations.c.workspace == self._workspace, conversations.c.id == id)


async def _update(connection: AsyncConnection, id: str, **values: object) -> None:
    await connection.execute(
        sa.update(conversations).where(conversations.c.id == id).values(**values)
    )


async def _note_call(connection: AsyncConnection, id: str, call: str) -> None:
    """The conversation goes on (or has begun) on that call."""
    columns = conversations.c
    query = sa.select(columns.call, columns.later_calls).where(columns.id == id).with_for_update()
    row = (await connection.execute(query)).first()
    if row is not None and call not in ("", row.call, *row.later_calls):
        await _update(connection, id, later_calls=[*row.later_calls, _storable(call)])


async def _merge_state(
    connection: AsyncConnection, where: sa.ColumnElement[bool], changes: Mapping[str, object]
) -> Mapping[str, object] | None:
    query = sa.select(conversations.c.state).where(where).with_for_update()
    old = await connection.scalar(query)
    if old is None:
        return None
    state: dict[str, object] = {**old, **_storable(changes)}
    await connection.execute(sa.update(conversations).where(where).values(state=state))
    return state


def _conversation(row: sa.Row[Any]) -> Conversation:
    values = dict(row._mapping)
    return Conversation(**values | {"later_calls": tuple(values["later_calls"])})


def _columns(record: Conversation | Message | Action) -> dict[str, Any]:
    return {name: _storable(getattr(record, name)) for name in record.__dataclass_fields__}


def _storable(value: Any) -> Any:
    """What every database takes: NUL and half a surrogate pair become replacement characters."""
    match value:
        case str():
            if value.isascii() and "\0" not in value:
                return value
            return value.translate(_REPLACED).encode("utf-8", "replace").decode("utf-8")
        case Mapping():
            return {_storable(str(key)): _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
        case _:
            return value
