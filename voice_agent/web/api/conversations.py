"""Conversations: reading them, and acting on live ones."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial

from ...access.tokens import SessionToken
from ...calls.records import Conversation, ConversationFilter, Place
from ...errors import StorageUnavailable, VoiceAgentError
from .call import Call
from .documents import (
    ActionOut,
    ById,
    ConversationOut,
    ConversationQuery,
    Done,
    MessageOut,
    Page,
    PartQuery,
    RecordingIn,
    SessionOut,
    StateIn,
    StateOut,
    TextIn,
    encode_cursor,
)
from .ports import Dependencies
from .problem import ApiProblem
from .table import Route

_route = partial(Route, tag="Conversations")
_Act = Callable[[str, str], Awaitable[bool]]


class ConversationResource:
    """Handlers and their routes."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._of = dependencies.conversations
        self._live = dependencies.live
        self._tokens = dependencies.tokens

    def routes(self) -> list[Route]:
        one = "/conversations/{id}"
        return [
            _route("GET", "/conversations", self.list_conversations, Page[ConversationOut]),
            _route("GET", one, self.get_conversation, ConversationOut),
            _route("GET", f"{one}/messages", self.list_messages, Page[MessageOut]),
            _route("GET", f"{one}/actions", self.list_actions, Page[ActionOut]),
            _route("PATCH", f"{one}/state", self.merge_state, StateOut),
            _route("POST", f"{one}/end", self.end_conversation, Done),
            _route("POST", f"{one}/resume", self.resume_conversation, SessionOut),
            _route("POST", f"{one}/say", self.say_text, Done, problems=(409,)),
            _route("POST", f"{one}/react", self.react_to, Done, problems=(409,)),
            _route("POST", f"{one}/messages", self.send_user_text, Done, problems=(409,)),
            _route("PUT", f"{one}/recording", self.pause_recording, Done, problems=(409,)),
        ]

    async def list_conversations(
        self, call: Call, query: ConversationQuery
    ) -> Page[ConversationOut]:
        """List conversations, the newest first."""
        after = None
        at, id = query.place(2)
        if at:
            try:
                after = Place(datetime.fromisoformat(at), id)
                after.created_at.astimezone()
            except (ValueError, OverflowError) as error:
                raise ApiProblem(400, "after: it is no cursor of this list.") from error
        wanted = ConversationFilter(
            query.persona_id, query.user_id, query.status, query.since, query.until
        )
        found = await self._of(call.workspace).list(wanted, after, query.limit + 1)
        shown = found[: query.limit]
        following = None
        if len(found) > query.limit:
            following = encode_cursor(shown[-1].created_at.isoformat(), shown[-1].id)
        return Page(items=[_out(each) for each in shown], next=following)

    async def get_conversation(self, call: Call, path: ById) -> ConversationOut:
        """Read a conversation."""
        return _out(await self._known(call, path.id))

    async def list_messages(self, call: Call, path: ById, query: PartQuery) -> Page[MessageOut]:
        """List what was said, from number `first` on; `next` is the number to go on with."""
        await self._known(call, path.id)
        found = await self._of(call.workspace).messages(path.id, query.first, query.limit)
        items = [MessageOut.model_validate(asdict(each)) for each in found]
        more = str(items[-1].number + 1) if len(items) == query.limit else None
        return Page(items=items, next=more)

    async def list_actions(self, call: Call, path: ById, query: PartQuery) -> Page[ActionOut]:
        """List what the agent did, from number `first` on; `next` is the number to go on with."""
        await self._known(call, path.id)
        found = await self._of(call.workspace).actions(path.id, query.first, query.limit)
        items = [ActionOut.model_validate(asdict(each)) for each in found]
        more = str(items[-1].number + 1) if len(items) == query.limit else None
        return Page(items=items, next=more)

    async def merge_state(self, call: Call, path: ById, body: StateIn) -> StateOut:
        """Set keys of the state; others stay. A live call knows of it at once."""
        await self._known(call, path.id)
        try:
            live = await self._live.merge_state(path.id, body.state)
        except StorageUnavailable:
            raise
        except VoiceAgentError as error:
            raise ApiProblem(400, str(error)) from error
        # The call's own records may wait; whoever asked here is answered when it is kept.
        kept = await self._of(call.workspace).merge_state(path.id, body.state)
        return StateOut(state=dict(live or kept or {}))  # type: ignore[arg-type]  # JSON values.

    async def end_conversation(self, call: Call, path: ById) -> Done:
        """End a live conversation; it can be resumed. False if it was not live."""
        if not await self._live.unsaved(path.id, call.workspace):
            await self._known(call, path.id)
        return Done(done=await self._live.end(path.id))

    async def resume_conversation(self, call: Call, path: ById) -> SessionOut:
        """Make a session token with which a client goes on with a conversation."""
        conversation = await self._known(call, path.id)
        token = SessionToken(
            workspace=call.workspace,
            key=call.known.id,
            personas=(conversation.persona_id,) if conversation.persona_id else (),
            user_id=conversation.user_id,
            conversation=conversation.id,
            draft=bool(conversation.persona_id) and conversation.persona_version == 0,
        )
        return SessionOut(token=self._tokens.sign(token), expires_in=self._tokens.life_s)

    async def say_text(self, call: Call, path: ById, body: TextIn) -> Done:
        """Let the agent say exactly this."""
        return await self._act(call, path.id, self._live.say, body.text)

    async def react_to(self, call: Call, path: ById, body: TextIn) -> Done:
        """Tell the agent of something, for it to speak of."""
        return await self._act(call, path.id, self._live.react, body.text)

    async def send_user_text(self, call: Call, path: ById, body: TextIn) -> Done:
        """Say something in the user's place."""
        return await self._act(call, path.id, self._live.user_text, body.text)

    async def pause_recording(self, call: Call, path: ById, body: RecordingIn) -> Done:
        """Pause the recording of a live conversation, or go on with it."""
        await self._known(call, path.id)
        if not await self._live.pause_recording(path.id, body.paused):
            raise ApiProblem(409, "The conversation is not live, or not being recorded.")
        return Done()

    async def _act(self, call: Call, id: str, act: _Act, text: str) -> Done:
        await self._known(call, id)
        if not await act(id, text):
            raise ApiProblem(409, "The conversation is not live.")
        return Done()

    async def _known(self, call: Call, id: str) -> Conversation:
        if (found := await self._of(call.workspace).get(id)) is None:
            raise ApiProblem(404, f"There is no conversation {id}.")
        return found


def _out(conversation: Conversation) -> ConversationOut:
    return ConversationOut.model_validate(asdict(conversation))
