"""What an action costs beyond what it does: reading, checking, guarding and recording it.

The webhook is a server on the loopback, in this process, that answers at once, so its
row is the whole way there and back; the others touch no network.
"""

import argparse
import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiohttp import web

from voice_agent.actions.action import Actions, Rate
from voice_agent.actions.addresses import AllowList
from voice_agent.actions.dispatch import Dispatcher, Guards
from voice_agent.actions.http import GuardedClient, Rules, Signer
from voice_agent.actions.schema import DRAFT_07, load
from voice_agent.actions.secrets import Secrets
from voice_agent.actions.state import State
from voice_agent.actions.webhook import Webhooks
from voice_pipelines.conversation.inline_actions import InlineActions

from .figures import Spread, spread
from .report import figure, say, say_json, table

_WARM_UP = 20
_BOOKING = {
    "firstName": "Ann",
    "company": "Acme",
    "datetime": "2024-05-01T09:30",
    "email_address": "ann@example.com",
}
_VALUES = {
    "type": "object",
    "required": list(_BOOKING),
    "_validators": {"email_address": "email", "datetime": "datetimeiso"},
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of one kind of action."""

    action: str
    us: Spread


class _NoCall:
    """Effects on a call that is not there."""

    def emitted(self, name: str, arguments: Mapping[str, object]) -> None: ...

    def state_changed(self, state: Mapping[str, object]) -> None: ...

    async def hang_up(self) -> str:
        return ""

    async def transfer(self, number: str) -> str:
        return ""

    async def send_sms(self, text: str) -> str:
        return ""

    async def press_keys(self, keys: Sequence[str]) -> str:
        return ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("bench.dispatch", description=__doc__)
    parser.add_argument("--times", type=int, default=1000, help="runs of each (default 1000)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    costs = [*asyncio.run(measured(options.times)), *_other(options.times)]
    if options.json:
        say_json(costs)
    else:
        rows = [
            (c.action, *(figure(us, 0) for us in (c.us.p50, c.us.p95, c.us.worst))) for c in costs
        ]
        say(table(("action", "p50 µs", "p95 µs", "worst µs"), rows))
    return 0


async def measured(times: int) -> list[Cost]:
    """Each kind of action `times` times, through the dispatcher."""
    app = web.Application()
    app.router.add_post("/", _answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    actions = load(_schema(f"http://127.0.0.1:{port}/"))
    try:
        async with GuardedClient(Rules(allow=AllowList([f"127.0.0.1:{port}"]))) as client:
            hooks = Webhooks(client, Secrets((), {}), Signer([b"secret"], lambda: 0))
            return [
                Cost(what, await _runs(actions, hooks, name, argument, times))
                for what, name, argument in (
                    ("client action, 4 values, 2 validators", "tell", _BOOKING),
                    ("update_state", "save", _BOOKING),
                    ("refused: wrong e-mail address", "tell", {**_BOOKING, "email_address": "x"}),
                    ("refused: dependency missing", "late", _BOOKING),
                    ("webhook on the loopback", "book", _BOOKING),
                )
            ]
    finally:
        await runner.cleanup()


async def _runs(
    actions: Actions, hooks: Webhooks, name: str, given: dict[str, str], times: int
) -> Spread:
    guards = Guards(rate=Rate(10**6, 1), most=10**6)
    dispatcher = Dispatcher(
        actions,
        State(),
        _NoCall(),
        hooks,
        now=lambda: time.monotonic_ns() // 1_000_000,
        guards=guards,
    )
    took = []
    for number in range(_WARM_UP + times):
        text = json.dumps({**given, "number": number})
        began = time.perf_counter_ns()
        await dispatcher.run(name, text, f"c:{number}")
        took.append((time.perf_counter_ns() - began) / 1000)
    return spread(took[_WARM_UP:])


def _now() -> int:
    return time.monotonic_ns() // 1_000_000


def _other(times: int) -> list[Cost]:
    """What is not the dispatcher's."""
    document = _schema("https://hooks.example.com/")
    answer = "One moment, let me save that for you. " + json.dumps({"save": _BOOKING})
    deltas = [answer[at : at + 4] for at in range(0, len(answer), 4)]

    def parse() -> None:
        parser = InlineActions(("save",))
        for delta in deltas:
            parser.push(delta)
        parser.flush()

    return [
        Cost("loading a schema of 5 actions", _timed(lambda: load(document), max(times // 10, 1))),
        Cost(f"inline action in {len(deltas)} deltas", _timed(parse, times)),
    ]


def _timed(work: Callable[[], object], times: int) -> Spread:
    took = []
    for _ in range(_WARM_UP + times):
        began = time.perf_counter_ns()
        work()
        took.append((time.perf_counter_ns() - began) / 1000)
    return spread(took[_WARM_UP:])


def _schema(url: str) -> dict[str, object]:
    described = {"_description": "When it is time.", "_examples": [], **_VALUES}
    return {
        "$schema": DRAFT_07,
        "type": "object",
        "properties": {
            "tell": described,
            "save": {**described, "_action_type": "update_state"},
            "late": {**described, "_depends_on": ["state.never"]},
            "book": {**described, "_action_type": "webhook", "_webhook_constants": {"url": url}},
            "hang_up_call": {"_description": "When the call is over.", "_examples": []},
        },
    }


async def _answer(request: web.Request) -> web.Response:
    await request.read()
    return web.json_response({"booked": True})


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    raise SystemExit(main())
