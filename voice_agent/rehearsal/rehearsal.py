"""Plays the dialogues of scripts with a persona, and tells how they went."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, cast

import msgspec

from voice_pipelines.conversation.commands import Message
from voice_pipelines.conversation.inline_actions import InlineActions
from voice_pipelines.errors import ProviderError
from voice_pipelines.ports import LanguageModel, ReplyDelta, ToolCall

from ..actions.action import Actions
from ..actions.schema import load
from ..actions.tools import instructions
from ..personas.persona import Persona
from ..personas.prompt import PersonaPrompt
from ..personas.retrieval import ScenarioIndex
from ..personas.retriever import Query
from .dialogue import Dialogue
from .expectations import told, unmatched, unmet
from .script import DialogueScript, ModelReply, Turn, as_text, texts

_ROUNDS = 4
"""How often the persona may speak of what its actions gave before the user's next words."""
_REPLY_S = 120
"""How long one answer may take; a small machine reads a long prompt for a minute."""
_AS_TOOLS = "They are given to you as tools."
_JUDGE = (
    "You judge a line of a conversation against a criterion. Answer with the one word yes if the "
    "line meets the criterion, else with no and a short reason."
)


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
        dialogue = Dialogue(self._persona, self._actions, script)
        turns = [self._opening(dialogue, script)] if script.initial else []
        for number, turn in enumerate(script.turns, 1):
            result = await self._turn(dialogue, script, number, turn)
            turns.append(result)
        if dialogue.hooks.unused:
            names = ", ".join(answer.action for answer in dialogue.hooks.unused)
            failure = f"These webhooks were never called: {names}."
            turns.append(TurnResult("", "", (), (failure,)))
        return DialogueResult(script.name, tuple(turns))

    def _opening(self, dialogue: Dialogue, script: DialogueScript) -> TurnResult:
        said = dialogue.greeting
        return TurnResult("", said, (), tuple(unmatched(said, texts(script.initial))))

    async def _turn(
        self, dialogue: Dialogue, script: DialogueScript, number: int, turn: Turn
    ) -> TurnResult:
        dialogue.heard(number, turn.user)
        reply, failures = await self._answered(dialogue, script, number, turn)
        records = dialogue.taken()
        failures += dialogue.hooks.failures()
        failures += unmet(turn, reply, records, dialogue.state.values)
        for criterion in texts(turn.judge):
            failures += await self._judged(turn.user, reply, criterion)
        return TurnResult(turn.user, reply, tuple(map(told, records)), tuple(failures))

    async def _answered(
        self, dialogue: Dialogue, script: DialogueScript, number: int, turn: Turn
    ) -> tuple[str, list[str]]:
        """(what the persona said until it was the user's turn again, what failed)."""
        scripted = iter((turn.model, *turn.after))
        said: list[str] = []
        failures: list[str] = []
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
        return " ".join(text for text in said if text), failures

    async def _reply(
        self, dialogue: Dialogue, script: DialogueScript, scripted: ModelReply
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

    def _messages(self, dialogue: Dialogue, script: DialogueScript) -> Sequence[Message]:
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


async def _scripted(reply: ModelReply) -> AsyncIterator[ReplyDelta]:
    for part in reply:
        if isinstance(part, str):
            yield f"{part} "
        else:
            yield ToolCall(part.name, as_text(part.arguments))
