"""Conversations, their messages and actions; what is written twice, late, or never."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from voice_agent.calls.records import (
    Action,
    Begun,
    Conversation,
    ConversationFilter,
    Conversations,
    Ended,
    Message,
    Place,
    RecordingKept,
    Resumed,
    StateChanged,
    Write,
)
from voice_agent.storage.store import Store

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def begun(id: str, minute: int = 0, **more: object) -> Conversation:
    return Conversation(
        id=id,
        created_at=NOW + timedelta(minutes=minute),
        **more,  # type: ignore[arg-type]  # Fields of it.
    )


def message(number: int, text: str, id: str = "c1") -> Message:
    return Message(conversation_id=id, number=number, speaker="agent", text=text, at=NOW)


async def test_rows_that_differ_in_what_is_known_are_written_together(store: Store) -> None:
    begins = [
        Action(conversation_id="c1", number=n, name=f"a{n}", arguments="{}", started_at=NOW)
        for n in range(4)
    ]
    kinds = [replace(begins[0], kind="client"), *begins[1:]]
    ends = [replace(each, ended_at=NOW, result="Done.") for each in begins[:2]]
    await store.archive.apply([Begun(begun("c1")), message(0, "One\0"), *kinds, *ends])
    kept = await store.conversations().actions("c1")
    assert kept == [replace(ends[0], kind="client"), ends[1], *begins[2:]]
    assert await store.conversations().messages("c1") == [message(0, "One\ufffd")]


async def test_a_conversation_is_kept_with_all_that_belongs_to_it(store: Store) -> None:
    """S004-96: whom the integrator says it is with is in the record."""
    conversation = begun(
        "c1", user_id="user 7", persona_id="p", details={"name": "Ann"}, direction="outbound"
    )
    action = Action(
        conversation_id="c1", number=1, name="save", arguments='{"a":1}', started_at=NOW
    )
    done = Action(
        conversation_id="c1",
        number=1,
        name="save",
        arguments='{"a":1}',
        started_at=NOW,
        ended_at=NOW,
        result="saved",
    )
    writes: list[Write] = [
        Begun(conversation),
        message(0, "Hel"),
        action,
        message(0, "Hello."),
        StateChanged("c1", {"user_name": "Steve"}),
        StateChanged("c1", {"user_age": 54}),
        done,
        StateChanged("c1", {"user_age": 55}),
        RecordingKept("c1", "recordings/c1.ogg"),
        Ended("c1", NOW, "farewell"),
    ]
    for _ in range(2):  # Whatever is applied twice changes nothing.
        await store.archive.apply(writes)
    conversations: Conversations = store.conversations()
    kept = await conversations.get("c1")
    assert kept is not None
    assert (kept.user_id, kept.details, kept.direction) == ("user 7", {"name": "Ann"}, "outbound")
    assert kept.state == {"user_name": "Steve", "user_age": 55}
    assert (kept.status, kept.end_reason, kept.ended_at) == ("ended", "farewell", NOW)
    assert (kept.recording, kept.complete) == ("recordings/c1.ogg", True)
    assert await conversations.messages("c1") == [message(0, "Hello.")]
    assert await conversations.actions("c1") == [done]


async def test_one_that_was_paused_goes_on(store: Store) -> None:
    """S004-99: the same id, with its history and its state."""
    await store.archive.apply(
        [Begun(begun("c1", state={"a": 1})), message(0, "Hi."), Ended("c1", NOW, "end", "paused")]
    )
    await store.archive.apply([Resumed("c1"), message(1, "Again.")])
    kept = await store.conversations().get("c1")
    assert kept is not None
    assert (kept.status, kept.ended_at, kept.complete, kept.state) == (
        "live",
        None,
        False,
        {"a": 1},
    )
    assert [m.text for m in await store.conversations().messages("c1")] == ["Hi.", "Again."]
    assert [m.text for m in await store.conversations().messages("c1", first=1)] == ["Again."]


async def test_the_calls_on_which_it_went_on_are_known(store: Store) -> None:
    """Also where they are rebuilt from the journals of its parts; each is named once."""
    writes: list[Write] = [
        Begun(begun("c1", call="CA1")),
        Resumed("c1", "CA1"),
        Resumed("c1", "WB2"),
        Resumed("c1"),
        Resumed("c1", "WB3"),
    ]
    for _ in range(2):
        await store.archive.apply(writes)
    await store.archive.apply([Begun(begun("c1", call="WB4"))])
    kept = await store.conversations().get("c1")
    assert kept is not None and (kept.call, kept.later_calls) == ("CA1", ("WB2", "WB3", "WB4"))


async def test_a_journal_does_not_undo_what_it_does_not_know(store: Store) -> None:
    started = Action(conversation_id="c1", number=1, name="book", arguments="{}", started_at=NOW)
    ended = replace(started, ended_at=NOW, result="Done.")
    known = replace(ended, kind="webhook", outcome="done", webhook={"status": 200})
    await store.archive.apply([Begun(begun("c1")), started, known])
    await store.archive.apply([started, ended])
    assert await store.conversations().actions("c1") == [known]


async def test_the_state_is_merged_whoever_else_does_so(store: Store) -> None:
    await store.archive.apply([Begun(begun("c1"))])
    conversations = store.conversations()
    await asyncio.gather(*(conversations.merge_state("c1", {f"k{n}": n}) for n in range(20)))
    assert await conversations.merge_state("c1", {"k0": {"deep": [1]}}) == {
        **{f"k{n}": n for n in range(1, 20)},
        "k0": {"deep": [1]},
    }
    assert await conversations.merge_state("nobody", {"a": 1}) is None


async def test_they_are_listed_newest_first(store: Store) -> None:
    made = [
        begun("a", 1, persona_id="p"),
        begun("b", 3, persona_id="p", user_id="u"),
        begun("c", 2),
        begun("d", 3),
    ]
    await store.archive.apply([*map(Begun, made), Ended("c", NOW, "")])
    conversations = store.conversations()

    async def ids(after: Place | None = None, limit: int = 9, **wanted: object) -> list[str]:
        found = await conversations.list(
            ConversationFilter(**wanted),  # type: ignore[arg-type]  # Fields of it.
            after,
            limit,
        )
        return [each.id for each in found]

    assert await ids() == ["d", "b", "c", "a"]
    assert await ids(limit=2) == ["d", "b"]
    assert await ids(Place(made[1].created_at, "b")) == ["c", "a"]
    assert await ids(persona_id="p") == ["b", "a"]
    assert await ids(user_id="u") == ["b"]
    assert await ids(status="ended") == ["c"]
    assert await ids(since=made[2].created_at) == ["d", "b", "c"]
    assert await ids(since=made[2].created_at, until=made[1].created_at) == ["c"]


async def test_no_workspace_sees_another_ones(store: Store) -> None:
    await store.archive.apply([Begun(begun("c1", workspace="mine")), message(0, "Hi.")])
    others = store.conversations("others")
    assert await others.get("c1") is None
    assert await others.list(ConversationFilter()) == []
    assert await others.messages("c1") == []
    assert await others.merge_state("c1", {"a": 1}) is None


async def test_text_that_no_database_takes_is_mended(store: Store) -> None:
    await store.archive.apply(
        [
            Begun(begun("c1", details={"a\0": ["b\0", {"c": "\ud800"}]}, user_id="\0")),
            message(0, "nul \0 half \ud83d"),
        ]
    )
    kept = await store.conversations().get("c1")
    assert kept is not None
    assert kept.details == {"a\ufffd": ["b\ufffd", {"c": "?"}]}
    assert (await store.conversations().messages("c1"))[0].text == "nul \ufffd half ?"


async def test_what_can_never_be_kept_leaves_the_rest_unwritten(store: Store) -> None:
    wrong = Begun(begun("c2", persona_version=2**70))
    with pytest.raises(ValueError):
        await store.archive.apply([Begun(begun("c1")), wrong])
    assert await store.conversations().get("c1") is None


async def test_which_are_not_complete(store: Store) -> None:
    await store.archive.apply(
        [
            *(Begun(begun(id)) for id in ("done", "live", "holes")),
            Ended("done", NOW, ""),
            Ended("holes", NOW, "", complete=False),
        ]
    )
    ids = ["done", "live", "holes", "unknown", *(f"x{n}" for n in range(600))]
    assert await store.archive.incomplete(ids) == set(ids) - {"done"}
    assert await store.archive.incomplete([]) == set()
