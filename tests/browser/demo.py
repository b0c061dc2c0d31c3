"""A server at which there is something to see: a persona that acts, and calls a webhook."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.sync_api import Page, expect

from voice_agent.personas.persona import Persona
from voice_pipelines.ports import ToolCall

from .place import Loop, Place, place

NAME, PASSWORD = "anna", "correct horse battery"
PROMPT = """\
You are Anna, the host of the restaurant Bella Roma.
Your job is to answer questions about it and to take bookings.
To do that, use what you know below, and say so when you do not know something.

Opening hours: Tuesday to Saturday, five in the evening until eleven at night.
Prices: the lasagna is sixteen dollars, the pizza Margherita is twelve dollars.

It is {{currentDatetime}}. The guest's name is {{details.name}}.
{{#each scenarios}}{{/each}}
{{actionsSchema}}

Answer in one or two short sentences: you are on the telephone.
"""
GREETING = "Hello, this is Anna at Bella Roma. How can I help you?"
SCENARIOS = [
    {
        "context": "If you talk about prices",
        "userSays": ["How much is the lasagna?", "Is it expensive?"],
        "responseGuidelines": "Say that the lasagna is sixteen dollars.",
    },
    {
        "context": "If somebody wants to bring a dog",
        "userSays": ["Can I bring my dog?"],
        "responseGuidelines": "Dogs are welcome on the terrace.",
    },
]


def _schema(hook: str) -> dict[str, Any]:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "note_party": {
                "_action_type": "update_state",
                "_description": "When the guest has said how many they are, and when they come.",
                "_examples": [],
                "type": "object",
                "properties": {"guests": {"type": "integer"}, "day": {"type": "string"}},
            },
            "book_table": {
                "_action_type": "webhook",
                "_description": "When the day and the number of guests are known.",
                "_examples": [],
                "_depends_on": ["state.guests"],
                "_webhook_constants": {"url": hook, "body": {"restaurant": "bella-roma"}},
                "type": "object",
                "properties": {"guests": {"type": "integer"}, "day": {"type": "string"}},
            },
        },
    }


PARTY = json.dumps({"guests": 4, "day": "Friday"})
ANSWERS = (
    "No, on Sunday we are closed. We are open from Tuesday to Saturday, from five in the evening.",
    ("With pleasure, I take that down. ", ToolCall("note_party", PARTY)),
    ("One moment, please. ", ToolCall("book_table", PARTY)),
    "Your table for four is booked for Friday at seven. Is there anything else?",
)
SAID = ("Are you open on Sunday?", "A table for four on Friday, please.", "Yes, book it.")


@dataclass
class Demo:
    place: Place
    persona: str
    """The id of the published one, Bella Roma."""

    @property
    def url(self) -> str:
        return self.place.url

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Ask the API as an administrator."""
        return asked(self.place, method, path, body)


def asked(anna: Place, method: str, path: str, body: object = None) -> Any:
    """The API's answer to an administrator's key."""
    request = urllib.request.Request(
        anna.url + path,
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {anna.admin}"},
        method=method,
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@contextmanager
def demo(folder: Path, overrides: tuple[str, ...] = ()) -> Iterator[Demo]:
    """A server with a persona in its database that books tables."""
    hooks = Loop()
    application = web.Application()

    async def book(request: web.Request) -> web.Response:
        asked = await request.json()
        return web.json_response({"booking": "BR-2207", "table": 12, "guests": asked["guests"]})

    application.router.add_post("/book", book)
    runner = web.AppRunner(application)

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    try:
        port = hooks.run(start())
        own = Persona(name="House", prompt="Be brief.", initial_message="Good day.")
        allowed = f'actions.allow=["127.0.0.1:{port}"]'
        with place(folder, own, (allowed, *overrides)) as running:
            running.hears(*SAID)
            running.answers(*ANSWERS)
            made = asked(
                running,
                "POST",
                "/api/personas",
                {
                    "name": "Bella Roma",
                    "prompt": PROMPT,
                    "initial_message": GREETING,
                    "timezone": "Europe/Rome",
                    "scenarios": SCENARIOS,
                    "actions_schema": _schema(f"http://127.0.0.1:{port}/book"),
                },
            )
            asked(running, "POST", f"/api/personas/{made['id']}/publish")
            yield Demo(running, made["id"])
    finally:
        hooks.run(runner.cleanup())
        hooks.close()


def sign_up(page: Page, anna: Place) -> None:
    """Open the first start's link and choose a name and a password; ends on the front page."""
    page.goto(f"{anna.url}/console/#link={anna.link}")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Name").fill(NAME)
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def invited(page: Page) -> None:
    """Who is signed in invites somebody, who opens the link; ends where a name is asked for."""
    link = page.evaluate(
        "fetch('/api/invitations', {method: 'POST'}).then(async (told) => (await told.json()).link)"
    )
    here = page.evaluate("location.origin")
    page.context.clear_cookies()
    page.goto("about:blank")
    page.goto(f"{here}/console/#{link.partition('#')[2]}")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Make it yours")).to_be_visible()


def sign_in(page: Page, anna: Place, path: str = "/playground") -> None:
    """Sign in with the name and the password that `sign_up` has chosen."""
    page.goto(f"{anna.url}/console/signin?to={path}")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
