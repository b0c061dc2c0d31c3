"""Everything that makes the carrier do something, put together for a server."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from voice_pipelines.ports import Clock

from ..calls.claims import Claims
from ..errors import ConfigurationError
from ..sections import OutgoingSettings
from ..settings import Settings
from .effects import TelephoneEffects
from .limits import DoNotCall, DoNotCallList, Guard
from .live import LiveCall, LiveCalls, Resumable, Tickets
from .outgoing import Dialer, Ended
from .rest import Account, Rest, connected
from .transfer import TransferOutcome, Transfers
from .urls import Urls


class Exchange:
    """Outgoing calls, transfers, text messages and keys of one server."""

    def __init__(
        self,
        rest: Rest,
        urls: Urls,
        outgoing: OutgoingSettings,
        tickets: Tickets,
        live: LiveCalls,
        conversations: Resumable,
        clock: Clock,
        counters: Claims | None = None,
        do_not_call: DoNotCall | None = None,
        own: Collection[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        call_ended: Callable[[Ended], None] = lambda _: None,
        transfer_ended: Callable[[str, TransferOutcome], None] = lambda *_: None,
    ) -> None:
        """`own` are the agent's numbers, which it does not call; the collection may change.

        `call_ended` and `transfer_ended` (conversation id, outcome) are told once each.
        """
        self.rest = rest
        self.urls = urls
        self.guard = Guard(outgoing, counters, do_not_call, own)
        self.transfers = Transfers(rest, self.guard, conversations, urls, now, transfer_ended)
        self.dialer = Dialer(rest, self.guard, tickets, live, urls, clock, now, call_ended)
        self._conversations = conversations
        self._now = now

    def effects(self, live: LiveCall, transfer_to: Collection[str]) -> TelephoneEffects:
        """What actions may do to a live call; `transfer_to` are the persona's targets."""
        return TelephoneEffects(
            live,
            self.rest,
            self.guard,
            self.transfers,
            self._conversations,
            self.urls,
            transfer_to,
            self._now,
        )


@asynccontextmanager
async def carrier(settings: Settings, environment: Mapping[str, str]) -> AsyncIterator[Rest | None]:
    """The carrier's API, None where the environment has no account or the server no address."""
    account = Account(
        environment.get(settings.twilio.account_sid_env, ""),
        environment.get(settings.twilio.auth_token_env, ""),
    )
    if not (account.sid and account.auth_token and settings.server.public_url):
        yield None
        return
    async with connected(account, settings.twilio.api_url) as rest:
        yield rest


def do_not_call_list(outgoing: OutgoingSettings) -> DoNotCallList:
    """The numbers of `outgoing.do_not_call_file`. Raises ConfigurationError."""
    if not outgoing.do_not_call_file:
        return DoNotCallList()
    path = Path(outgoing.do_not_call_file)
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"`outgoing.do_not_call_file`: {path} cannot be read as text."
        ) from error
    listed = DoNotCallList()
    for line_number, line in enumerate(lines, 1):
        if number := line.partition("#")[0].strip():
            try:
                listed.add(number)
            except ValueError as error:
                raise ConfigurationError(
                    f"{path}, line {line_number}: this is no number such as +14155550100."
                ) from error
    return listed
