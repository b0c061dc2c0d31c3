"""What the language model wants done is done here: checked, guarded, at most once, and told of.

::

    run(name, arguments, key)
      │ was run before under this key ──────────────────────────► the result of then
      │ unknown, arguments wrong, dependencies missing,
      │ values not confirmed, too often ────────────────────────► refused, and told why
      │ an equal deed was just done ────────────────────────────► its result
      ▼
    emitted to the clients ─► state | webhook | telephone ──────► result

Whatever happens there is a result, in a bounded time, and a record of it.
"""

import asyncio
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import structlog

from voice_pipelines.ports import Tool

from . import arguments
from .action import HANG_UP, SEND_SMS, TRANSFER, VALUE, Action, Actions, Kind, Rate
from .confirm import CONFIRMED, Confirmations, guarded, read_back
from .depends import missing
from .exchange import Exchange
from .limits import Window
from .state import State, StateTooLarge
from .tools import tool
from .webhook import Outcome, Webhooks

_log = structlog.get_logger()
_NAMES_SHOWN = 20
_TELEPHONE_KEYS = frozenset("0123456789*#ABCDw")


class Effects(Protocol):
    """What an action may do to the call."""

    def emitted(self, name: str, arguments: Mapping[str, object]) -> None:
        """An action was accepted and is being carried out; a bare value is under ``value``."""

    def state_changed(self, state: Mapping[str, object]) -> None:
        """The conversation's state is `state` now."""

    async def hang_up(self) -> str:
        """End the call once the agent has spoken; return what the language model is told."""

    async def transfer(self, number: str) -> str:
        """Hand the call over; return what the language model is told."""

    async def send_sms(self, text: str) -> str:
        """Send `text` to the other party; return what the language model is told."""

    async def press_keys(self, keys: Sequence[str]) -> str:
        """Press `keys`; return what the language model is told."""


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """What became of one wanted action."""

    key: str
    name: str
    arguments: Any
    """As they were taken; the text that the model wrote if it was refused before."""
    outcome: Literal["done", "failed", "refused", "repeated", "cancelled"]
    result: str
    """What the language model was told."""
    at_ms: int
    took_ms: int
    webhook: Exchange | None = None
    """What a webhook was sent, and what it answered."""


@dataclass(frozen=True, slots=True)
class Guards:
    """What bounds all actions of a conversation."""

    rate: Rate = Rate(20, 60)
    """Of each action that has none of its own."""
    most: int = 500
    repeat_ms: int = 30_000
    effect_ms: int = 25_000
    webhook_ms: int = 12_000
    """The client's own limit comes first; this is for what it does not see."""


class _Refused(Exception):
    """The text tells the language model why, in a sentence."""


@dataclass(slots=True)
class _Deed:
    """Something done that must not be done twice by mistake."""

    key: str
    at: int
    result: str | None = None
    """None while it is being done."""
    ok: bool = False
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class _Done:
    outcome: Literal["done", "failed", "repeated"]
    result: str
    react: bool


@dataclass(slots=True)
class _Wanted:
    """One run, as far as it has come."""

    key: str
    at: int
    arguments: Any
    deed: _Deed | None = field(default=None)
    webhook: Exchange | None = None


class Dispatcher:
    """The actions of one conversation; satisfies `voice_pipelines.ports.Actions`."""

    def __init__(
        self,
        actions: Actions,
        state: State,
        effects: Effects,
        webhooks: Webhooks,
        *,
        now: Callable[[], int],
        details: Mapping[str, Any] | None = None,
        guards: Guards | None = None,
        record: Callable[[ActionRecord], None] = lambda record: None,
        offers_all: bool = False,
    ) -> None:
        """`now` gives milliseconds; `record` is called once for each key, on the event loop.

        With `offers_all` actions are offered whose dependencies are missing, too, and refused when
        they are taken: the prompt then begins the same all through the conversation, which a model
        on this machine reads ahead.
        """
        self.state = state
        self._actions = actions
        self._effects = effects
        self._webhooks = webhooks
        self._now = now
        self._details = dict(details or {})
        self._guards = guards or Guards()
        self._record = record
        self._offers_all = offers_all
        self._confirmations = Confirmations()
        self._readers: dict[str, Callable[[str], Any]] = {}
        self._windows: dict[str, Window] = {}
        self._tools: dict[str, Tool] = {}
        self._runs: dict[str, asyncio.Future[tuple[str, bool]]] = {}
        self._deeds: dict[tuple[str, str], _Deed] = {}

    # What the conversation sees ------------------------------------------------------------------

    @property
    def names(self) -> Collection[str]:
        return self._actions.by_name.keys()

    def kind(self, name: str) -> Kind | None:
        """Who carries the action out; None if there is none of that name."""
        action = self._actions.by_name.get(name)
        return None if action is None else action.kind

    def tools(self) -> Sequence[Tool]:
        """The actions whose dependencies are in the state, in the schema's order."""
        return [
            self._tool(action)
            for action in self._actions
            if self._offers_all or not missing(action, self.state)
        ]

    def caller_spoke(self) -> None:
        """The caller has said something that is being answered: it may confirm a value."""
        self._confirmations.caller_spoke()

    def update_state(self, values: Mapping[str, Any]) -> None:
        """A client assigns `values`. Raises StateRefused."""
        if self.state.merge(values):
            self._confirmations.given(values)
            self._effects.state_changed(self.state.values)

    async def run(self, name: str, arguments: str, key: str) -> tuple[str, bool]:
        """(what the language model is told, whether to speak of it). Never raises."""
        if (before := self._runs.get(key)) is not None:
            return await asyncio.shield(before)
        ended = self._runs[key] = asyncio.get_running_loop().create_future()
        told: tuple[str, bool] = ("It was cut off and may not be done.", False)
        try:
            told = await self._run(name, arguments, key)
        finally:
            ended.set_result(told)
        return told

    async def _run(self, name: str, text: str, key: str) -> tuple[str, bool]:
        wanted = _Wanted(key, self._now(), text)
        action = self._actions.by_name.get(name)
        done: _Done | None = None
        try:
            try:
                if action is None:
                    raise _Refused(self._unknown(name))
                self._admit(action, text, wanted)
                done = await self._perform(action, wanted)
            except _Refused as refusal:
                self._tell(name, wanted, "refused", str(refusal))
                return str(refusal), True
            except TimeoutError:
                result = "It took too long; it may be done or not. Tell the caller so."
                done = _Done("failed", result, react=True)
            except StateTooLarge:
                done = _Done("failed", "Not saved: too much is remembered already.", react=True)
            except Exception as error:  # The boundary: no action may end a call.
                _log.exception("action_broke", action=name, error=type(error).__name__)
                done = _Done("failed", "It failed. Tell the caller that it did not work.", True)
        except asyncio.CancelledError:
            self._tell(name, wanted, "cancelled", "")
            raise
        finally:
            if wanted.deed is not None and wanted.deed.result is None:
                wanted.deed.result = done.result if done else ""
                wanted.deed.unsure = True
        self._tell(name, wanted, done.outcome, done.result)
        return done.result, done.react

    # Whether it may be done ----------------------------------------------------------------------

    def _admit(self, action: Action, text: str, wanted: _Wanted) -> None:
        """Read the arguments, and see that the action may be taken. Raises _Refused."""
        if len(self._runs) > self._guards.most:
            raise _Refused("Not done: too many actions in this conversation.")
        if paths := missing(action, self.state):
            raise _Refused(f"Not done: {', '.join(paths)} must be known first.{self._ways(paths)}")
        try:
            wanted.arguments = self._reader(action)(text)
        except arguments.Unusable as error:
            raise _Refused(f"Not done: {error}.") from None
        if action.kind is Kind.STATE:
            if names := self._confirmations.unanswered(wanted.arguments):
                raise _Refused(
                    f"Not done: the caller has not confirmed {', '.join(names)} since it was saved."
                    " Read it back, ask, and wait for the answer."
                )
        elif names := self._confirmations.waiting(action.depends_on):
            raise _Refused(
                f"Not done: the caller has not confirmed {', '.join(names)}. Read it back and ask "
                f"whether it is right; if so, {self._confirmation(names[0])}, then do this."
            )
        if not self._window(action).take(wanted.at):
            raise _Refused("Not done: it was done too often within a short time.")

    def _unknown(self, name: str) -> str:
        names = ", ".join(list(self._actions.by_name)[:_NAMES_SHOWN]) or "none"
        return f"Not done: there is no action {name[:64]!r}. There are: {names}."

    def _ways(self, paths: Sequence[str]) -> str:
        """Which actions would provide `paths`."""
        ways = [
            action.name
            for action in self._actions
            if action.kind is Kind.STATE
            and any(path.removeprefix("state.") in action.fields for path in paths)
        ]
        return f" Take {' and '.join(ways)} before." if ways else ""

    def _confirmation(self, name: str) -> str:
        for action in self._actions:
            if action.kind is Kind.STATE and f"{name}{CONFIRMED}" in action.fields:
                return f"take {action.name}"
        return "save the same value once more"

    # Doing it ------------------------------------------------------------------------------------

    async def _perform(self, action: Action, wanted: _Wanted) -> _Done:
        if (repeated := self._repeated(action, wanted)) is not None:
            return repeated
        given = wanted.arguments
        self._effects.emitted(
            action.name, dict(given) if isinstance(given, Mapping) else {VALUE: given}
        )
        match action.kind:
            case Kind.CLIENT:
                return _Done("done", "Done.", react=False)
            case Kind.STATE:
                return self._save(action, given)
            case Kind.WEBHOOK:
                return await self._call(action, wanted)
            case Kind.TELEPHONE:
                return await self._telephone(action, wanted)

    def _save(self, action: Action, values: Mapping[str, Any]) -> _Done:
        changed = self.state.merge(values)
        ask = self._confirmations.saved(guarded(action, values), values)
        if changed:
            self._effects.state_changed(self.state.values)
        # A reply that said something with the action has most likely read it back by itself; one
        # that said nothing is followed by another in any case.
        return _Done("done", f"Saved. {read_back(action, ask)}" if ask else "Saved.", react=False)

    async def _call(self, action: Action, wanted: _Wanted) -> _Done:
        assert action.webhook is not None
        key = wanted.deed.key if wanted.deed else wanted.key
        began = self._now()
        async with asyncio.timeout(self._guards.webhook_ms / 1000):
            outcome = await self._webhooks.run(action, wanted.arguments, self._details, key)
        if outcome.exchange is not None:
            wanted.webhook = replace(outcome.exchange, took_ms=self._now() - began)
        self._ended(wanted, outcome)
        if not action.webhook.reacts:
            return _Done("done" if outcome.ok else "failed", "Sent.", react=False)
        return _Done("done" if outcome.ok else "failed", outcome.result, react=True)

    async def _telephone(self, action: Action, wanted: _Wanted) -> _Done:
        value = _single(wanted.arguments)
        async with asyncio.timeout(self._guards.effect_ms / 1000):
            if action.name == HANG_UP:
                return _Done("done", await self._effects.hang_up(), react=False)
            if action.name == TRANSFER:
                if not isinstance(value, str) or not value.strip():
                    raise _Refused("Not done: say which number to transfer to.")
                result = await self._effects.transfer(value.strip())
            elif action.name == SEND_SMS:
                if not isinstance(value, str) or not value.strip():
                    raise _Refused("Not done: say what the message should be.")
                result = await self._effects.send_sms(value)
            else:
                result = await self._effects.press_keys(_keys(value))
                return _Done("done", result, react=False)
        self._ended(wanted, Outcome(True, result))
        return _Done("done", result, react=True)

    # Not twice -----------------------------------------------------------------------------------

    def _repeated(self, action: Action, wanted: _Wanted) -> _Done | None:
        """What to say instead of doing it, if it equals something just done."""
        if not _has_consequences(action):
            return None
        identity = (action.name, json.dumps(wanted.arguments, sort_keys=True))
        before = self._deeds.get(identity)
        fresh = before is not None and wanted.at - before.at < self._guards.repeat_ms
        if before is not None and before.result is None:
            return _Done("repeated", "It is being done already; wait for its result.", react=False)
        if before is not None and fresh and before.ok:
            return _Done("repeated", f"It was done already. {before.result}", react=True)
        # Where it may have been done all the same, the receiver can tell by the same key.
        key = before.key if before is not None and fresh and before.unsure else wanted.key
        wanted.deed = self._deeds[identity] = _Deed(key, wanted.at)
        return None

    def _ended(self, wanted: _Wanted, outcome: Outcome) -> None:
        if wanted.deed is not None:
            wanted.deed.result = outcome.result
            wanted.deed.ok, wanted.deed.unsure = outcome.ok, outcome.unsure

    # Kept for the conversation -------------------------------------------------------------------

    def _reader(self, action: Action) -> Callable[[str], Any]:
        if action.name not in self._readers:
            self._readers[action.name] = arguments.reader(action)
        return self._readers[action.name]

    def _window(self, action: Action) -> Window:
        if action.name not in self._windows:
            self._windows[action.name] = Window(action.rate or self._guards.rate)
        return self._windows[action.name]

    def _tool(self, action: Action) -> Tool:
        if action.name not in self._tools:
            self._tools[action.name] = tool(action)
        return self._tools[action.name]

    def _tell(
        self,
        name: str,
        wanted: _Wanted,
        outcome: Literal["done", "failed", "refused", "repeated", "cancelled"],
        result: str,
    ) -> None:
        took = self._now() - wanted.at
        _log.info("action_ended", action=name[:64], outcome=outcome, took_ms=took)
        self._record(
            ActionRecord(
                *(wanted.key, name, wanted.arguments, outcome, result, wanted.at, took),
                webhook=wanted.webhook,
            )
        )


def _has_consequences(action: Action) -> bool:
    """True if doing it twice is worse than not doing it again."""
    if action.kind is Kind.WEBHOOK:
        return action.webhook is not None and action.webhook.method == "POST"
    return action.kind is Kind.TELEPHONE and action.name in (SEND_SMS, TRANSFER)


def _single(given: Any) -> Any:
    """The one value of a telephone action, whatever the schema calls it."""
    if isinstance(given, Mapping):
        return next(iter(given.values())) if len(given) == 1 else None
    return given


def _keys(value: Any) -> list[str]:
    """Keys from ``[5]``, ``"12#"`` or ``5``. Raises _Refused."""
    if isinstance(value, bool) or value is None:
        raise _Refused("Not done: say which keys to press.")
    texts = value if isinstance(value, list) else [value]
    keys = [key for text in texts for key in str(text) if not key.isspace()]
    if not keys or len(keys) > 32 or not _TELEPHONE_KEYS.issuperset(keys):
        raise _Refused("Not done: keys are 0 to 9, * and #, at most 32.")
    return keys
