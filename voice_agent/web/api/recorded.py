"""Recorded calls: their turns, their journals, how they sound, and what might have been."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import msgspec
from aiohttp import web
from pydantic import BaseModel

from voice_pipelines.conversation.journal import Journal

from ...calls import views
from ...calls.recorded import (
    NotRecorded,
    Part,
    Sound,
    TooLarge,
    changed_policy,
    what_if,
)
from ...calls.records import Conversation
from ...telemetry.cost import estimate
from ...telemetry.figures import figures
from ...telemetry.whatif import SLIDERS, Change
from .call import Call
from .documents import ById
from .ports import Dependencies
from .problem import ApiProblem
from .recorded_documents import (
    ChangeOut,
    ChannelsOut,
    CostOut,
    JournalQuery,
    PartOut,
    PolicyOut,
    SliderOut,
    StateAt,
    StatesOut,
    TurnOut,
    TurnsOut,
    WaveformOut,
    WaveformQuery,
    WhatIfIn,
    WhatIfOut,
)
from .table import JSON, Route

_route = partial(Route, tag="Recorded calls")
_LINES = "application/x-ndjson"


class RecordedResource:
    """Handlers and their routes. What is large is made and written down in a thread."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._of = dependencies.conversations
        self._recorded = dependencies.recorded
        self._prices = dependencies.prices

    def routes(self) -> list[Route]:
        one = "/conversations/{id}"
        return [
            _route("GET", f"{one}/turns", self.list_turns, TurnsOut, problems=(413,)),
            _route("GET", f"{one}/states", self.list_states, StatesOut, problems=(413,)),
            _route("POST", f"{one}/what-if", self.ask_what_if, WhatIfOut),
            _route("GET", f"{one}/waveform", self.get_waveform, WaveformOut, problems=(413,)),
            _route("GET", f"{one}/journal", self.get_journal, str, text_types=(_LINES,)),
            _route(
                "GET", f"{one}/audio", self.get_audio, str, text_types=("audio/wav", "audio/ogg")
            ),
        ]

    async def list_turns(self, call: Call, path: ById, query: JournalQuery) -> web.Response:
        """List the turns of a call with their stages, and what it cost.

        A conversation that was resumed has several parts; `parts` lists them.
        """
        part, parts = await self._part(call, path.id, query.part)

        def turns(journal: Journal) -> TurnsOut:
            measured = figures(journal)
            cost = estimate(measured.usage, self._prices)
            return TurnsOut(
                cost=None if cost is None else CostOut.of(cost),
                items=[TurnOut.of(views.turn(turn)) for turn in measured.turns],
                durationMs=measured.duration_ms,
                part=part.number,
                parts=[
                    PartOut(part=each.number, call=each.call, startedAt=each.started)
                    for each in parts
                ],
            )

        return await self._made(part, turns)

    async def list_states(self, call: Call, path: ById, query: JournalQuery) -> web.Response:
        """List the states of a conversation during a call, one for each change."""
        part, _ = await self._part(call, path.id, query.part)

        def states(journal: Journal) -> StatesOut:
            return StatesOut(items=[StateAt(at=at, state=state) for at, state in journal.states()])

        return await self._made(part, states)

    async def ask_what_if(
        self, call: Call, path: ById, query: JournalQuery, body: WhatIfIn
    ) -> web.Response:
        """Replay a call under another turn-taking policy, and compare.

        Exact up to the first difference, an estimate after it. With an empty body it tells the
        recorded policy.
        """
        part, _ = await self._part(call, path.id, query.part)
        changes = body.model_dump(exclude_none=True)

        def replayed(journal: Journal) -> WhatIfOut:
            recorded = journal.header.policy
            found = what_if(journal, changed_policy(recorded, changes))
            return WhatIfOut(
                turns=[_change(each) for each in found],
                policy=PolicyOut(
                    endpointing=msgspec.to_builtins(recorded.endpointing),
                    interruption=msgspec.to_builtins(recorded.interruption),
                ),
                sliders=[SliderOut(**asdict(each)) for each in SLIDERS],
            )

        return await self._made(part, replayed)

    async def get_waveform(self, call: Call, path: ById, query: WaveformQuery) -> WaveformOut:
        """Draw a recording: the largest swing of each of so many stretches.

        404 where there is none, or none that can be read here; 413 if that takes too long.
        """
        sound = await self._sound(call, path.id, query.part)
        try:
            drawn = await self._recorded.outline(sound, query.buckets)
        except NotRecorded as error:
            raise ApiProblem(404, str(error)) from error
        except TooLarge as error:
            raise ApiProblem(413, str(error)) from error
        channels = ChannelsOut(caller=drawn.caller, agent=drawn.agent)
        return WaveformOut(durationMs=drawn.duration_ms, channels=channels)

    async def get_journal(self, call: Call, path: ById, query: JournalQuery) -> web.StreamResponse:
        """Download the journal of a call, to be replayed, or kept as a test."""
        part, _ = await self._part(call, path.id, query.part)
        return web.FileResponse(
            part.journal,
            headers={
                "Content-Type": _LINES,
                "Content-Disposition": f'attachment; filename="{part.journal.name}"',
            },
        )

    async def get_audio(self, call: Call, path: ById, query: JournalQuery) -> web.StreamResponse:
        """Listen to a recording, or to a range of its bytes: the caller left, the agent right."""
        sound = await self._sound(call, path.id, query.part)
        if sound.path is not None:
            return web.FileResponse(sound.path, headers={"Content-Type": sound.content_type})
        return self._from_store(call.request, sound)

    def _from_store(self, request: web.Request, sound: Sound) -> web.Response:
        headers = {"Content-Type": sound.content_type, "Accept-Ranges": "bytes"}
        try:
            asked = request.http_range
            begin, end, _ = asked.indices(sound.size)
        except ValueError:
            begin, end, asked = 0, 0, slice(0)
        whole = asked.start is None and asked.stop is None
        if not whole and begin >= end:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{sound.size}"})
        if not whole:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{sound.size}"
        headers["Content-Length"] = str(end - begin)
        return web.Response(
            status=200 if whole else 206,
            headers=headers,
            body=self._recorded.pieces(sound, begin, end),
        )

    async def _made(self, part: Part, make: Callable[[Journal], BaseModel]) -> web.Response:
        try:
            body = await self._recorded.read(part, lambda journal: _written(make(journal)))
        except NotRecorded as error:
            raise ApiProblem(404, str(error)) from error
        except TooLarge as error:
            raise ApiProblem(413, str(error)) from error
        return web.Response(body=body, content_type=JSON)

    async def _part(self, call: Call, id: str, number: int) -> tuple[Part, list[Part]]:
        conversation = await self._known(call, id)
        try:
            return await self._recorded.part(conversation, number)
        except NotRecorded as error:
            raise ApiProblem(404, str(error)) from error

    async def _sound(self, call: Call, id: str, number: int) -> Sound:
        conversation = await self._known(call, id)
        try:
            return await self._recorded.sound(conversation, number)
        except NotRecorded as error:
            raise ApiProblem(404, str(error)) from error

    async def _known(self, call: Call, id: str) -> Conversation:
        if (found := await self._of(call.workspace).get(id)) is None:
            raise ApiProblem(404, f"There is no conversation {id}.")
        return found


def _written(document: BaseModel) -> bytes:
    return document.model_dump_json().encode()


def _change(change: Change) -> ChangeOut:
    row = change.as_row()
    return ChangeOut(
        turn=row["turn"],
        recordedMs=row["recorded_ms"],
        replayedMs=row["replayed_ms"],
        earlierMs=row["earlier_ms"],
        cutOff=row["cut_off"],
        text=row["text"],
    )
