"""The telephone, put together for a server: what makes the carrier do something."""

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from voice_pipelines.ports import Clock

from .archive import Archive
from .calls.live import LiveCall, Telephone
from .calls.reception import Reception
from .calls.session import Switchboard
from .desk import Desk
from .sections import OutgoingSettings
from .settings import Settings
from .telephony.live import Tickets
from .telephony.urls import Urls

if TYPE_CHECKING:
    from .telephony.exchange import Exchange
    from .telephony.limits import DoNotCall


async def exchange_of(
    settings: Settings,
    streams: Tickets,
    switchboard: Switchboard,
    desk: Desk,
    reception: Reception,
    archive: Archive,
    clock: Clock,
    stack: AsyncExitStack,
) -> "Exchange | None":
    """What makes the carrier do something; None without an account or a public address.

    Raises ConfigurationError.
    """
    if not settings.server.public_url:
        return None
    from .telephony.exchange import Exchange, carrier

    rest = await stack.enter_async_context(carrier(settings, os.environ))
    if rest is None:
        return None
    return Exchange(
        rest,
        Urls(settings.server.public_url),
        settings.outgoing,
        streams,
        switchboard,
        desk,
        clock,
        archive.store.claims if archive.store else None,
        do_not_call=_do_not_call(settings.outgoing, archive),
        own=reception.numbers,
    )


def _do_not_call(settings: OutgoingSettings, archive: Archive) -> "DoNotCall":
    from .telephony.exchange import do_not_call_list
    from .telephony.limits import DoNotCallLists

    listed = do_not_call_list(settings)
    if archive.store is None:
        return listed
    return DoNotCallLists(listed, archive.store.do_not_call())


def effects(exchange: "Exchange") -> Callable[[LiveCall], Telephone]:
    """What the actions of a live call may do with the telephone."""

    def of(live: LiveCall) -> Telephone:
        return exchange.effects(live, live.plan.persona.telephone.transfer_to)

    return of
