"""What the carrier tells of outgoing calls and transfers, as webhooks.

All are POSTs with a signed form. What they start at the carrier is bounded in time by `Rest`; if it
fails there, the webhook is answered all the same, because asking again would not help.
"""

from typing import Protocol

import structlog
from aiohttp import web
from multidict import MultiDict

from ..telephony.errors import TwilioError
from ..telephony.urls import (
    OUTGOING_MACHINE_PATH,
    OUTGOING_STATUS_PATH,
    TRANSFER_ACCEPT_PATH,
    TRANSFER_ENDED_PATH,
    TRANSFER_MACHINE_PATH,
    TRANSFER_SCREEN_PATH,
)
from .signed import Signed

log = structlog.get_logger()


class Outgoing(Protocol):
    """Follows outgoing calls."""

    async def status_changed(self, call_id: str, form: MultiDict[str], /) -> None: ...

    async def answered(self, call_id: str, answered_by: str, /) -> None: ...


class Transferring(Protocol):
    """Follows transfers."""

    def screen(self, transfer_id: str, /) -> str: ...

    def accept(self, transfer_id: str, digits: str, /) -> str: ...

    async def answered(self, transfer_id: str, call_sid: str, answered_by: str, /) -> None: ...

    async def ended(self, transfer_id: str, form: MultiDict[str], /) -> str: ...


class TelephoneRoutes:
    """The webhooks of outgoing calls and transfers."""

    def __init__(self, signed: Signed, outgoing: Outgoing, transfers: Transferring) -> None:
        self._signed = signed
        self._outgoing = outgoing
        self._transfers = transfers

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(OUTGOING_STATUS_PATH, self._status),
            web.post(OUTGOING_MACHINE_PATH, self._answered),
            web.post(TRANSFER_SCREEN_PATH, self._screen),
            web.post(TRANSFER_ACCEPT_PATH, self._accept),
            web.post(TRANSFER_MACHINE_PATH, self._callee_answered),
            web.post(TRANSFER_ENDED_PATH, self._ended),
        ]

    async def _status(self, request: web.Request) -> web.Response:
        form = await self._signed.form(request)
        await self._outgoing.status_changed(request.match_info["id"], form)
        return web.Response(status=204)

    async def _answered(self, request: web.Request) -> web.Response:
        form = await self._signed.form(request)
        try:
            await self._outgoing.answered(request.match_info["id"], form.get("AnsweredBy", ""))
        except TwilioError as error:
            log.warning("machine_not_handled", code=error.code, status=error.status)
        return web.Response(status=204)

    async def _screen(self, request: web.Request) -> web.Response:
        await self._signed.form(request)
        return _twiml(self._transfers.screen(request.match_info["id"]))

    async def _accept(self, request: web.Request) -> web.Response:
        form = await self._signed.form(request)
        return _twiml(self._transfers.accept(request.match_info["id"], form.get("Digits", "")))

    async def _callee_answered(self, request: web.Request) -> web.Response:
        form = await self._signed.form(request)
        try:
            await self._transfers.answered(
                request.match_info["id"], form.get("CallSid", ""), form.get("AnsweredBy", "")
            )
        except TwilioError as error:
            log.warning("machine_not_handled", code=error.code, status=error.status)
        return web.Response(status=204)

    async def _ended(self, request: web.Request) -> web.Response:
        form = await self._signed.form(request)
        return _twiml(await self._transfers.ended(request.match_info["id"], form))


def _twiml(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/xml")
