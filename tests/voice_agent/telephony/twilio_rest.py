"""A carrier's REST API on loopback: it checks requests, plays the states of calls, calls back.

Requests are held against an excerpt of Twilio's OpenAPI contract (twilio/twilio-oai), as far as the
agent's operations go: required parameters, E.164 numbers, enumerations, `Url` or `Twiml`, basic
authentication. What becomes of a call is looked up by the number that is called (`Callee`).
Webhooks are posted signed, to `reach` in place of the public origin that they are signed for.
"""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import MultiDict

from voice_agent.telephony.rest import Account
from voice_agent.telephony.signature import HEADER, sign_form

ACCOUNT = Account("AC" + "0" * 32, "the auth token of the tests")

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_CALL_FIELDS = {
    "To", "From", "Url", "Twiml", "ApplicationSid", "StatusCallback", "StatusCallbackEvent",
    "StatusCallbackMethod", "Timeout", "TimeLimit", "SendDigits", "Record", "MachineDetection",
    "MachineDetectionTimeout", "AsyncAmd", "AsyncAmdStatusCallback", "AsyncAmdStatusCallbackMethod",
}  # fmt: skip
_UPDATE_FIELDS = {"Url", "Method", "Status", "Twiml", "StatusCallback", "TimeLimit"}
_MESSAGE_FIELDS = {"To", "From", "MessagingServiceSid", "Body", "StatusCallback"}
_NUMBER_FIELDS = {"VoiceUrl", "VoiceMethod", "VoiceApplicationSid", "StatusCallback"}

Ending = Literal["completed", "busy", "no-answer", "failed", "canceled"]


@dataclass(frozen=True)
class Callee:
    """What happens when a number is called or texted."""

    ends: Ending = "completed"
    """How it ends; ``completed`` is one that was answered."""
    answered_by: str = "human"
    """What answering-machine detection says."""
    error: tuple[int, int] | None = None
    """(HTTP status, code) with which the request itself is refused."""
    accepts: bool = True
    """Whether the screening question of a transfer is answered with 1."""
    talks_s: int = 42
    """How long a call that was transferred lasts."""


@dataclass
class Call:
    """A call that the API knows."""

    sid: str
    to: str
    from_: str
    form: Mapping[str, str]
    status: str = "queued"
    duration: int = 0
    twiml: list[str] = field(default_factory=list)
    """All that it was told to do, in order."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def verbs(self) -> list[str]:
        """The verbs of its last TwiML."""
        return [node.tag for node in ElementTree.fromstring(self.twiml[-1])]


@dataclass
class Stream:
    """A media stream that some TwiML asks for."""

    url: str
    parameters: dict[str, str]


OnStream = Callable[[Call, Stream], Awaitable[None]]


class _Wrong(Exception):
    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class TwilioRest:
    """The state of the API, for tests to set and to look at."""

    def __init__(self, group: asyncio.TaskGroup, public_url: str, account: Account) -> None:
        self._group = group
        self._changed = asyncio.Event()
        self._playing: set[asyncio.Task[None]] = set()
        self._public_url = public_url
        self._account = account
        self.url = ""
        """The origin of the API."""
        self.reach = ""
        """Where webhooks to the public origin really go; without it none are sent."""
        self.callees: dict[str, Callee] = {}
        self.calls: dict[str, Call] = {}
        self.messages: list[dict[str, str]] = []
        self.numbers: dict[str, dict[str, str]] = {}
        """The account's numbers with their settings, by number."""
        self.requests: list[tuple[str, str]] = []
        """(method, path) of all requests."""
        self.refusals: list[tuple[int, int, dict[str, str]]] = []
        """(status, code, headers) for the next requests, whatever they are."""
        self.webhooks: list[tuple[str, dict[str, str], int]] = []
        """(URL, form, status of the answer) of the webhooks that were sent."""
        self.on_stream: OnStream | None = None
        """Called when a call is connected to a media stream; it lasts until this returns."""
        self.account_status = "active"

    def own(self, number: str, **settings: str) -> None:
        """Give the account a number."""
        digest = hashlib.md5(number.encode(), usedforsecurity=False).hexdigest()
        self.numbers[number] = {
            "sid": f"PN{digest}",
            "phone_number": number,
            "voice_url": "",
            "voice_method": "POST",
            "voice_application_sid": "",
            "status_callback": "",
        } | settings

    def receive(self, to: str, from_: str) -> Call:
        """Someone calls one of the account's numbers; nothing is played by itself."""
        call = self._new_call({"To": to, "From": from_})
        call.status = "in-progress"
        return call

    async def until(self, happened: Callable[[], bool]) -> None:
        """Return when something has happened; it is looked at after all that the carrier does."""
        while not happened():
            await self._changed.wait()

    def _note(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def stop(self) -> None:
        """Play nothing any more."""
        for task in self._playing:
            task.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(work)
        self._playing.add(task)
        task.add_done_callback(self._playing.discard)

    # Requests ------------------------------------------------------------------------------------

    def application(self) -> web.Application:
        base = "/2010-04-01/Accounts/{account}"
        application = web.Application()
        application.add_routes(
            [
                web.get(f"{base}.json", self._checked(self._get_account)),
                web.post(f"{base}/Calls.json", self._checked(self._create_call)),
                web.get(f"{base}/Calls/{{sid}}.json", self._checked(self._get_call)),
                web.post(f"{base}/Calls/{{sid}}.json", self._checked(self._update_call)),
                web.post(f"{base}/Messages.json", self._checked(self._create_message)),
                web.get(f"{base}/IncomingPhoneNumbers.json", self._checked(self._list_numbers)),
                web.post(
                    f"{base}/IncomingPhoneNumbers/{{sid}}.json", self._checked(self._update_number)
                ),
            ]
        )
        return application

    def _checked(
        self, handle: Callable[[web.Request, MultiDict[str]], tuple[int, dict[str, object]]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def checked(request: web.Request) -> web.Response:
            self.requests.append((request.method, request.path))
            headers: dict[str, str] = {}
            try:
                if self.refusals:
                    status, code, headers = self.refusals.pop(0)
                    raise _Wrong(status, code, "as the test wants it")
                self._check_account(request)
                form = MultiDict(parse_qsl(await request.text(), keep_blank_values=True))
                status, body = handle(request, form)
                return web.json_response(body, status=status)
            except _Wrong as wrong:
                info = f"https://www.twilio.com/docs/errors/{wrong.code}"
                problem = {"code": wrong.code, "message": str(wrong), "more_info": info}
                return web.json_response(
                    problem | {"status": wrong.status}, status=wrong.status, headers=headers
                )

        return checked

    def _check_account(self, request: web.Request) -> None:
        secret = f"{self._account.sid}:{self._account.auth_token}".encode()
        right = f"Basic {base64.b64encode(secret).decode()}"
        if request.headers.get("Authorization") != right:
            raise _Wrong(401, 20003, "Authenticate")
        if request.match_info["account"] != self._account.sid:
            raise _Wrong(404, 20404, "The requested resource was not found")

    def _get_account(self, _: web.Request, form: MultiDict[str]) -> tuple[int, dict[str, object]]:
        return 200, {"sid": self._account.sid, "status": self.account_status}

    def _create_call(self, _: web.Request, form: MultiDict[str]) -> tuple[int, dict[str, object]]:
        _only(form, _CALL_FIELDS)
        _number(form, "To", 21201, 21211)
        _number(form, "From", 21213, 21212)
        if form["From"] not in self.numbers:
            raise _Wrong(400, 21210, "The source phone number is not verified")
        if sum(key in form for key in ("Url", "Twiml", "ApplicationSid")) != 1:
            raise _Wrong(400, 21205, "Give Url, Twiml or ApplicationSid, and only one of them")
        if len(form.get("Twiml", "")) > 4000:
            raise _Wrong(400, 21218, "The TwiML is too long")
        _one_of(form, "Record", ("true", "false"))
        _one_of(form, "MachineDetection", ("Enable", "DetectMessageEnd"))
        _one_of(form, "AsyncAmd", ("true", "false"))
        for event in form.getall("StatusCallbackEvent", []):
            if event not in ("initiated", "ringing", "answered", "completed"):
                raise _Wrong(400, 21626, f"{event} is not an event")
        _whole(form, "Timeout", 1, 600)
        _whole(form, "TimeLimit", 1, 86_400)
        _whole(form, "MachineDetectionTimeout", 3, 59)
        callee = self._callee(form["To"])
        call = self._new_call(form)
        if "Twiml" in form:
            call.twiml.append(form["Twiml"])
        self._start(self._play(call, callee))
        return 201, self._call_body(call)

    def _get_call(self, request: web.Request, _: MultiDict[str]) -> tuple[int, dict[str, object]]:
        return 200, self._call_body(self._call(request))

    def _update_call(
        self, request: web.Request, form: MultiDict[str]
    ) -> tuple[int, dict[str, object]]:
        call = self._call(request)
        _only(form, _UPDATE_FIELDS)
        _one_of(form, "Status", ("canceled", "completed"))
        if sum(key in form for key in ("Url", "Twiml")) > 1:
            raise _Wrong(400, 21205, "Url and Twiml are mutually exclusive")
        if call.ended.is_set():
            raise _Wrong(400, 21220, "Call is not in-progress. Cannot redirect.")
        if "Twiml" in form:
            if call.status != "in-progress":
                raise _Wrong(400, 21220, "Call is not in-progress. Cannot redirect.")
            call.twiml.append(form["Twiml"])
            self._start(self._obey(call))
        if "Status" in form:
            self._end(call, "completed" if call.status == "in-progress" else "canceled")
        return 200, self._call_body(call)

    def _create_message(
        self, _: web.Request, form: MultiDict[str]
    ) -> tuple[int, dict[str, object]]:
        _only(form, _MESSAGE_FIELDS)
        _number(form, "To", 21604, 21211)
        if "From" not in form and "MessagingServiceSid" not in form:
            raise _Wrong(400, 21603, "A From number is required")
        if not 0 < len(form.get("Body", "")) <= 1600:
            raise _Wrong(400, 21602, "The body is missing or too long")
        self._callee(form["To"])
        self.messages.append(dict(form))
        return 201, {"sid": f"SM{len(self.messages):032x}", "status": "queued", **form}

    def _list_numbers(
        self, request: web.Request, _: MultiDict[str]
    ) -> tuple[int, dict[str, object]]:
        wanted = request.query.get("PhoneNumber", "")
        found = [self._number_body(n) for n in self.numbers if wanted in n]
        return 200, {"incoming_phone_numbers": found, "next_page_uri": None, "page": 0}

    def _update_number(
        self, request: web.Request, form: MultiDict[str]
    ) -> tuple[int, dict[str, object]]:
        _only(form, _NUMBER_FIELDS)
        _one_of(form, "VoiceMethod", ("GET", "POST"))
        for number, settings in self.numbers.items():
            if settings["sid"] == request.match_info["sid"]:
                for key in form:
                    settings[_snake(key)] = form[key]
                return 200, self._number_body(number)
        raise _Wrong(404, 20404, "The requested resource was not found")

    def _number_body(self, number: str) -> dict[str, object]:
        return {"capabilities": {"voice": True, "sms": True, "mms": False}, **self.numbers[number]}

    def _callee(self, number: str) -> Callee:
        callee = self.callees.get(number, Callee())
        if callee.error:
            status, code = callee.error
            raise _Wrong(status, code, f"{number} cannot be reached")
        return callee

    def _call(self, request: web.Request) -> Call:
        if (call := self.calls.get(request.match_info["sid"])) is None:
            raise _Wrong(404, 20404, "The requested resource was not found")
        return call

    def _new_call(self, form: Mapping[str, str]) -> Call:
        sid = f"CA{len(self.calls) + 1:032x}"
        call = self.calls[sid] = Call(sid, form["To"], form["From"], form)
        return call

    def _call_body(self, call: Call) -> dict[str, object]:
        duration = str(call.duration) if call.ended.is_set() else None
        return {
            "sid": call.sid,
            "status": call.status,
            "to": call.to,
            "from": call.from_,
            "duration": duration,
        }

    # Calls ---------------------------------------------------------------------------------------

    async def _play(self, call: Call, callee: Callee) -> None:
        await self._status(call, "initiated")
        await self._status(call, "ringing")
        if call.ended.is_set():
            return
        if callee.ends != "completed":
            self._end(call, callee.ends)
            return
        await self._status(call, "in-progress")
        if "MachineDetection" in call.form:
            self._start(self._detected(call, callee))
        if call.twiml:
            await self._obey(call)

    async def _detected(self, call: Call, callee: Callee) -> None:
        form = {"AnsweredBy": callee.answered_by, "MachineDetectionDuration": "3200"}
        await self.post(call.form["AsyncAmdStatusCallback"], call, form)

    async def _obey(self, call: Call) -> None:
        """Do what the last TwiML says, as far as it is of interest."""
        told = len(call.twiml)
        for verb in ElementTree.fromstring(call.twiml[-1]):
            stream = verb.find("Stream")
            if verb.tag == "Connect" and stream is not None:
                if self.on_stream is not None:
                    parameters = {p.get("name", ""): p.get("value", "") for p in stream}
                    await self.on_stream(call, Stream(stream.get("url", ""), parameters))
                else:
                    return  # It goes on until somebody hangs up.
            elif verb.tag == "Dial":
                await self._dial(call, verb)
                return
            elif verb.tag == "Hangup":
                if len(call.twiml) == told and not call.ended.is_set():
                    self._end(call, "completed")
                return

    async def _dial(self, call: Call, dial: ElementTree.Element) -> None:
        number = dial.find("Number")
        assert number is not None and E164.fullmatch(number.text or ""), "whom to dial?"
        callee = self.callees.get(number.text or "", Callee())
        status, seconds = str(callee.ends), 0
        child = self._new_call({"To": number.text or "", "From": dial.get("callerId", "")})
        if callee.ends == "completed":
            child.status = "in-progress"
            seconds = callee.talks_s
            if (screen := number.get("url")) is not None:
                text = await self.post(screen, child, {"ParentCallSid": call.sid})
                gather = ElementTree.fromstring(text).find("Gather")
                assert gather is not None, "a screening without a question"
                if callee.accepts:
                    await self.post(gather.get("action", ""), child, {"Digits": "1"})
                else:
                    seconds = 1
            if callback := number.get("amdStatusCallback"):
                await self.post(callback, child, {"AnsweredBy": callee.answered_by})
        child.ended.set()
        form = {"DialCallStatus": status, "DialCallSid": child.sid}
        form |= {"DialCallDuration": str(seconds)} if seconds else {}
        if action := dial.get("action"):
            call.twiml.append(await self.post(action, call, form))
            self._note()
            await self._obey(call)

    def _end(self, call: Call, status: str) -> None:
        call.duration = 61 if call.status == "in-progress" else 0
        call.status = status
        call.ended.set()
        self._start(self._status(call, status))

    async def _status(self, call: Call, status: str) -> None:
        if call.ended.is_set() and status != call.status:
            return
        call.status = status
        event = {"in-progress": "answered"}.get(status, status)
        wanted = call.form.getall("StatusCallbackEvent") if isinstance(call.form, MultiDict) else []
        if event not in ("initiated", "ringing", "answered"):
            event = "completed"
        if event in wanted:
            form = {"CallStatus": status, "Direction": "outbound-api"}
            if call.ended.is_set():
                form["CallDuration"] = str(call.duration)
            await self.post(call.form["StatusCallback"], call, form)

    async def post(self, url: str, call: Call, form: Mapping[str, str]) -> str:
        """Post a signed webhook; returns what it was answered."""
        if not self.reach:
            return "<Response/>"
        assert url.startswith(self._public_url), url
        full = {
            "CallSid": call.sid,
            "AccountSid": self._account.sid,
            "From": call.from_,
            "To": call.to,
            "ApiVersion": "2010-04-01",
        } | dict(form)
        headers = {HEADER: sign_form(url, full, self._account.auth_token)}
        target = url.replace(self._public_url, self.reach, 1)
        async with (
            aiohttp.ClientSession() as http,
            http.post(target, data=full, headers=headers) as response,
        ):
            text = await response.text()
            self.webhooks.append((url, full, response.status))
            self._note()
            return text


@asynccontextmanager
async def twilio_rest(
    public_url: str = "https://agent.example.com", account: Account = ACCOUNT
) -> AsyncIterator[TwilioRest]:
    """The API on a port of its own. What it still plays is cut off on leaving."""
    async with asyncio.TaskGroup() as group:
        rest = TwilioRest(group, public_url, account)
        server = TestServer(rest.application())
        await server.start_server()
        rest.url = str(server.make_url("")).rstrip("/")
        try:
            yield rest
        finally:
            rest.stop()
            await server.close()


def _only(form: MultiDict[str], known: set[str]) -> None:
    if unknown := set(form) - known:
        raise _Wrong(400, 20001, f"unknown parameters: {sorted(unknown)}")


def _number(form: MultiDict[str], key: str, missing: int, wrong: int) -> None:
    if not form.get(key):
        raise _Wrong(400, missing, f"{key} is required")
    if not E164.fullmatch(form[key]):
        raise _Wrong(400, wrong, f"{key} is not a valid phone number")


def _one_of(form: MultiDict[str], key: str, allowed: tuple[str, ...]) -> None:
    if key in form and form[key] not in allowed:
        raise _Wrong(400, 20001, f"{key} must be one of {allowed}")


def _whole(form: MultiDict[str], key: str, least: int, most: int) -> None:
    if key in form and not (form[key].isdigit() and least <= int(form[key]) <= most):
        raise _Wrong(400, 20001, f"{key} must be {least} to {most}")


def _snake(key: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", key).lower()
