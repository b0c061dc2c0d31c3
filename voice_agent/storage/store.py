"""Everything that is kept, behind one door."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ..calls.records import DEFAULT_WORKSPACE
from .accounts import AccountRepository, PasskeyRepository
from .claims import ClaimRepository
from .conversations import ConversationArchive, ConversationRepository
from .counters import CounterRepository
from .database import Database
from .idempotency import IdempotencyRepository
from .keys import KeyRepository
from .lists import DoNotCallRepository
from .personas import PersonaRepository
from .sessions import AttemptRepository, SessionRepository


class Store:
    """The repositories on one database. Those of a workspace cost nothing to ask for."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.persona_changed: Callable[[str, str], None] = lambda workspace, id: None
        """Is told of every persona that this process changes or deletes."""
        self.keys = KeyRepository(database)
        self.accounts = AccountRepository(database)
        self.passkeys = PasskeyRepository(database)
        self.sessions = SessionRepository(database)
        self.attempts = AttemptRepository(database)
        self.archive = ConversationArchive(database)
        self.claims = ClaimRepository(database)
        self.idempotency = IdempotencyRepository(database)

    def personas(self, workspace: str = DEFAULT_WORKSPACE) -> PersonaRepository:
        return PersonaRepository(
            self.database, workspace, lambda id: self.persona_changed(workspace, id)
        )

    def conversations(self, workspace: str = DEFAULT_WORKSPACE) -> ConversationRepository:
        return ConversationRepository(self.database, workspace)

    def counters(self, workspace: str = DEFAULT_WORKSPACE) -> CounterRepository:
        return CounterRepository(self.database, workspace)

    def do_not_call(self, workspace: str = DEFAULT_WORKSPACE) -> DoNotCallRepository:
        return DoNotCallRepository(self.database, workspace)


@asynccontextmanager
async def opened(url: str, password: str = "") -> AsyncIterator[Store]:
    """The store at a database URL, with its tables up to date.

    `password` is for a URL without one.
    Raises ConfigurationError, StorageUnavailable.
    """
    database = Database(url, password)
    try:
        await database.upgrade()
        yield Store(database)
    finally:
        await database.close()
