"""A live conversation as clients, actions and records see it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from structlog.testing import capture_logs

from tests.voice_agent.actions.hooks import webhooks
from tests.voice_agent.actions.schemas import document
from tests.voice_agent.calls.rooms import HANG_S, becomes, services
from tests.voice_agent.calls.test_record_writer import Memory
from voice_agent.actions.dispatch import Guards
from voice_agent.actions.state import StateRefused
from voice_agent.calls.agent import Agents
from voice_agent.calls.captions import ClientEvent
from voice_agent.calls.live import LiveCall
from voice_agent.calls.plan import CallPlan, Past
from voice_agent.calls.record_writer import RecordWriter
from voice_agent.calls.records import Action, Message, StateChanged
from voice_agent.calls.scribe import Scribe
from voice_agent.personas.persona import Persona
from voice_agent.transports.memory import MemoryLeg
from voice_codecs.dtmf import tone
from voice_codecs.g711 import pcm_to_mulaw
from voice_pipelines.conversation.commands import Release, StartReply
from voice_pipelines.conversation.policy import TurnPolicy
from voice_pipelines.engine.call import Call
from voice_pipelines.engine.clock import LoopClock
from voice_pipelines.ports import LanguageModel, TextToSpeech, ToolCall
from voice_pipelines.providers.scripted import ScriptedLanguageModel

W = TypeVar("W", Action, Message, StateChanged)
ACTIONS = document(
    show={"type": "object", "properties": {"page": {"type": "string"}}, "required": ["page"]},
    save_name={
        "_action_type": "update_state",
        "type": "object",
        "properties": {"user_name": {"type": "string"}},
        "required": ["user_name"],
    },
    save_email={
        "_action_type": "update_state",
        "_confirm": ["email"],
        "type": "object",
        "properties": {"email": {"type": "string"}},
        "required": ["email"],
    },
    greet={
        "_depends_on": ["state.email"],
        "type": "object",
        "properties": {"with": {"type": "string"}},
    },
    hang_up_call={},
    transfer_call_to={"type": "string"},
    send_sms={"type": "string"},
    press_phone_keys={"type": "array"},
)
ACTING = Persona(name="Anna", prompt="Do: {{actionsSchema}}", actions_schema=ACTIONS)
PLAIN = Persona(name="Anna", prompt="Be brief.")


class Servers:
    """Nobody brings anything along."""

    async def llm(self, persona: Persona) -> LanguageModel | None:
        return None

    async def tts(self, persona: Persona) -> TextToSpeech | None:
        return None

    def takes_tools(self, persona: Persona) -> bool:
        return True

    def one_system_message(self, persona: Persona) -> bool:
        return False


def deeds(told: list[ClientEvent]) -> Callable[[ClientEvent], None]:
    """A client that keeps what is no caption."""

    def client(event: ClientEvent) -> None:
        if event.kind in ("action", "state_updated"):
            told.append(event)

    return client


@dataclass
class Carrier:
    """A telephone that does what it is asked."""

    asked: list[tuple[str, object]] = field(default_factory=list)

    async def transfer(self, number: str) -> str:
        self.asked.append(("transfer", number))
        return "It rings."

    async def send_sms(self, text: str) -> str:
        self.asked.append(("sms", text))
        return "Sent."

    async def press_keys(self, keys: Sequence[str]) -> str:
        self.asked.append(("keys", tuple(keys)))
        return "Pressed."


@dataclass
class Room:
    """A call in memory, and everything that learns of it."""

    live: LiveCall
    call: Call
    leg: MemoryLeg
    writer: RecordWriter
    carrier: Carrier
    llm: ScriptedLanguageModel
    told: list[ClientEvent] = field(default_factory=list)
    states: list[Mapping[str, Any]] = field(default_factory=list)

    def writes(self, kind: type[W]) -> list[W]:
        return [write for write in self.writer._waiting if isinstance(write, kind)]

    async def act(self, name: str, arguments: object, key: str = "") -> str:
        dispatcher = self.live.dispatcher
        assert dispatcher is not None
        return (await dispatcher.run(name, json.dumps(arguments), key or f"c:{name}"))[0]

    async def hears(self, text: str, speaker: str = "agent") -> None:
        """Return when a line is `text`."""
        await becomes(
            lambda: any(
                line.text == text and line.speaker == speaker for line in self.call.transcript.lines
            )
        )


@asynccontextmanager
async def room(
    persona: Persona = ACTING,
    *,
    llm: ScriptedLanguageModel | None = None,
    telephone: bool = True,
    past: Past | None = None,
) -> AsyncIterator[Room]:
    llm = llm or ScriptedLanguageModel("Welcome.")
    carrier, writer = Carrier(), RecordWriter(Memory())
    plan = CallPlan(conversation_id="c", persona=persona, past=past)
    states: list[Mapping[str, Any]] = []
    live = LiveCall(
        plan,
        "CA1",
        state_changed=states.append,
        writer=writer,
        scribe=Scribe("c", datetime(2026, 11, 22, tzinfo=UTC)),
        telephone=(lambda _: carrier) if telephone else None,
    )
    clock = LoopClock(asyncio.get_running_loop())
    async with webhooks() as hooks, services(llm) as served:
        agents = Agents(
            served, TurnPolicy(), Servers(), hooks, Guards(), now=lambda: datetime.now(UTC)
        )
        agent = await agents.agent(plan, live.state, live, now=clock.now)
        call = Call(agent.policy, agent.services, clock, live, "c")
        live.begin(call, agent)
        leg = MemoryLeg(clock)
        stop = served.metronome.add(leg.beat)
        try:
            async with call.running(), call.join("caller", leg, True) as line:
                leg.connect(line.acknowledged)
                here = Room(live, call, leg, writer, carrier, llm, states=states)
                live.subscribe(deeds(here.told))
                yield here
        finally:
            stop()


async def test_what_the_agent_does_reaches_the_clients() -> None:
    """S004-22, S004-24: any number of clients, web or game, are told of the same action."""
    async with room() as here:
        second: list[ClientEvent] = []
        stop = here.live.subscribe(deeds(second))
        await here.act("show", {"page": "menu"})
        assert here.told == second == [ClientEvent("action", {"show": {"page": "menu"}})]
        stop()
        stop()  # Once more does no harm.
        await here.act("show", {"page": "wine"}, "c:2")
        assert len(here.told) == 2 and len(second) == 1


async def test_an_action_that_the_model_takes_is_told_while_it_speaks() -> None:
    """S004-23: the action arrives, is recorded, and the reply is spoken."""
    reply = ("Here it is.", ToolCall("show", '{"page": "menu"}'))
    async with room(llm=ScriptedLanguageModel([reply])) as here:
        here.live.typed("Show me the menu")
        await here.hears("Here it is.")
        assert here.told == [ClientEvent("action", {"show": {"page": "menu"}})]
        assert [(write.name, write.result) for write in here.writes(Action)] == [
            ("show", None),
            ("show", "Done."),
        ]


async def test_a_client_that_raises_is_nobodys_problem() -> None:
    def broken(_: ClientEvent) -> None:
        raise ValueError("a bug")

    async with room() as here:
        told: list[ClientEvent] = []
        here.live.subscribe(broken)
        here.live.subscribe(deeds(told))
        with capture_logs() as logged:
            assert await here.act("show", {"page": "menu"}) == "Done."
        assert len(told) == 1
        assert "client_failed" in [line["event"] for line in logged]


async def test_a_changed_state_is_told_kept_and_written() -> None:
    """S004-57, S004-59: by an action; the journal gets all of it, the records what is new."""
    async with room(past=Past((), {"user_age": 54})) as here:
        await here.act("save_name", {"user_name": "Steve"})
        both = {"user_age": 54, "user_name": "Steve"}
        assert here.told[-1] == ClientEvent("state_updated", both)
        assert here.states == [both]
        assert here.writes(StateChanged) == [StateChanged("c", {"user_name": "Steve"})]


@pytest.mark.parametrize("persona", [ACTING, PLAIN])
async def test_clients_write_into_the_state(persona: Persona) -> None:
    """S004-100: with and without actions; only what has changed is told."""
    async with room(persona) as here:
        assert here.live.merge_state({"a": 1, "b": {"c": 2}}) == {"a": 1, "b": {"c": 2}}
        assert here.live.merge_state({"b": 3}) == {"a": 1, "b": 3}
        here.live.merge_state({"a": 1})
        assert [event.body for event in here.told] == [{"a": 1, "b": {"c": 2}}, {"a": 1, "b": 3}]
        assert here.writes(StateChanged) == [
            StateChanged("c", {"a": 1, "b": {"c": 2}}),
            StateChanged("c", {"b": 3}),
        ]
        with pytest.raises(StateRefused):
            here.live.merge_state({"a": "x" * 70_000})
        assert len(here.told) == 2 and here.live.state.values == {"a": 1, "b": 3}


async def test_the_telephone_is_asked() -> None:
    """S004-82, S004-84, S004-85: and the model learns what came of it."""
    async with room() as here:
        assert await here.act("transfer_call_to", "+15550100") == "It rings."
        assert await here.act("send_sms", "See you.") == "Sent."
        assert await here.act("press_phone_keys", [5, "#"]) == "Pressed."
        assert here.carrier.asked == [
            ("transfer", "+15550100"),
            ("sms", "See you."),
            ("keys", ("5", "#")),
        ]


async def test_where_there_is_no_telephone_the_model_is_told() -> None:
    async with room(telephone=False) as here:
        for name, value in (
            ("transfer_call_to", "a"),
            ("send_sms", "b"),
            ("press_phone_keys", [5]),
        ):
            assert await here.act(name, value) == "Not done: this is no telephone call."


async def test_the_call_ends_when_the_last_words_were_heard() -> None:
    """S004-64, S004-83"""
    reply = ("Good-bye then.", ToolCall("hang_up_call", '{"value": "true"}'))
    async with room(llm=ScriptedLanguageModel([reply])) as here:
        here.live.typed("That was all, I think")
        async with asyncio.timeout(HANG_S):
            await here.call.ended.wait()
        assert here.call.end_reason == "hang_up_call"
        assert "Good-bye then." in [line.text for line in here.call.transcript.lines]


async def test_values_are_confirmed_by_what_the_caller_says_next() -> None:
    """The dispatch learns that the caller has answered, also if the model had to be asked twice."""
    async with room() as here:
        await here.act("save_email", {"email": "ann@example.com"})
        assert (await here.act("greet", {"with": "a"}, "c:1")).startswith("Not done: the caller")
        here.live.command(0, StartReply(90, ()))
        here.live.command(0, StartReply(91, (), True, 90))
        here.live.command(0, Release(91))
        await here.act("save_email", {"email": "ann@example.com"}, "c:2")
        assert await here.act("greet", {"with": "a"}, "c:3") == "Done."


async def test_lines_are_written_as_they_grow() -> None:
    async with room() as here:
        here.live.typed("Hello there")
        await here.hears("Welcome.")
        here.live.write_lines(1)
        lines = {write.number: (write.speaker, write.text) for write in here.writes(Message)}
        assert lines == {0: ("caller", "Hello there"), 1: ("agent", "Welcome.")}
        before = len(here.writer)
        here.live.write_lines(2)
        assert len(here.writer) == before, "nothing has changed"


async def test_the_agent_says_and_reacts_as_it_is_told() -> None:
    """S004-101: sayText, reactTo and sendUserText."""
    async with room() as here:
        here.live.say("The shop closes.")
        await here.hears("The shop closes.")
        assert here.llm.requests == 0, "these words are nobody's but the client's"
        here.live.react("The cart is empty.")
        await here.hears("Welcome.")
        assert "The cart is empty." in here.llm.last_messages[-1].text
        here.live.typed("What now?")
        await here.hears("What now?", "caller")


async def test_sounds_are_played_as_they_are() -> None:
    """S004-85: touch tones, beside the speech and without the voice."""
    keys = pcm_to_mulaw(tone("5"))
    async with room() as here:
        here.live.play(keys)
        await here.live.spoken(HANG_S)
        await becomes(lambda: keys in here.leg.heard)
        assert here.live._agent is not None
        voice: Any = here.live._agent.services.tts
        assert voice.requests == 0


async def test_a_message_for_a_machine_is_said_to_its_end() -> None:
    async with room() as here:
        here.live.leave_message("Please call back.")
        async with asyncio.timeout(HANG_S):
            await here.call.ended.wait()
        assert here.call.end_reason == "voicemail"
        await here.hears("Please call back.")


async def test_a_call_that_has_not_begun_does_nothing() -> None:
    live = LiveCall(CallPlan(conversation_id="c", persona=PLAIN))
    live.say("Hello.")
    live.play(b"\xff")
    live.write_lines(0)
    await live.spoken(HANG_S)
    assert live.merge_state({"a": 1}) == {"a": 1}


async def test_it_leaves_and_stays() -> None:
    live = LiveCall(CallPlan(conversation_id="c", persona=PLAIN))
    live.leaves()
    assert live.leaving
    live.stays()
    assert not live.leaving
