"""The way of clients into a conversation: token, persona, plan, call.

It is the same whatever carries the conversation, in two steps: `invite` decides, `enter` runs the
call. Between the two a transport may take its time to be connected.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import cast

import msgspec
import structlog
from pydantic import JsonValue

from voice_codecs.browser import Init, MessagesUpdate, Ready, Said

from ..access.keys import KeyRefused
from ..access.tokens import SessionToken, Tokens
from ..calls.captions import ClientEvent
from ..calls.plan import CallPlan
from ..calls.reception import DraftUnusable, NobodyOfThatName, Reception
from ..calls.record_writer import RecordWriter
from ..calls.records import DEFAULT_WORKSPACE, Conversations, Message
from ..calls.resume import past
from ..calls.session import Switchboard
from ..errors import CallRefused, StorageUnavailable
from ..transports.session import ClientLeg, Refused, Session, message_of

_WRITTEN_MS = 3000
"""How long a resumed conversation waits until the records of its earlier part are written."""
_MESSAGES_AT_ONCE = 100
"""Of an earlier part, in one message to the client."""

_Planned = tuple[CallPlan, Sequence[Message]]
"""The call, and the records of what was said before it."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Invited:
    """A client that may come in."""

    token: SessionToken
    sample_rate: int
    plan: CallPlan
    earlier: Sequence[Message]


class Entrance:
    """Where clients are let in."""

    def __init__(
        self,
        tokens: Tokens,
        key_is_valid: Callable[[str], Awaitable[bool]],
        reception: Reception,
        switchboard: Switchboard,
        conversations: Callable[[str], Conversations],
        writer: RecordWriter,
        allow_unsaved: bool = True,
    ) -> None:
        """`key_is_valid` says so of a key's id; `conversations` are those of a workspace."""
        self._tokens = tokens
        self._key_is_valid = key_is_valid
        self._reception = reception
        self._switchboard = switchboard
        self._conversations = conversations
        self._writer = writer
        self._allow_unsaved = allow_unsaved
        self._resuming: set[str] = set()

    def token(self, text: str, origin: str) -> SessionToken:
        """What a token allows a page of `origin`. Raises Refused."""
        try:
            token = self._tokens.verify(text)
        except KeyRefused as problem:
            raise Refused(1008, "token_refused", str(problem)) from problem
        if token.origin and token.origin != origin:
            raise Refused(1008, "origin_refused", "The token was given to another origin.")
        return token

    async def invite(self, init: Init, origin: str) -> Invited:
        """Decide on a client. Raises Refused."""
        token = self._checked(init, origin)
        try:
            self._switchboard.check()
            if not await self._key_is_valid(token.key):
                raise Refused(1008, "token_refused", "The key that asked for the token has ended.")
            plan, earlier = await self._plan(init, token)
        except CallRefused as refusal:
            raise Refused(1013, "busy", str(refusal)) from refusal
        except StorageUnavailable as problem:
            log.warning("conversation_not_begun", reason=str(problem))
            raise Refused(1013, "unavailable", "The database does not answer.") from problem
        except NobodyOfThatName as problem:
            raise Refused(1008, "persona_unknown", str(problem)) from problem
        except DraftUnusable as problem:
            raise Refused(1008, "draft_refused", str(problem)) from problem
        if token.personas and plan.persona_id not in token.personas:
            raise Refused(1008, "persona_not_allowed", "The token is not for this persona.")
        return Invited(token, init.sample_rate, plan, earlier)

    @asynccontextmanager
    async def enter(
        self, invited: Invited, leg: ClientLeg, transport: str
    ) -> AsyncIterator[Session]:
        """Run the call of a client for as long as the context lasts. Raises Refused.

        `transport` is what the call's name begins with.
        """
        token, plan, board = invited.token, invited.plan, self._switchboard
        if board.conversation(plan.conversation_id) is not None:
            raise Refused(1013, "busy", "The conversation is live elsewhere.")
        call_id = f"{transport}{token_hex(16)}"
        structlog.contextvars.bind_contextvars(call_id=call_id)

        def resume_token() -> str:
            return self._tokens.sign(
                msgspec.structs.replace(
                    token,
                    personas=(plan.persona_id,) if plan.persona_id else (),
                    user_id=plan.user_id,
                    conversation=plan.conversation_id,
                    saved=plan.saved,
                    details={},
                )
            )

        leg.begin(invited.sample_rate, _opening(invited, resume_token()))

        def client(event: ClientEvent) -> None:
            leg.tell(message_of(event))

        try:
            async with board.caller(call_id, leg, True, plan, client) as line:
                live = board.conversation(plan.conversation_id)
                assert live is not None  # It has just begun.
                board.unsaved.forget(plan.conversation_id)
                yield Session(line, live, resume_token)
        except CallRefused as refusal:
            raise Refused(1013, "busy", str(refusal)) from refusal

    def _checked(self, init: Init, origin: str) -> SessionToken:
        """What the client's token allows. Raises Refused."""
        token = self.token(init.token, origin)
        if init.conversation_id and init.conversation_id != token.conversation:
            raise Refused(1008, "token_refused", "The token is not for this conversation.")
        # Personas are published in this workspace only.
        if token.workspace != DEFAULT_WORKSPACE:
            raise Refused(1008, "persona_unknown", "No persona of this workspace can be called.")
        return token

    async def _plan(self, init: Init, token: SessionToken) -> _Planned:
        if token.conversation:
            return await self._resumed(token)
        persona = init.persona_id or init.persona_name
        if not persona and len(token.personas) == 1:
            persona = token.personas[0]
        if init.unsaved and not self._allow_unsaved:
            raise Refused(
                1008, "unsaved_refused", "This server keeps its conversations: begin a saved one."
            )
        if not persona:
            raise Refused(1008, "persona_missing", "Give personaId or personaName.")
        # Whoever signed the token knows better than the page.
        details = cast(dict[str, JsonValue], {**init.details, **token.details})
        plan = await self._who(token, persona, details, token.user_id or init.user_id)
        return replace(plan, workspace=token.workspace, saved=not init.unsaved), ()

    async def _who(
        self, token: SessionToken, persona: str, details: dict[str, JsonValue], user_id: str
    ) -> CallPlan:
        """Raises NobodyOfThatName, DraftUnusable, StorageUnavailable."""
        asked = self._reception
        if token.draft:
            return await asked.tried(persona, details, user_id=user_id, unsaved=token.unsaved)
        return asked.asked_for(persona, details, user_id=user_id, direction="web")

    async def _resumed(self, token: SessionToken) -> _Planned:
        """The plan of a conversation that goes on. Raises Refused, NobodyOfThatName,
        StorageUnavailable."""
        id = token.conversation
        if id in self._resuming:
            raise Refused(1013, "busy", "The conversation is being resumed already.")
        self._resuming.add(id)
        try:
            live = self._switchboard.conversation(id)
            if live is not None and live.plan.direction != "web":
                raise Refused(1013, "busy", "The conversation is live on the telephone.")
            # A client whose network was gone is back before the server has noticed.
            if live is not None and not await self._switchboard.pause(id):
                raise Refused(1013, "busy", "The conversation is still live elsewhere.")
            if not token.saved:
                return self._unsaved(id)
            if not await self._writer.written(_WRITTEN_MS):
                raise StorageUnavailable("The conversation's records are not written yet.")
            conversations = self._conversations(token.workspace)
            conversation = await conversations.get(id)
            if conversation is None:
                raise Refused(1008, "conversation_unknown", f"There is no conversation {id}.")
            plan = await self._who(
                token,
                conversation.persona_id or conversation.persona_name,
                cast(dict[str, JsonValue], dict(conversation.details)),
                conversation.user_id,
            )
            before, messages = await past(conversations, conversation)
            plan = replace(plan, conversation_id=id, workspace=token.workspace, past=before)
            return plan, messages
        finally:
            self._resuming.discard(id)

    def _unsaved(self, id: str) -> _Planned:
        """The same of one of which nothing is kept. Raises Refused."""
        plan = self._switchboard.unsaved.get(id, asyncio.get_running_loop().time())
        if plan is None or plan.past is None:
            raise Refused(1008, "not_saved", "It was not saved: nothing of it is left.")
        return plan, plan.past.records


def _opening(invited: Invited, resume_token: str) -> list[Ready | MessagesUpdate]:
    plan = invited.plan
    ready = Ready(
        conversation_id=plan.conversation_id,
        resume_token=resume_token,
        sample_rate=invited.sample_rate,
        resumed=plan.past is not None,
        state=dict(plan.past.state) if plan.past else {},
    )
    said = [
        Said(
            str(message.number),
            "ai" if message.speaker == "agent" else "user",
            message.text,
            message.intended,
        )
        for message in invited.earlier
        if message.speaker != "note" and not message.withdrawn
    ]
    return [ready, *_in_parts(said)]


def _in_parts(said: Sequence[Said]) -> Iterator[MessagesUpdate]:
    for at in range(0, len(said), _MESSAGES_AT_ONCE):
        yield MessagesUpdate(list(said[at : at + _MESSAGES_AT_ONCE]))
