"""Who is answered, and how often: counted once for each message, exact over all calls."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.voice_agent.calls.test_record_writer import Memory
from voice_agent.calls import limits
from voice_agent.calls.admission import Admission
from voice_agent.calls.limits import Allowance, Counted, Counters
from voice_agent.calls.plan import CallPlan
from voice_agent.calls.record_writer import RecordWriter
from voice_agent.calls.records import DEFAULT_WORKSPACE, MessageUsed
from voice_agent.errors import StorageUnavailable
from voice_agent.personas.message_limit import DEFAULT_MESSAGE
from voice_agent.personas.persona import Persona, RateLimit
from voice_agent.storage.store import opened
from voice_pipelines.conversation.commands import CancelReply, Release, StartReply

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LIMITED = Persona(name="P", rate_limit=RateLimit(enabled=True, count=3, message="Enough."))


@dataclass
class Ledger:
    """Counters in memory, which can be slow or down."""

    used_by: dict[str, int] = field(default_factory=dict)
    messages: int = 0
    down: bool = False
    held: asyncio.Event | None = None

    async def use(self, persona_id: str, user_id: str, limit: int | None, at: datetime) -> bool:
        if self.held is not None:
            await self.held.wait()
        if self.down:
            raise StorageUnavailable("it is down")
        used = self.used_by.get(user_id, 0)
        if limit is not None and used >= limit:
            return False
        self.used_by[user_id] = used + 1
        self.messages += 1
        return True

    async def used(self, persona_id: str, after: str = "", limit: int = 100) -> Sequence[Counted]:
        raise NotImplementedError

    async def reset(self, persona_id: str, user_id: str) -> bool:
        raise NotImplementedError

    async def account(self) -> Sequence[tuple[str, int]]:
        raise NotImplementedError


@dataclass
class Door:
    """The admission of one conversation."""

    admission: Admission
    writer: RecordWriter

    async def asks(self, turn: int, *, reaction: bool = False, again: int = 0) -> str | None:
        """The conversation orders a reply, and whoever makes it asks."""
        return await self.admission(self.ordered(turn, reaction=reaction, again=again))

    def ordered(self, turn: int, *, reaction: bool = False, again: int = 0) -> StartReply:
        start = StartReply(turn, (), reaction, again)
        self.admission.command(start)
        return start

    def released(self, turn: int) -> None:
        self.admission.command(Release(turn))

    async def answered(self, turn: int) -> str | None:
        told = await self.asks(turn)
        self.released(turn)
        return told


@asynccontextmanager
async def door(
    counters: Counters, user: str = "+15550100", persona: Persona = LIMITED
) -> AsyncIterator[Door]:
    writer = RecordWriter(Memory())
    allowance = Allowance(counters, writer, DEFAULT_WORKSPACE)
    plan = CallPlan(conversation_id="c", persona=persona, persona_id="p", user_id=user)
    async with asyncio.TaskGroup() as group:
        yield Door(Admission(plan, allowance, group.create_task, lambda: NOW), writer)


async def test_the_message_after_the_last_one_hears_of_the_limit() -> None:
    """S004-11: three are answered, the fourth hears the message instead.

    S004-14: it is counted neither for the user nor for the account.
    """
    ledger = Ledger()
    async with door(ledger) as caller:
        assert [await caller.answered(turn) for turn in range(1, 5)] == [None] * 3 + ["Enough."]
    assert ledger.used_by == {"+15550100": 3} and ledger.messages == 3


async def test_a_persona_without_words_for_it_has_the_usual_ones() -> None:
    silent = Persona(name="P", rate_limit=RateLimit(enabled=True, count=0))
    async with door(Ledger(), persona=silent) as caller:
        assert await caller.asks(1) == DEFAULT_MESSAGE


async def test_each_user_has_a_limit_of_their_own() -> None:
    """S004-12: users are independent; S004-13: on the telephone the number is the user."""
    ledger = Ledger({"+15550100": 3})
    async with door(ledger, "+15550100") as one, door(ledger, "+15550111") as other:
        assert await one.asks(1) == "Enough."
        assert await other.asks(1) is None


@pytest.mark.parametrize("persona", [LIMITED, Persona(name="P")])
async def test_who_is_not_known_or_not_limited_is_answered(persona: Persona) -> None:
    """S004-12: without a user there is no limit; the account's messages count all the same."""
    ledger = Ledger({"": 1_000})
    async with door(ledger, "", persona) as caller:
        assert [await caller.answered(turn) for turn in range(5)] == [None] * 5
    assert ledger.messages == 5


async def test_drafts_of_one_answer_are_counted_once() -> None:
    ledger = Ledger()
    async with door(ledger) as caller:
        assert await caller.asks(1) is None
        caller.admission.command(CancelReply(1))  # Something else was understood.
        assert await caller.asks(2) is None
        caller.released(2)
        assert ledger.messages == 1
        assert await caller.answered(3) is None
    assert ledger.messages == 2


async def test_a_draft_that_is_cancelled_while_it_waits_has_counted() -> None:
    """What it has begun goes on: the next draft of the same words gets the result."""
    ledger = Ledger({"+15550100": 2}, held=asyncio.Event())
    async with door(ledger) as caller, asyncio.TaskGroup() as group:
        task = group.create_task(caller.asks(1))
        await asyncio.sleep(0)
        task.cancel()
        second = group.create_task(caller.asks(2))
        await asyncio.sleep(0)
        assert ledger.held is not None
        ledger.held.set()
        assert await second is None
    assert ledger.used_by == {"+15550100": 3}


async def test_an_answer_that_is_released_before_it_has_asked() -> None:
    """Typed words are answered without a draft: the order to play comes with the order to write."""
    ledger = Ledger()
    async with door(ledger) as caller:
        for turn in (1, 2):
            start = caller.ordered(turn)
            caller.released(turn)
            assert await caller.admission(start) is None
        assert await caller.answered(3) is None  # And this one has a draft.
        assert await caller.asks(4) == "Enough."
    assert ledger.messages == 3


async def test_a_request_that_failed_is_repeated_for_nothing() -> None:
    """As a draft and after its release; the message after it counts again."""
    ledger = Ledger()
    async with door(ledger) as caller:
        await caller.asks(1)
        assert await caller.asks(2, reaction=True, again=1) is None
        caller.released(2)
        assert await caller.asks(3, reaction=True, again=2) is None
        caller.released(3)
        assert ledger.messages == 1
        await caller.answered(4)
    assert ledger.messages == 2


async def test_what_the_agent_says_of_itself_does_not_count() -> None:
    ledger = Ledger({"+15550100": 3})
    async with door(ledger) as caller:
        assert await caller.asks(1, reaction=True) is None
        caller.released(1)
    assert ledger.messages == 0


async def test_a_phrase_that_is_spoken_meanwhile_uses_nothing_up() -> None:
    ledger = Ledger()
    async with door(ledger) as caller:
        await caller.asks(1)
        caller.released(2)  # A filler; nobody has asked a model for it.
        await caller.asks(3)
        assert ledger.messages == 1


async def test_nobody_waits_for_what_only_the_account_is_told() -> None:
    ledger = Ledger(held=asyncio.Event())
    async with door(ledger, persona=Persona(name="P")) as caller:
        assert await caller.asks(1) is None
        assert await caller.asks(2) is None
        assert not len(caller.writer), "the counting has not even timed out"
        assert ledger.held is not None
        ledger.held.set()
    assert ledger.messages == 1


async def test_a_database_that_is_down_silences_nobody() -> None:
    ledger = Ledger(down=True)
    async with door(ledger) as caller:
        assert [await caller.answered(turn) for turn in range(1, 6)] == [None] * 5
        waiting = [write for write in caller.writer._waiting if isinstance(write, MessageUsed)]
        assert len(waiting) == 5, "they are counted later"


async def test_two_calls_of_one_user_share_the_limit_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S004-11, S004-13: exact under concurrent calls, on the real counters."""
    monkeypatch.setattr(limits, "_COUNT_S", 30.0)  # However slow this machine is.
    limited = LIMITED.model_copy(update={"rate_limit": RateLimit(enabled=True, count=7)})
    async with opened(f"sqlite:///{tmp_path}/kept.db") as store:
        counters = store.counters()

        async def talks(caller: Door) -> int:
            return [await caller.answered(turn) for turn in range(10)].count(None)

        async with door(counters, persona=limited) as one, door(counters, persona=limited) as other:
            answered = await asyncio.gather(talks(one), talks(other))
        assert sum(answered) == 7
        assert [(each.user_id, each.used) for each in await counters.used("p")] == [
            ("+15550100", 7)
        ]
        assert sum(count for _, count in await counters.account()) == 7
