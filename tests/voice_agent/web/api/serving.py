"""The API on loopback, over a real database."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from multidict import MultiMapping
from obstore.store import ObjectStore

from voice_agent.access.known_browsers import KnownBrowsers
from voice_agent.access.passwords import Hasher
from voice_agent.access.seal import Seal
from voice_agent.access.sign_in import Entry
from voice_agent.access.tokens import Tokens
from voice_agent.calls.recorded import RecordedCalls
from voice_agent.calls.trials import Trials
from voice_agent.errors import VoiceAgentError
from voice_agent.personas.repository import StoredPersona
from voice_agent.retrieval import Retrievers
from voice_agent.sections import PriceSettings
from voice_agent.storage.store import Store, opened
from voice_agent.telephony.setup import Finding
from voice_agent.web.api.application import application
from voice_agent.web.api.ports import (
    AccountNumber,
    CallRefusedBy,
    Defaults,
    Dependencies,
    Dialed,
    ListedVoice,
    TelephoneFound,
    VoicesFound,
)


@dataclass
class Dialing:
    """Notes the calls that it is asked for."""

    calls: list[tuple[str, str, dict[str, object], str]] = field(default_factory=list)
    refuse: CallRefusedBy | None = None

    async def dial(
        self, persona: StoredPersona, number: str, details: Mapping[str, object], asked_by: str
    ) -> Dialed:
        if self.refuse is not None:
            raise self.refuse
        self.calls.append((persona.name, number, dict(details), asked_by))
        return Dialed(f"call{len(self.calls)}", "CA1", number)


@dataclass
class Live:
    """Conversations that are live, and what was done to them."""

    ids: set[str] = field(default_factory=set)
    done: list[tuple[str, ...]] = field(default_factory=list)

    async def end(self, conversation_id: str) -> bool:
        return self._do("end", conversation_id)

    async def unsaved(self, conversation_id: str, workspace: str) -> bool:
        return False

    async def merge_state(
        self, conversation_id: str, changes: Mapping[str, object]
    ) -> Mapping[str, object] | None:
        if "refused" in changes:
            raise VoiceAgentError("The state would be too large.")
        return dict(changes) if self._do("state", conversation_id) else None

    async def say(self, conversation_id: str, text: str) -> bool:
        return self._do("say", conversation_id, text)

    async def react(self, conversation_id: str, text: str) -> bool:
        return self._do("react", conversation_id, text)

    async def user_text(self, conversation_id: str, text: str) -> bool:
        return self._do("user", conversation_id, text)

    async def pause_recording(self, conversation_id: str, paused: bool) -> bool:
        return self._do("recording paused" if paused else "recording goes on", conversation_id)

    def _do(self, *what: str) -> bool:
        if what[1] not in self.ids:
            return False
        self.done.append(what)
        return True


@dataclass
class SharedVoices:
    added: list[tuple[str, str, str]] = field(default_factory=list)

    async def add_shared(self, owner: str, voice_id: str, name: str) -> str:
        self.added.append((owner, voice_id, name))
        return f"own{voice_id}"

    async def sample(self, voice_id: str) -> bytes | None:
        return b"ID3" if voice_id == "known" else None

    async def voices(self) -> VoicesFound:
        return VoicesFound([ListedVoice("local", "heart", "Heart")], {"elevenlabs": "It is down."})


class Telephone:
    async def check(self, persona: StoredPersona) -> TelephoneFound:
        finding = Finding("account", False, "The server has no Twilio account.")
        number = AccountNumber("+14155550100", "https://demo.twilio.com/welcome", False)
        return TelephoneFound("https://agent.example/twilio/voice", [number], [finding])


class Api:
    """A client with a key, and what stands behind the server."""

    def __init__(
        self,
        url: str,
        store: Store,
        session: aiohttp.ClientSession,
        tokens: Tokens,
        key_file: Path,
    ) -> None:
        self.url = url
        self.store = store
        self.session = session
        self.key = ""
        self.dialer = Dialing()
        self.live = Live()
        self.voices = SharedVoices()
        self.telephone = Telephone()
        self.trials = Trials()
        self.now = datetime.now(UTC)
        """What time it is where somebody signs in."""
        self.entry = Entry(
            accounts=store.accounts,
            passkeys=store.passkeys,
            sessions=store.sessions,
            attempts=store.attempts,
            keys=store.keys,
            hasher=Hasher(memory_kib=64, passes=1),
            browsers=KnownBrowsers("north"),
            seal=Seal("", key_file),
            now=lambda: self.now,
        )
        self.tokens = tokens

    async def __call__(
        self,
        method: str,
        path: str,
        json: object = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> tuple[int, Any, MultiMapping[str]]:
        """(status, body, headers). `key` is the administrator's unless told."""
        given = self.key if key is None else key
        all_headers = {**({"Authorization": f"Bearer {given}"} if given else {}), **(headers or {})}
        if json is not None:
            more["json"] = json
        async with self.session.request(
            method, f"{self.url}{path}", headers=all_headers, **more
        ) as response:
            if response.content_type.endswith(("/json", "+json")):
                return response.status, await response.json(content_type=None), response.headers
            return response.status, await response.text(errors="replace"), response.headers


@asynccontextmanager
async def serving(
    folder: Path,
    requests_per_minute: int = 100_000,
    public_url: str = "",
    store_of: Callable[[], ObjectStore] | None = None,
    prices: PriceSettings | None = None,
) -> AsyncIterator[Api]:
    """The API with an administrator's key; `store_of` opens the store of recordings."""
    async with (
        opened(await _database(folder)) as store,
        # What a browser keeps, `Browser` keeps.
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        retrievers = Retrievers(lambda: None)
        tokens = Tokens(await store.keys.signing_secret(), 900)
        api = Api("", store, session, tokens, folder / "keys" / "secret.key")
        api.key = (await store.keys.create("admin", "default")).text
        dependencies = Dependencies(
            keys=store.keys,
            entry=api.entry,
            tokens=tokens,
            personas=store.personas,
            conversations=store.conversations,
            counters=store.counters,
            do_not_call=store.do_not_call,
            idempotency=store.idempotency,
            live=api.live,
            prices=prices or PriceSettings(),
            recorded=RecordedCalls(folder / "journals", folder / "recordings", store_of),
            trials=api.trials,
            scenarios=retrievers,
            catalog=api.voices,
            telephone=api.telephone,
            defaults=Defaults(llm="scripted, best", voice="scripted"),
            keys_set={"GROQ_API_KEY"},
            dialer=api.dialer,
            voices=api.voices,
            requests_per_minute=requests_per_minute,
            public_url=public_url,
        )
        root = web.Application(client_max_size=1024)
        root.add_subapp("/api", application(dependencies))
        runner = web.AppRunner(root, access_log=None, max_line_size=1 << 20)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield api
        finally:
            await runner.cleanup()
            retrievers.close()


_empty: list[bytes] = []
"""A database with its tables: to make them takes longer than most tests."""


async def _database(folder: Path) -> str:
    file = folder / "api.db"
    url = f"sqlite:///{file}"
    if _empty:
        file.write_bytes(_empty[0])
    else:
        async with opened(url):
            pass
        _empty.append(file.read_bytes())
    return url
