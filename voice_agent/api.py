"""The REST API put together: what it needs of the calls, the carrier and the database."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import cast

from aiohttp import web

from voice_pipelines.engine.clock import Metronome

from .access.known_browsers import KnownBrowsers
from .access.passwords import Hasher
from .access.seal import Seal, reseal
from .access.sign_in import Entry, Rules
from .access.tokens import Tokens
from .background import background
from .calls.live import LiveCall
from .calls.reception import Reception
from .calls.record_writer import RecordWriter
from .calls.recorded import RecordedCalls
from .calls.recording_store import open_store
from .calls.session import Switchboard
from .errors import ConfigurationError
from .personas import files
from .personas.persona import Persona
from .personas.repository import StoredPersona
from .presets import PRESETS
from .retrieval import Retrievers
from .settings import Configuration, Settings, data_directory
from .storage.store import Store
from .telemetry.metrics import Metrics
from .telephone_check import TelephoneCheck
from .telephony.destination import Refused
from .telephony.errors import TwilioError
from .telephony.exchange import Exchange
from .telephony.outgoing import Wanted
from .voice_catalog import Catalog, account
from .web.api.application import GATE, application
from .web.api.ports import CallRefusedBy, Defaults, Dependencies, Dialed, EditedPersonas
from .web.api.visitor import Networks
from .web.browser import BrowserRoutes
from .web.entrance import Entrance
from .web.history import History
from .web.live import LiveRoutes, signs_out
from .web.scripts import ScriptRoutes
from .web.webrtc import WebRtcRoutes

_INCLUDED = ("restaurant", "questions", "appointments")
"""Personas that come with the server, to begin with."""


class ApiCalls:
    """The live calls; satisfies `web.api.ports.LiveCalls`."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    async def end(self, conversation_id: str) -> bool:
        """Pause the conversation: its call ends once the agent's words were heard."""
        if (live := self._live(conversation_id)) is None:
            return False
        live.paused = True
        live.end("ended_by_client")
        return True

    async def unsaved(self, conversation_id: str, workspace: str) -> bool:
        live = self._live(conversation_id)
        return live is not None and not live.plan.saved and live.plan.workspace == workspace

    async def merge_state(
        self, conversation_id: str, changes: Mapping[str, object]
    ) -> Mapping[str, object] | None:
        """Raises StateRefused."""
        live = self._live(conversation_id)
        return None if live is None else live.merge_state(changes)

    async def say(self, conversation_id: str, text: str) -> bool:
        if (live := self._live(conversation_id)) is not None:
            live.say(text)
        return live is not None

    async def react(self, conversation_id: str, text: str) -> bool:
        if (live := self._live(conversation_id)) is not None:
            live.react(text)
        return live is not None

    async def user_text(self, conversation_id: str, text: str) -> bool:
        if (live := self._live(conversation_id)) is not None:
            live.typed(text)
        return live is not None

    async def pause_recording(self, conversation_id: str, paused: bool) -> bool:
        live = self._live(conversation_id)
        return live is not None and live.pause_recording(paused)

    def _live(self, conversation_id: str) -> LiveCall | None:
        return self._switchboard.conversation(conversation_id)


class ApiDialer:
    """Outgoing calls; satisfies `web.api.ports.Dialer`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def dial(
        self,
        persona: StoredPersona,
        number: str,
        details: Mapping[str, object],
        asked_by: str,
    ) -> Dialed:
        """Raises CallRefusedBy."""
        if persona.published is None:
            raise CallRefusedBy(f"{persona.name} is not published, so it cannot call anybody yet.")
        telephone = persona.published.telephone
        wanted = Wanted(
            persona=persona.id,
            to=number,
            asked_by=asked_by,
            details=details,
            from_number=next(iter(telephone.numbers), ""),
            voicemail_message=telephone.voicemail_message,
        )
        try:
            placed = await self._exchange.dialer.call(wanted)
        except Refused as refused:
            raise CallRefusedBy(str(refused)) from refused
        except TwilioError as error:
            raise CallRefusedBy(str(error), carrier=True) from error
        return Dialed(placed.id, placed.call_sid, placed.to)


async def api(
    configuration: Configuration,
    store: Store,
    switchboard: Switchboard,
    reception: Reception,
    exchange: Exchange | None,
    retrievers: Retrievers,
) -> web.Application:
    """The application for ``/api``. Raises StorageUnavailable, ConfigurationError."""
    settings = configuration.settings
    shared = account(settings, os.environ)
    secret = await store.keys.signing_secret()
    signing_in = entry(settings, store, secret)
    await reseal(store.accounts, signing_in.seal)
    dependencies = Dependencies(
        keys=store.keys,
        entry=signing_in,
        tokens=_tokens(settings, secret),
        personas=lambda workspace: cast(EditedPersonas, store.personas(workspace)),
        conversations=store.conversations,
        counters=store.counters,
        do_not_call=store.do_not_call,
        idempotency=store.idempotency,
        live=ApiCalls(switchboard),
        recorded=_recorded(settings),
        trials=reception.trials,
        scenarios=retrievers,
        dialer=None if exchange is None else ApiDialer(exchange),
        voices=shared,
        telephone=TelephoneCheck(settings, os.environ, exchange.rest if exchange else None),
        catalog=Catalog(settings, os.environ, shared),
        defaults=_defaults(configuration),
        prices=settings.prices,
        templates=_templates(reception.default),
        keys_set={each.key for each in PRESETS.values() if os.environ.get(each.key)},
        requests_per_minute=settings.access.requests_per_minute,
        public_url=settings.server.public_url.rstrip("/"),
        proxies=_proxies(settings),
    )
    made = application(dependencies)

    async def look(request: web.Request, response: web.StreamResponse) -> None:
        if request.method not in ("GET", "HEAD") and response.status < 300:
            reception.changed.set()  # It may have been a persona.

    made.on_response_prepare.append(look)
    return made


def _recorded(settings: Settings) -> RecordedCalls:
    recording = settings.recording
    return RecordedCalls(
        Path(settings.journal.directory) if settings.journal.directory else None,
        Path(recording.directory),
        (lambda: open_store(recording, os.environ)[0]) if recording.s3_url else None,
    )


def _proxies(settings: Settings) -> Networks:
    """Raises ConfigurationError."""
    try:
        return [ip_network(each, strict=False) for each in settings.server.trusted_proxies]
    except ValueError as error:
        raise ConfigurationError(
            f"`server.trusted_proxies`: {error}; write addresses or networks, such as 10.0.0.0/8."
        ) from error


def entry(settings: Settings, store: Store, secret: str) -> Entry:
    """What signing in works with; `secret` signs cookies. Raises ConfigurationError."""
    access = settings.access
    return Entry(
        accounts=store.accounts,
        passkeys=store.passkeys,
        sessions=store.sessions,
        attempts=store.attempts,
        keys=store.keys,
        hasher=Hasher(),
        browsers=KnownBrowsers(secret),
        seal=Seal(os.environ.get(access.secret_key_env, ""), Path(access.secret_key_file)),
        rules=Rules(
            session=timedelta(milliseconds=access.session_ms),
            failures=access.free_failures,
            longest_delay=timedelta(milliseconds=access.longest_delay_ms),
        ),
    )


async def browser_routes(
    settings: Settings,
    store: Store,
    writer: RecordWriter,
    switchboard: Switchboard,
    reception: Reception,
    metrics: Metrics,
    metronome: Metronome,
    stack: AsyncExitStack,
) -> list[web.RouteDef]:
    """Clients' ways to conversations, which end with `stack`, and the script of pages.

    Raises StorageUnavailable, ConfigurationError.
    """
    entrance = Entrance(
        _tokens(settings, await store.keys.signing_secret()),
        store.keys.is_valid,
        reception,
        switchboard,
        store.conversations,
        writer,
        settings.browser.allow_unsaved,
    )
    count = metrics.message_ignored
    sockets = BrowserRoutes(settings.browser, entrance, count)
    most_malformed = settings.browser.malformed_messages
    webrtc = WebRtcRoutes(
        settings.webrtc,
        settings.server,
        most_malformed,
        _turn_secret(settings),
        entrance,
        count,
        metronome,
    )
    await stack.enter_async_context(webrtc.running())
    return [*sockets.routes(), *webrtc.routes(), *ScriptRoutes(store.keys).routes()]


def _turn_secret(settings: Settings) -> str:
    webrtc = settings.webrtc
    secret = os.environ.get(webrtc.turn_secret_env, "")
    if webrtc.turn_urls and not secret:
        raise ConfigurationError(
            f"`webrtc.turn_urls` needs the secret that the TURN server knows: put it into the "
            f"environment variable {webrtc.turn_secret_env} (`webrtc.turn_secret_env`)."
        )
    return secret


def _templates(own: Persona) -> dict[str, Persona]:
    """The server's own persona, those that come with it, and one to be filled in."""
    folder = data_directory() / "personas"
    included = {name: files.read(folder / f"{name}.toml") for name in _INCLUDED}
    telephone = own.telephone.model_copy(update={"numbers": ()})  # They are the own one's.
    return {
        "own": own.model_copy(update={"telephone": telephone}),
        **{id: each for id, each in included.items() if each.name != own.name},
        "blank": files.blank("New persona"),
    }


def _defaults(configuration: Configuration) -> Defaults:
    llm, tts = configuration.settings.llm, configuration.settings.tts
    return Defaults(
        configuration.policy(),
        ", ".join(filter(None, (llm.provider, llm.model))),
        ", ".join(filter(None, (tts.provider, tts.voice or tts.model))),
    )


def _tokens(settings: Settings, secret: str) -> Tokens:
    access = settings.access
    return Tokens(secret, access.token_ms // 1000, access.resume_ms // 1000)


@asynccontextmanager
async def console_socket(
    settings: Settings,
    store: Store,
    writer: RecordWriter,
    switchboard: Switchboard,
    web_api: web.Application,
) -> AsyncIterator[LiveRoutes]:
    """The live socket of consoles; close it before the server does not listen any more."""
    board = switchboard.board
    live = LiveRoutes(web_api[GATE], board, settings.server.public_url)
    history = History(board, store.conversations)
    writer.told = history.written
    store.persona_changed = board.persona_changed

    async def look(request: web.Request, response: web.StreamResponse) -> None:
        if signs_out(request):
            live.look_again()

    web_api.on_response_prepare.append(look)
    async with background(history.keep_telling()):
        yield live
