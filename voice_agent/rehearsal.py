"""Scripted dialogues with a persona, in writing: what the user says, and what has to come of it.

The prompt, the language model, the actions with their checks and the requests of webhooks are those
of a call. There is no audio, and nothing is done in the world: webhooks are answered by the script,
and the telephone's actions are only noted down.

A script is a TOML or JSON file::

    persona = "../personas/appointments.toml"  # relative to the script

    [[dialogues]]
    name = "saves the address"
    details = { userId = "+14155550123" }
    webhooks = [{ action = "book", status = 200, body = { ok = true } }]

    [[dialogues.turns]]
    user = "It's ann at example dot com"
    model = ["One moment.", { name = "save_email", arguments = { email = "ann@example.com" } }]
    actions = [{ name = "save_email", arguments = { email = "ann@example.com" } }]
    reply = "(?i)ann"                          # a regular expression that matches somewhere
    judge = "The persona reads the address back."

`model` is what a scripted model answers, so that a script can also test the schema alone; a reply
that follows on the results of actions is `after`. `judge` asks a language model.
"""

import asyncio
import json
import re
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from voice_pipelines.conversation.commands import Message
from voice_pipelines.conversation.inline_actions import InlineActions
from voice_pipelines.conversation.transcript import Transcript
from voice_pipelines.errors import ProviderError
from voice_pipelines.ports import LanguageModel, ReplyDelta, ToolCall

from .actions.action import Actions
from .actions.dispatch import ActionRecord, Dispatcher, Effects
from .actions.http import Answer, GuardedClient, Rules, Signer
from .actions.schema import load
from .actions.secrets import Secrets
from .actions.state import State
from .actions.tools import instructions
from .actions.webhook import Webhooks
from .errors import VoiceAgentError
from .personas.persona import Persona
from .personas.prompt import PersonaPrompt, initial_message
from .personas.retrieval import ScenarioIndex
from .personas.retriever import Query

_ROUNDS = 4
"""How often the persona may speak of what its actions gave before the user's next words."""
_REPLY_S = 120
"""How long one answer may take; a small machine reads a long prompt for a minute."""
_AS_TOOLS = "They are given to you as tools."
_JUDGE = (
    "You judge a line of a conversation against a criterion. Answer with the one word yes if the "
    "line meets the criterion, else with no and a short reason."
)


class ScriptError(VoiceAgentError):
    """The script cannot be used; the text says where it is wrong."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Wanted(_Part, frozen=True):
    """An action."""

    name: str
    arguments: Any = None
    """Those that matter, others may be there, too; None for any."""
    outcome: Literal["done", "failed", "refused", "repeated"] = "done"


class ModelAction(_Part, frozen=True):
    """An action that the scripted model wants."""

    name: str
    arguments: Any = {}


class WebhookAnswer(_Part, frozen=True):
    """What a webhook answers, and what it must have been sent."""

    action: str
    status: int = 200
    body: Any = {}
    expect: dict[str, Any] | None = None
    """The exact JSON body of the request; None for any."""


ModelReply = tuple[str | ModelAction, ...]


class Turn(_Part, frozen=True):
    """What the user says, and what is expected then."""

    user: str
    model: ModelReply = ()
    after: tuple[ModelReply, ...] = ()
    """What the scripted model answers to the results of actions, in turn."""
    actions: tuple[Wanted, ...] | None = None
    """Exactly these, in this order; None for any."""
    reply: str | tuple[str, ...] = ()
    """Regular expressions, each of which matches somewhere in what is said."""
    not_reply: str | tuple[str, ...] = ()
    """None of which does."""
    state: dict[str, Any] = {}
    """Values that must be in the state afterwards."""
    judge: str | tuple[str, ...] = ()
    """Criteria that a language model finds met."""


class DialogueScript(_Part, frozen=True):
    """A conversation from its beginning."""

    name: str
    turns: tuple[Turn, ...]
    details: dict[str, Any] = {}
    state: dict[str, Any] = {}
    """What is known at the beginning."""
    now: datetime = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
    """When it takes place: always at the same time, so that dates come out the same."""
    initial: str | tuple[str, ...] = ()
    """Regular expressions for the initial message."""
    webhooks: tuple[WebhookAnswer, ...] = ()
    """Answers in the order in which the requests come; others are not answered."""


class Script(_Part, frozen=True):
    """A file."""

    dialogues: tuple[DialogueScript, ...]
    persona: str = ""
    """The persona's file, relative to the script."""


def read_script(path: Path) -> Script:
    """Raises ScriptError."""
    try:
        text = path.read_text("utf-8")
        jsonc: Any = import_module("jsonc")  # It ships no types.
        raw = tomllib.loads(text) if path.suffix == ".toml" else jsonc.loads(text)
        script = msgspec.convert(raw, Script)
    except OSError as error:
        raise ScriptError(f"{path} cannot be read: {error.strerror}.") from error
    except (msgspec.ValidationError, ValueError) as error:
        raise ScriptError(f"{path}: {error}.") from error
    for dialogue in script.dialogues:
        for turn in dialogue.turns:
            for pattern in (*_all(dialogue.initial), *_all(turn.reply), *_all(turn.not_reply)):
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise ScriptError(
                        f"{path}: {dialogue.name}: {pattern!r} is no regular expression: {error}."
                    ) from error
    return script


# How it went -------------------------------------------------------------------------------------


class TurnResult(msgspec.Struct, frozen=True):
    """One turn as it was."""

    user: str
    reply: str
    actions: tuple[str, ...]
    """Name, arguments and outcome of each."""
    failures: tuple[str, ...]


class DialogueResult(msgspec.Struct, frozen=True):
    """One dialogue as it was."""

    name: str
    turns: tuple[TurnResult, ...]

    @property
    def passed(self) -> bool:
        return not any(turn.failures for turn in self.turns)


class Rehearsal:
    """Plays scripts with one persona."""

    def __init__(
        self,
        persona: Persona,
        llm: LanguageModel | None,
        *,
        tools: bool = True,
        judge: LanguageModel | None = None,
    ) -> None:
        """Without an `llm` the script's `model` answers. `tools` says whether `llm` takes tools.

        Raises SchemaInvalid.
        """
        self._persona = persona
        self._prompt = PersonaPrompt(persona)
        self._actions: Actions | None = None
        if persona.actions_schema is not None and self._prompt.uses_actions:
            self._actions = load(persona.actions_schema)
        self._index = ScenarioIndex(persona.scenarios)
        self._llm = llm
        self._tools = tools and llm is not None
        self._judge = judge

    async def play(self, script: DialogueScript) -> DialogueResult:
        """Play one dialogue to its end, or until the language model fails."""
        dialogue = _Dialogue(self._persona, self._actions, script)
        turns = [self._opening(dialogue, script)] if script.initial else []
        for number, turn in enumerate(script.turns, 1):
            result = await self._turn(dialogue, script, number, turn)
            turns.append(result)
        if dialogue.client.unused:
            names = ", ".join(answer.action for answer in dialogue.client.unused)
            failure = f"These webhooks were never called: {names}."
            turns.append(TurnResult("", "", (), (failure,)))
        return DialogueResult(script.name, tuple(turns))

    def _opening(self, dialogue: "_Dialogue", script: DialogueScript) -> TurnResult:
        said = dialogue.greeting
        return TurnResult("", said, (), tuple(_unmatched(said, _all(script.initial))))

    async def _turn(
        self, dialogue: "_Dialogue", script: DialogueScript, number: int, turn: Turn
    ) -> TurnResult:
        dialogue.heard(number, turn.user)
        scripted = iter((turn.model, *turn.after))
        failures: list[str] = []
        said: list[str] = []
        for round in range(_ROUNDS + 1):
            try:
                async with asyncio.timeout(_REPLY_S):
                    text, calls = await self._reply(dialogue, script, next(scripted, ()))
            except TimeoutError:
                failures.append(f"The language model did not answer within {_REPLY_S} s.")
                break
            except ProviderError as error:
                failures.append(f"The language model failed: {error}.")
                break
            said.append(text)
            dialogue.said(number * 100 + round, text)
            react = [await dialogue.act(name, arguments) for name, arguments in calls]
            if not calls or not (any(react) or not text):
                break
        reply = " ".join(text for text in said if text)
        records = dialogue.taken()
        failures += dialogue.client.failures()
        failures += _unmatched(reply, _all(turn.reply))
        failures += (
            f"The reply matches {pattern!r}, which it should not."
            for pattern in _all(turn.not_reply)
            if re.search(pattern, reply)
        )
        if turn.actions is not None:
            failures += _differences(turn.actions, records)
        failures += (
            f"The state should have {key} = {_json(value)}; it has {_json(state.get(key))}."
            for state in (dialogue.state.values,)
            for key, value in turn.state.items()
            if state.get(key) != value
        )
        for criterion in _all(turn.judge):
            failures += await self._judged(turn.user, reply, criterion)
        return TurnResult(turn.user, reply, tuple(map(_told, records)), tuple(failures))

    async def _reply(
        self, dialogue: "_Dialogue", script: DialogueScript, scripted: ModelReply
    ) -> tuple[str, list[tuple[str, str]]]:
        """(what is said, what is to be done). Raises ProviderError."""
        names = [action.name for action in self._actions] if self._actions else []
        inline = InlineActions(names)
        pieces: list[str | tuple[str, str]] = []
        if self._llm is None:
            deltas = _scripted(scripted)
        else:
            tools = dialogue.dispatcher.tools() if dialogue.dispatcher and self._tools else ()
            deltas = self._llm.reply(self._messages(dialogue, script), tools)
        async with aclosing(cast(Any, deltas)) as stream:
            async for delta in stream:
                if isinstance(delta, str):
                    pieces += inline.push(delta)
                elif isinstance(delta, ToolCall):
                    pieces += [*inline.flush(), (delta.name, delta.arguments)]
        pieces += inline.flush()
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        return " ".join(text.split()), [piece for piece in pieces if isinstance(piece, tuple)]

    def _messages(self, dialogue: "_Dialogue", script: DialogueScript) -> Sequence[Message]:
        actions: str | None = None
        if self._actions is not None and self._persona.actions_schema is not None:
            actions = _AS_TOOLS
            if not self._tools:
                actions = instructions(self._actions)
        found = self._index.search(Query(dialogue.last_user, dialogue.transcript.last_agent_text()))
        prompt = self._prompt.render(script.details, script.now, found, actions=actions)
        return dialogue.transcript.history(str(prompt))

    async def _judged(self, user: str, reply: str, criterion: str) -> list[str]:
        if self._judge is None:
            return []
        question = f"User: {user}\nLine: {reply}\nCriterion: {criterion}\nDoes the line meet it?"
        messages = (Message("system", _JUDGE), Message("user", question))
        try:
            async with (
                asyncio.timeout(_REPLY_S),
                aclosing(cast(Any, self._judge.reply(messages))) as stream,
            ):
                verdict = "".join([delta async for delta in stream if isinstance(delta, str)])
        except (ProviderError, TimeoutError) as error:
            return [f"The judge failed: {error}."]
        if verdict.strip().lower().startswith("yes"):
            return []
        return [f"Judged not to meet: {criterion} ({verdict.strip() or 'no answer'})"]


class _Dialogue:
    """The conversation that is being played."""

    def __init__(self, persona: Persona, actions: Actions | None, script: DialogueScript) -> None:
        self.transcript = Transcript()
        self.state = State(script.state)
        self.client = _ScriptedHooks(script.webhooks)
        self.greeting = initial_message(persona, script.details, script.now).text
        self.last_user = ""
        self.dispatcher: Dispatcher | None = None
        self._records: list[ActionRecord] = []
        self._number = 0
        if actions is not None:
            hooks = Webhooks(self.client, _AnySecret(), Signer((), lambda: 0))
            effects: Effects = _Noted()
            self.dispatcher = Dispatcher(
                actions,
                self.state,
                effects,
                hooks,
                # Each turn takes ten seconds, so that limits of rate mean what they mean in a call.
                now=lambda: 10_000 * len(self.transcript.lines),
                details=script.details,
                record=self._records.append,
            )
        self.said(0, self.greeting)

    def heard(self, turn: int, text: str) -> None:
        self.last_user = text
        self.transcript.caller_said(turn, "user", text)
        if self.dispatcher is not None:
            self.dispatcher.caller_spoke()

    def said(self, turn: int, text: str) -> None:
        if text:
            self.transcript.agent_intends(turn, text)
            self.transcript.agent_heard(turn, text)

    async def act(self, name: str, arguments: str) -> bool:
        """Do it; whether the persona should speak of the result."""
        self._number += 1
        number = self._number
        self.transcript.started(number, f"({name} was started.)")
        result, react = f"Not done: there is no action {name[:64]!r}.", True
        if self.dispatcher is not None:
            self.client.action = name
            result, react = await self.dispatcher.run(name, arguments, f"rehearsal:{number}")
        self.transcript.ended(number, f"(Result of {name}: {result})")
        return react

    def taken(self) -> list[ActionRecord]:
        """What was done since the last time."""
        records = list(self._records)
        self._records.clear()
        return records


class _Noted:
    """`Effects` of a conversation that has no line."""

    def emitted(self, name: str, arguments: Mapping[str, object]) -> None: ...

    def state_changed(self, state: Mapping[str, object]) -> None: ...

    async def hang_up(self) -> str:
        return "The call ends after your last words."

    async def transfer(self, number: str) -> str:
        return "The call is being transferred."

    async def send_sms(self, text: str) -> str:
        return "The message was sent."

    async def press_keys(self, keys: Sequence[str]) -> str:
        return "The keys were pressed."


class _AnySecret(Secrets):
    """Every name has a value: the request goes nowhere."""

    def __init__(self) -> None:
        super().__init__((), {})

    def value(self, name: str) -> str:
        return f"secret {name}"


@dataclass
class _ScriptedHooks(GuardedClient):
    """Answers requests by the script and sends none."""

    answers: tuple[WebhookAnswer, ...]
    action: str = ""
    """Which one is being carried out."""
    _given: list[WebhookAnswer] = field(default_factory=list)
    _failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(Rules())

    @property
    def unused(self) -> list[WebhookAnswer]:
        return [answer for answer in self.answers if answer not in self._given]

    def failures(self) -> list[str]:
        """What was wrong with the requests since the last time."""
        failures = list(self._failures)
        self._failures.clear()
        return failures

    async def request(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
    ) -> Answer:
        answer = next((each for each in self.unused if each.action == self.action), None)
        if answer is None:
            self._failures.append(
                f"{self.action} sent a request that the script has no answer for ({method} {url})."
            )
            return Answer(503, "text/plain", b"The script has no answer.", False)
        self._given.append(answer)
        sent = json.loads(body) if body else {}
        if answer.expect is not None and sent != answer.expect:
            self._failures.append(
                f"{self.action} should have sent {_json(answer.expect)}; it sent {_json(sent)}."
            )
        if isinstance(answer.body, str):
            return Answer(answer.status, "text/plain", answer.body.encode(), False)
        return Answer(answer.status, "application/json", _json(answer.body).encode(), False)


# Comparing ---------------------------------------------------------------------------------------


async def _scripted(reply: ModelReply) -> AsyncIterator[ReplyDelta]:
    for part in reply:
        if isinstance(part, str):
            yield f"{part} "
        else:
            yield ToolCall(part.name, _json(part.arguments))


def _differences(wanted: Sequence[Wanted], taken: Sequence[ActionRecord]) -> list[str]:
    expected = [f"{each.name} ({each.outcome})" for each in wanted]
    happened = [f"{record.name} ({record.outcome})" for record in taken]
    if expected != happened:
        return [
            f"Expected {', '.join(expected) or 'no action'}; "
            f"there was {', '.join(map(_told, taken)) or 'none'}."
        ]
    return [
        f"{each.name} should have {_json(each.arguments)}; it has {_json(record.arguments)}."
        for each, record in zip(wanted, taken, strict=True)
        if each.arguments is not None and not _has(record.arguments, each.arguments)
    ]


def _has(given: Any, wanted: Any) -> bool:
    """Whether `given` is `wanted`, or has all of its items; a text is read as JSON."""
    if isinstance(given, str) and not isinstance(wanted, str):
        try:
            given = json.loads(given)
        except ValueError:
            return False
    if isinstance(given, Mapping) and isinstance(wanted, Mapping):
        return all(key in given and _has(given[key], value) for key, value in wanted.items())
    return bool(given == wanted)


def _unmatched(text: str, patterns: Sequence[str]) -> list[str]:
    return [
        f"{pattern!r} is not in what was said: {text or 'nothing'}"
        for pattern in patterns
        if not re.search(pattern, text)
    ]


def _told(record: ActionRecord) -> str:
    reason = f": {record.result}" if record.outcome in ("refused", "failed") else ""
    return f"{record.name} {_json(record.arguments)} {record.outcome}{reason}"


def _all(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
