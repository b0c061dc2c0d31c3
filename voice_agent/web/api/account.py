"""The account's counters, outgoing calls, the do-not-call list, voices to listen to."""

from datetime import UTC, datetime

from aiohttp import web

from .call import Call
from .documents import (
    AccountOut,
    BlockedIn,
    BlockedOut,
    ById,
    ByNumber,
    CallIn,
    CallOut,
    Done,
    Month,
    Page,
    Paged,
    TeamOut,
    page_of,
)
from .ports import CallRefusedBy, Dependencies
from .problem import ApiProblem
from .table import Route


class AccountResource:
    """Handlers and their routes."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._personas = dependencies.personas
        self._counters = dependencies.counters
        self._blocked = dependencies.do_not_call
        self._dialer = dependencies.dialer
        self._voices = dependencies.voices

    def routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                "/personas/{id}/makecall",
                self.make_call,
                CallOut,
                tag="Telephone",
                problems=(403, 409, 502),
                repeatable=True,
            ),
            Route("GET", "/do-not-call", self.list_blocked, Page[BlockedOut], tag="Telephone"),
            Route("PUT", "/do-not-call/{number}", self.block_number, BlockedOut, tag="Telephone"),
            Route("DELETE", "/do-not-call/{number}", self.unblock_number, Done, tag="Telephone"),
            Route("GET", "/account", self.get_account, AccountOut, tag="Account"),
            Route("GET", "/team", self.get_team, TeamOut, tag="Older integrations"),
            Route(
                "GET",
                "/voices/{id}/sample",
                self.get_sample,
                str,
                text_types=("audio/mpeg",),
                tag="Older integrations",
                problems=(502,),
            ),
        ]

    async def make_call(self, call: Call, path: ById, body: CallIn) -> CallOut:
        """Call somebody; the persona that calls get talks. Limits and the do-not-call list hold."""
        stored = await self._personas(call.workspace).get(path.id)
        if stored.published is None:
            raise ApiProblem(409, "The persona is a draft: publish it first.")
        if await self._blocked(call.workspace).has(body.phoneNumber):
            raise ApiProblem(403, "The number is on the do-not-call list.")
        if self._dialer is None:
            raise ApiProblem(503, "No carrier is set up for outgoing calls; see `[outgoing]`.")
        try:
            placed = await self._dialer.dial(stored, body.phoneNumber, body.details, call.known.id)
        except CallRefusedBy as error:
            raise ApiProblem(502 if error.carrier else 403, str(error)) from error
        return CallOut(id=placed.id, callSid=placed.call_sid, phoneNumber=placed.to)

    async def list_blocked(self, call: Call, query: Paged) -> Page[BlockedOut]:
        """List the numbers that are not to be called."""
        (after,) = query.place()
        found = await self._blocked(call.workspace).list(after, query.limit + 1)
        items = [
            BlockedOut(number=each.number, reason=each.reason, created_at=each.created_at)
            for each in found
        ]
        return page_of(items, query.limit, lambda each: each.number)

    async def block_number(self, call: Call, path: ByNumber, body: BlockedIn) -> BlockedOut:
        """Never call a number again."""
        kept = await self._blocked(call.workspace).add(path.number, body.reason, datetime.now(UTC))
        return BlockedOut(number=kept.number, reason=kept.reason, created_at=kept.created_at)

    async def unblock_number(self, call: Call, path: ByNumber) -> Done:
        """Allow a number to be called again."""
        return Done(done=await self._blocked(call.workspace).remove(path.number))

    async def get_account(self, call: Call) -> AccountOut:
        """Read how many messages were answered, in all and by month."""
        months = await self._counters(call.workspace).account()
        return AccountOut(
            workspace=call.workspace,
            messages=sum(used for _, used in months),
            months=[Month(month=month, messages=used) for month, used in months],
        )

    async def get_team(self, call: Call) -> TeamOut:
        """Read the workspace's name and its messages."""
        months = await self._counters(call.workspace).account()
        return TeamOut(name=call.workspace, messages=sum(used for _, used in months))

    async def get_sample(self, call: Call, path: ById) -> web.Response:
        """Listen to a voice (MP3)."""
        sample = None if self._voices is None else await self._voices.sample(path.id)
        if sample is None:
            raise ApiProblem(404, "There is no sample of this voice.")
        return web.Response(body=sample, content_type="audio/mpeg")
