"""The dispatch: what is done, what is refused and why, and that nothing is done twice."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.typing import EventDict

from tests.voice_agent.actions.hooks import HANG_S, Hook, listening, webhooks
from tests.voice_agent.actions.schemas import appointment, document
from voice_agent.actions.action import Rate
from voice_agent.actions.dispatch import ActionRecord, Dispatcher, Guards
from voice_agent.actions.schema import load
from voice_agent.actions.state import LARGEST_STATE, State, StateTooLarge
from voice_pipelines.ports import Actions

MAIL = '{"email_address": "ann@example.com"}'
CONFIRMED = '{"email_address_confirmed": "true"}'
TIME = '{"followup-datetime": "2024-05-01T09:30"}'
BOOKING = {
    "firstName": "Ann",
    "company": "Acme",
    "datetime": "2024-05-01T09:30",
    "email_address": "ann@example.com",
}
BOOK = json.dumps(BOOKING)
SAVE = {"_action_type": "update_state"}


class Seen:
    """Effects that are only noted down."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.transfer_waits: Callable[[], Awaitable[None]] | None = None

    def emitted(self, name: str, arguments: Mapping[str, object]) -> None:
        self.events.append((name, dict(arguments)))

    def state_changed(self, state: Mapping[str, object]) -> None:
        self.events.append(("state", dict(state)))

    async def hang_up(self) -> str:
        self.events.append(("hang up", None))
        return "The call ends."

    async def transfer(self, number: str) -> str:
        self.events.append(("transfer", number))
        if self.transfer_waits is not None:
            await self.transfer_waits()
        return "Nobody answered."

    async def send_sms(self, text: str) -> str:
        self.events.append(("sms", text))
        return "Sent."

    async def press_keys(self, keys: Sequence[str]) -> str:
        self.events.append(("keys", list(keys)))
        return "Pressed."


class Conversation:
    """A dispatcher with everything around it."""

    def __init__(self, dispatcher: Dispatcher, effects: Seen, hook: Hook) -> None:
        self.dispatcher = dispatcher
        self.effects = effects
        self.hook = hook
        self.records: list[ActionRecord] = []
        self.now = 1000
        self.number = 0

    async def run(self, name: str, arguments: str = "{}", key: str = "") -> tuple[str, bool]:
        self.number += 1
        port: Actions = self.dispatcher
        async with asyncio.timeout(HANG_S):
            return await port.run(name, arguments, key or f"c1:{self.number}")

    async def told(self, name: str, arguments: str = "{}") -> str:
        return (await self.run(name, arguments))[0]

    @property
    def state(self) -> dict[str, Any]:
        return dict(self.dispatcher.state.values)

    @property
    def offered(self) -> list[str]:
        return [tool.name for tool in self.dispatcher.tools()]


@asynccontextmanager
async def conversation(
    schema: dict[str, Any] | None = None,
    *,
    guards: Guards | None = None,
    details: dict[str, Any] | None = None,
    state: dict[str, Any] | None = None,
    offers_all: bool = False,
    **actions: dict[str, Any],
) -> AsyncIterator[Conversation]:
    """One conversation; webhooks without an address call the hook."""
    async with listening() as hook, webhooks(f"127.0.0.1:{hook.port}") as hooks:
        given = schema or document(**actions)
        for action in given["properties"].values():
            if action.get("_action_type") == "webhook":
                action["_webhook_constants"] = {
                    **action.get("_webhook_constants", {}),
                    "url": f"{hook.url}/hook",
                }
        effects = Seen()
        dispatcher = Dispatcher(
            load(given),
            State(state),
            effects,
            hooks,
            now=lambda: made.now,
            details=details,
            guards=guards,
            record=lambda record: made.records.append(record),
            offers_all=offers_all,
        )
        made = Conversation(dispatcher, effects, hook)
        yield made


# What actions do ---------------------------------------------------------------------------------


async def test_the_appointment_is_made_once_with_exactly_what_was_said() -> None:
    """S004-59, S004-63, S004-66, S004-67, S004-68, S004-69, S004-70"""
    async with conversation(appointment()) as call:
        always = ["hang_up_call", "press_phone_keys", "save_email_address", "save_time_for_call"]
        assert call.offered == always
        call.dispatcher.caller_spoke()
        assert "must be an e-mail address" in await call.told(
            "save_email_address", '{"email_address": "ann at example"}'
        )
        assert call.state == {}
        assert "state.email_address must be known first" in await call.told(
            "confirm_email_address", CONFIRMED
        )
        told, react = await call.run("save_email_address", MAIL)
        assert told.startswith("Saved. Unless you just did, read back email_address letter by")
        assert not react
        assert call.offered == [*always, "confirm_email_address"]
        call.dispatcher.caller_spoke()
        assert await call.told("confirm_email_address", CONFIRMED) == "Saved."
        refused, react = await call.run("schedule_call_with_brian", BOOK)
        assert (refused, react) == (
            "Not done: state.followup-datetime must be known first. Take save_time_for_call "
            "before.",
            True,
        )
        assert await call.told("save_time_for_call", TIME) == "Saved."
        assert call.offered[-1] == "schedule_call_with_brian"
        call.hook.text = '{"status": "booked"}'
        told, react = await call.run("schedule_call_with_brian", BOOK)
        assert react
        assert told.startswith("Done. Sum the answer up") and "booked" in told
    (received,) = call.hook.received
    assert (received.method, received.path) == ("POST", "/hook")
    assert json.loads(received.body) == BOOKING
    assert call.state == {
        "email_address": "ann@example.com",
        "email_address_confirmed": "true",
        "followup-datetime": "2024-05-01T09:30",
    }


async def test_a_plain_action_goes_to_the_clients() -> None:
    """S004-22, S004-24"""
    async with conversation(wave={}) as call:
        assert await call.run("wave", '{"hand": "left"}') == ("Done.", False)
        assert call.effects.events == [("wave", {"hand": "left"})]


async def test_the_state_is_told_to_the_clients_when_it_changes() -> None:
    """S004-57, S004-58"""
    async with conversation(remember=SAVE, state={"user_name": "Steve"}) as call:
        await call.run("remember", '{"user_age": 54}')
        await call.run("remember", '{"user_age": 55}')
        await call.run("remember", '{"user_age": 55}')
        states = [value for name, value in call.effects.events if name == "state"]
    assert states == [
        {"user_name": "Steve", "user_age": 54},
        {"user_name": "Steve", "user_age": 55},
    ]


async def test_the_event_comes_before_the_request_is_answered() -> None:
    """S004-23, S004-48"""
    async with (
        conversation(check={"_action_type": "webhook"}) as call,
        asyncio.TaskGroup() as group,
    ):
        call.hook.gate.clear()
        running = group.create_task(call.run("check", '{"x": 1}'))
        await asyncio.wait_for(call.hook.arrived.wait(), HANG_S)
        assert call.effects.events == [("check", {"x": 1})]
        assert not running.done()
        call.hook.gate.set()


@pytest.mark.parametrize(("status", "outcome"), [(200, "done"), (500, "failed")])
async def test_fire_and_forget_is_not_spoken_of(status: int, outcome: str) -> None:
    """S004-51"""
    given = {
        "_action_type": "webhook",
        "_webhook_constants": {"responseHandler": "fire_and_forget"},
    }
    async with conversation(note=given) as call:
        call.hook.status = status
        assert await call.run("note") == ("Sent.", False)
        assert len(call.hook.received) == 1
        assert call.records[0].outcome == outcome


async def test_the_message_of_the_documentation() -> None:
    """S004-54, S004-55"""
    constants = {"body": {"apiKey": "abc-123", "phoneNumber": "{{details.userId}}"}}
    given = {
        "_action_type": "webhook",
        "_webhook_constants": constants,
        "type": "object",
        "required": ["favoriteColor"],
    }
    async with conversation(send=given, details={"userId": "+1123456789"}) as call:
        await call.run("send", '{"favoriteColor": "Blue"}')
    assert json.loads(call.hook.received[0].body) == {
        "apiKey": "abc-123",
        "phoneNumber": "+1123456789",
        "favoriteColor": "Blue",
    }


@pytest.mark.parametrize(
    ("name", "arguments", "event", "react"),
    [
        ("hang_up_call", '"true"', ("hang up", None), False),
        ("hang_up_call", "", ("hang up", None), False),
        ("transfer_call_to", '"+14155552671"', ("transfer", "+14155552671"), True),
        ("transfer_call_to", '{"phone_number": " sales "}', ("transfer", "sales"), True),
        ("send_sms", '{"value": "Hi"}', ("sms", "Hi"), True),
        ("press_phone_keys", "[5]", ("keys", ["5"]), False),
        ("press_phone_keys", '{"value": [1, "w", "#"]}', ("keys", ["1", "w", "#"]), False),
        ("press_phone_keys", '"12 34*"', ("keys", ["1", "2", "3", "4", "*"]), False),
        ("press_phone_keys", "7", ("keys", ["7"]), False),
    ],
)
async def test_the_telephone_actions(
    name: str, arguments: str, event: tuple[str, Any], react: bool
) -> None:
    """S004-64, S004-65"""
    example = {"user says": "x", "assistant action includes": {name: "true"}}
    async with conversation(document(**{name: {"_examples": [example]}})) as call:
        assert (await call.run(name, arguments))[1] is react
        assert call.effects.events[-1] == event
        assert call.effects.events[0][0] == name


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("transfer_call_to", "{}", "which number"),
        ("transfer_call_to", '{"a": "1", "b": "2"}', "which number"),
        ("send_sms", '{"text": ""}', "what the message"),
        ("press_phone_keys", "[]", "keys are"),
        ("press_phone_keys", '"abc"', "keys are"),
        ("press_phone_keys", "true", "which keys"),
        ("press_phone_keys", '"' + "1" * 33 + '"', "at most 32"),
    ],
)
async def test_telephone_actions_without_a_usable_value(
    name: str, arguments: str, says: str
) -> None:
    async with conversation(document(**{name: {}})) as call:
        told, react = await call.run(name, arguments)
        assert says in told and react
        assert call.records[0].outcome == "refused"


# What is refused ---------------------------------------------------------------------------------


async def test_an_unknown_action_is_refused_with_the_known_ones() -> None:
    async with conversation(wave={}, nod={}) as call:
        assert await call.run("jump") == (
            "Not done: there is no action 'jump'. There are: wave, nod.",
            True,
        )


async def test_all_dependencies_must_be_there() -> None:
    """S004-33, S004-60, S004-61"""
    paths = ["state.a", "state.b", "state.c-d"]
    async with conversation(save=SAVE, act={"_depends_on": paths}) as call:
        await call.run("save", '{"a": 1, "b": 2}')
        assert call.offered == ["save"]
        assert await call.told("act") == "Not done: state.c-d must be known first."
        assert ("act", {}) not in call.effects.events
        call.dispatcher.update_state({"c-d": False})
        assert call.offered == ["save", "act"]
        assert await call.told("act") == "Done."


async def test_all_actions_may_be_offered_and_are_still_refused() -> None:
    """S004-60"""
    async with conversation(act={"_depends_on": ["state.a"]}, offers_all=True) as call:
        assert call.offered == list(call.dispatcher.names) == ["act"]
        assert "must be known first" in await call.told("act")


async def test_a_missing_value_is_asked_for_and_nothing_is_done() -> None:
    """S004-36"""
    given = {"_action_type": "webhook", "type": "object", "required": ["phone"]}
    async with conversation(book=given) as call:
        told, react = await call.run("book", "{}")
        assert (told, react) == ("Not done: phone is missing: ask the caller for it.", True)
        assert call.hook.received == [] and call.effects.events == []


async def test_an_action_is_not_taken_too_often() -> None:
    given = {"_rate_limit": {"count": 2, "seconds": 10}}
    async with conversation(a=given, b={}, guards=Guards(rate=Rate(1, 60))) as call:
        assert [await call.told("a") for _ in range(3)] == [
            "Done.",
            "Done.",
            "Not done: it was done too often within a short time.",
        ]
        assert [(await call.told("b"))[:4] for _ in range(2)] == ["Done", "Not "]
        call.now += 10_000
        assert await call.told("a") == "Done."


async def test_the_actions_of_a_conversation_are_bounded() -> None:
    async with conversation(a={}, guards=Guards(most=2)) as call:
        assert [(await call.told("a"))[:4] for _ in range(3)] == ["Done", "Done", "Not "]


async def test_the_state_is_bounded() -> None:
    async with conversation(save=SAVE) as call:
        text = json.dumps({f"k{n}": "x" * 1000 for n in range(15)})
        results = []
        for round_ in range(6):
            results.append(await call.told("save", text.replace('"k', f'"r{round_}k')))
        assert results[0] == "Saved."
        assert results[-1].startswith("Not saved")
        assert len(json.dumps(call.state)) <= LARGEST_STATE
        with pytest.raises(StateTooLarge):
            call.dispatcher.update_state({"x": "y" * LARGEST_STATE})


# Confirmation ------------------------------------------------------------------------------------

SAVE_PHONE = {**SAVE, "_validators": {"phone": "phone"}, "properties": {"phone": {}}}
PHONE = '{"phone": "+14155552671"}'
OTHER = '{"phone": "+14155552672"}'
DIAL = {"_depends_on": ["state.phone"]}


async def test_what_depends_on_a_misheard_value_waits_until_it_is_confirmed() -> None:
    async with conversation(save=SAVE_PHONE, dial=DIAL) as call:
        assert "read back phone digit by digit" in await call.told("save", PHONE)
        refused = await call.told("dial")
        assert refused == (
            "Not done: the caller has not confirmed phone. Read it back and ask whether it is "
            "right; if so, save the same value once more, then do this."
        )
        # Saving it twice in one breath confirms nothing.
        await call.told("save", PHONE)
        assert await call.told("dial") == refused
        call.dispatcher.caller_spoke()
        assert await call.told("save", PHONE) == "Saved."
        assert await call.told("dial") == "Done."


async def test_another_value_must_be_confirmed_anew() -> None:
    async with conversation(save=SAVE_PHONE, dial=DIAL) as call:
        for text in (PHONE, PHONE):
            await call.run("save", text)
            call.dispatcher.caller_spoke()
        assert await call.told("dial") == "Done."
        assert "read back phone" in await call.told("save", OTHER)
        assert "has not confirmed phone" in await call.told("dial")
        assert "read back phone" in await call.told("save", PHONE)


async def test_a_confirming_action_needs_an_answer_of_the_caller() -> None:
    """S004-68"""
    confirm = {**SAVE, "properties": {"phone_confirmed": {}}}
    async with conversation(save=SAVE_PHONE, confirm=confirm, dial=DIAL) as call:
        call.dispatcher.caller_spoke()
        await call.run("save", PHONE)
        assert "has not confirmed phone since" in await call.told(
            "confirm", '{"phone_confirmed": "true"}'
        )
        assert "phone_confirmed" not in call.state
        assert "take confirm" in await call.told("dial")
        call.dispatcher.caller_spoke()
        assert await call.told("confirm", '{"phone_confirmed": "no"}') == "Saved."
        assert "has not confirmed" in await call.told("dial")
        assert await call.told("confirm", '{"phone_confirmed": true}') == "Saved."
        assert await call.told("dial") == "Done."


async def test_a_client_mishears_nothing() -> None:
    async with conversation(save=SAVE_PHONE, dial=DIAL) as call:
        await call.run("save", PHONE)
        call.dispatcher.update_state({"phone": "+14155552672"})
        assert await call.told("dial") == "Done."


@pytest.mark.parametrize(
    ("confirm", "asks"),
    [(False, False), (True, True), (["phone"], True), (["other"], False), (None, True)],
)
async def test_an_action_says_what_must_be_confirmed(confirm: Any, asks: bool) -> None:
    given = SAVE_PHONE if confirm is None else {**SAVE_PHONE, "_confirm": confirm}
    async with conversation(save=given, dial=DIAL) as call:
        assert ("read back" in await call.told("save", PHONE)) is asks
        assert (await call.told("dial") == "Done.") is not asks


# At most once ------------------------------------------------------------------------------------


async def test_one_key_is_one_deed() -> None:
    """S004-69"""
    async with conversation(book={"_action_type": "webhook"}) as call, asyncio.TaskGroup() as group:
        call.hook.gate.clear()
        both = [group.create_task(call.run("book", '{"n": 1}', "c1:1")) for _ in range(2)]
        await asyncio.wait_for(call.hook.arrived.wait(), HANG_S)
        call.hook.gate.set()
        first, second = [await each for each in both]
        assert first == second == await call.run("book", '{"n": 2}', "c1:1")
    assert len(call.hook.received) == len(call.records) == 1


async def test_an_equal_deed_is_not_done_again_soon_after() -> None:
    """S004-69"""
    given = {"_action_type": "webhook"}
    async with conversation(book=given, guards=Guards(repeat_ms=5000)) as call:
        first, _ = await call.run("book", '{"a": 1, "b": 2}')
        assert await call.run("book", '{"b": 2, "a": 1}') == (
            f"It was done already. {first}",
            True,
        )
        await call.run("book", '{"a": 1, "b": 3}')
        call.now += 5000
        await call.run("book", '{"a": 1, "b": 2}')
    assert [json.loads(got.body)["b"] for got in call.hook.received] == [2, 3, 2]
    assert [record.outcome for record in call.records] == ["done", "repeated", "done", "done"]


async def test_an_equal_deed_that_is_being_done_is_not_begun_again() -> None:
    async with conversation(book={"_action_type": "webhook"}) as call, asyncio.TaskGroup() as group:
        call.hook.gate.clear()
        group.create_task(call.run("book"))
        await asyncio.wait_for(call.hook.arrived.wait(), HANG_S)
        assert await call.run("book") == ("It is being done already; wait for its result.", False)
        call.hook.gate.set()
    assert len(call.hook.received) == 1


async def test_what_failed_may_be_tried_again_under_the_key_of_the_first_attempt() -> None:
    """S004-50"""
    async with conversation(book={"_action_type": "webhook"}) as call:
        call.hook.status = 503
        assert "failed with status 503" in await call.told("book")
        call.hook.status = 400
        assert "failed with status 400" in await call.told("book")
        call.hook.status = 200
        assert (await call.told("book")).startswith("Done.")
    keys = [received.headers["idempotency-key"] for received in call.hook.received]
    assert keys == ["c1:1", "c1:1", "c1:3"]


async def test_clients_may_be_told_the_same_as_often_as_it_is_wanted() -> None:
    async with conversation(wave={}, press_phone_keys={}) as call:
        for _ in range(2):
            await call.run("wave", '{"n": 1}')
            await call.run("press_phone_keys", "[5]")
        assert [name for name, _ in call.effects.events].count("wave") == 2
        assert [name for name, _ in call.effects.events].count("keys") == 2


# Whatever happens is a result --------------------------------------------------------------------


async def test_what_takes_too_long_is_given_up() -> None:
    async def for_ever() -> None:
        await asyncio.Event().wait()

    async with conversation(transfer_call_to={}, guards=Guards(effect_ms=50)) as call:
        call.effects.transfer_waits = for_ever
        told, react = await call.run("transfer_call_to", '"sales"')
        assert "took too long" in told and react
        assert call.records[0].outcome == "failed"


async def test_a_bug_in_an_effect_is_a_result(logged: list[EventDict]) -> None:
    async def broken() -> None:
        raise RuntimeError("the exception's text")

    async with conversation(transfer_call_to={}) as call:
        call.effects.transfer_waits = broken
        assert await call.run("transfer_call_to", '"sales"') == (
            "It failed. Tell the caller that it did not work.",
            True,
        )
        assert call.records[0].outcome == "failed"
    assert "action_broke" in str(logged)


async def test_a_call_that_ends_leaves_a_record_and_the_deed_is_not_repeated() -> None:
    async with conversation(book={"_action_type": "webhook"}) as call, asyncio.TaskGroup() as group:
        call.hook.gate.clear()
        running = group.create_task(call.run("book", "{}", "c1:1"))
        await asyncio.wait_for(call.hook.arrived.wait(), HANG_S)
        running.cancel()
        await asyncio.wait([running])
        call.hook.gate.set()
        assert running.cancelled()
        assert [record.outcome for record in call.records] == ["cancelled"]
        assert await call.run("book", "{}", "c1:1") == (
            "It was cut off and may not be done.",
            False,
        )
    assert len(call.hook.received) == 1


async def test_every_wanted_action_leaves_one_record() -> None:
    async with conversation(wave={"type": "object", "required": ["n"]}) as call:
        await call.run("wave", '{"n": 1}')
        call.now += 5
        await call.run("wave", "{oops")
        assert call.records == [
            ActionRecord("c1:1", "wave", {"n": 1}, "done", "Done.", 1000, 0),
            ActionRecord("c1:2", "wave", "{oops", "refused", call.records[1].result, 1005, 0),
        ]
        assert call.records[1].result.startswith("Not done: the arguments are no usable JSON")


async def test_logs_have_no_values(logged: list[EventDict]) -> None:
    async with conversation(save=SAVE_PHONE, book={"_action_type": "webhook"}) as call:
        await call.run("save", PHONE)
        await call.run("save", '{"phone": "4155559999"}')
        await call.run("book", '{"who": "Annabel"}')
    lines = str(logged)
    assert "action_ended" in lines
    assert "415555" not in lines and "Annabel" not in lines
