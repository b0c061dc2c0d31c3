"""Recordings of calls: two channels, written while the call runs.

The frame path only appends to a `Tape`. Twice a second what is old enough to be certain goes to a
file, in a thread. Never more than `Tape` holds is in memory: a disk that cannot keep up, or is
full, costs the recording and never the call. Whenever the process dies, the file can be played up
to its last two or three seconds.
"""

import asyncio
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import structlog

from voice_codecs.pcm import AudioFormat
from voice_codecs.tape import Tape
from voice_pipelines.ports import Clock, Leg

_EVERY_S = 0.5
_SETTLED_MS = 1000
"""Audio is certain when it is so old: the agent's cannot be cleared any more, and what the network
held back of the caller's has come."""
_SAFE = re.compile(r"[^A-Za-z0-9_-]")
RecordingFormat = Literal["wav", "opus"]

log = structlog.get_logger()


class Sink(Protocol):
    """Where a recording goes. Its methods may block, and are not called on the event loop."""

    def write(self, pcm: bytes) -> None:
        """Append stereo PCM16. Raises OSError or ValueError."""

    def close(self) -> None: ...


class Recording:
    """The recording of one leg of a call: the far end on the left, we on the right."""

    def __init__(
        self,
        directory: Path,
        call_id: str,
        audio_format: AudioFormat,
        clock: Clock,
        kind: RecordingFormat = "wav",
    ) -> None:
        """`clock` counts from the start of the call; nothing is opened before there is audio."""
        self._directory = directory
        self._call_id = call_id
        self._format = audio_format
        self._clock = clock
        self._kind: RecordingFormat = kind
        self._tape = Tape(audio_format)
        self._sink: Sink | None = None
        self._broken = False
        self.path: Path | None = None
        """The file, once there is one."""

    # The frame path ------------------------------------------------------------------------------

    def heard(self, audio: bytes) -> None:
        """The far end said this, just now, in the leg's format."""
        if not self._broken:
            self._tape.heard(audio, self._at())

    def said(self, audio: bytes) -> None:
        """This was sent to the far end."""
        if not self._broken:
            self._tape.said(audio, self._at())

    def cleared(self) -> None:
        """What the far end has not played is not going to be."""
        self._tape.cleared(self._at())

    def leg(self, leg: Leg) -> Leg:
        """`leg`, with everything that is sent to it recorded."""
        return _RecordedLeg(leg, self)

    # Steering ------------------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        return self._tape.muted

    def pause(self) -> None:
        """Record silence from now on: something sensitive is being said."""
        self._tape.mute(self._at())

    def resume(self) -> None:
        self._tape.unmute()

    # Writing -------------------------------------------------------------------------------------

    async def keep_writing(self) -> None:
        """Write until cancelled, then write the rest."""
        try:
            while not self._broken:
                await asyncio.sleep(_EVERY_S)
                await self._write(self._at() - _SETTLED_MS * self._format.rate // 1000)
        finally:
            await self._finish()

    async def _write(self, until: int) -> None:
        if self._tape.overrun and not self._broken:
            self._break("the disk does not keep up")
        left, right = self._tape.take(until)
        if left and not self._broken:
            # Shielded: a thread cannot be cancelled, and no second one may write beside it.
            await _to_the_end(lambda: self._append(left, right))

    async def _finish(self) -> None:
        await self._write(min(self._tape.end, self._at()))
        if self._sink is not None:
            await _to_the_end(self._close)

    def _append(self, left: bytes, right: bytes) -> None:
        from voice_codecs import wav  # Imports numpy, which a server that records nothing saves.
        from voice_codecs.g711 import decode

        encoding = self._format.encoding
        pcm = wav.stereo(decode(left, encoding), decode(right, encoding))
        try:
            if self._sink is None:
                self._sink = self._opened()
            self._sink.write(pcm)
        except (OSError, ValueError) as error:
            self._break(getattr(error, "strerror", None) or str(error))

    def _close(self) -> None:
        assert self._sink is not None
        try:
            self._sink.close()
        except OSError as error:
            self._break(error.strerror or "")

    def _opened(self) -> Sink:
        self._directory.mkdir(parents=True, exist_ok=True)
        suffix = "wav" if self._kind == "wav" else "ogg"
        for number in itertools.count(1):
            path = path_of(self._directory, self._call_id, suffix, number)
            try:
                path.open("xb").close()
            except FileExistsError:
                continue  # A further stream of the same call.
            self.path = path
            if self._kind == "opus":
                from .opus_file import OpusFile

                return OpusFile(path, self._format.rate)
            from voice_codecs import wav

            return wav.Writer(path, self._format.rate, channels=2)
        raise AssertionError("there is always another number")

    def _break(self, problem: str) -> None:
        self._broken = True
        log.error("recording_stopped", problem=problem)

    def _at(self) -> int:
        return self._clock.now() * self._format.rate // 1000


class _RecordedLeg:
    """A leg that passes on what it is sent, and has it recorded."""

    def __init__(self, leg: Leg, recording: Recording) -> None:
        self._leg = leg
        self._recording = recording

    @property
    def format(self) -> AudioFormat:
        return self._leg.format

    def send(self, audio: bytes) -> None:
        self._recording.said(audio)
        self._leg.send(audio)

    def mark(self, name: str) -> None:
        self._leg.mark(name)

    def clear(self) -> None:
        self._recording.cleared()
        self._leg.clear()

    async def hang_up(self) -> None:
        await self._leg.hang_up()


async def _to_the_end(work: Callable[[], None]) -> None:
    """Run `work` in a thread and wait for its end, also if that wait is cancelled."""
    done = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        await asyncio.shield(done)
    except asyncio.CancelledError:
        await done
        raise


def path_of(directory: Path, call_id: str, suffix: str, number: int = 1) -> Path:
    """Where a recording lies; `number` counts the streams of a call.

    What is not safe in a file name becomes ``_``.
    """
    name = _SAFE.sub("_", call_id)[:100] or "_"
    return directory / (f"{name}.{suffix}" if number == 1 else f"{name}.{number}.{suffix}")
