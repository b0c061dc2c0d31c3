"""Voice activity by Silero v6 at 8 kHz: one session for all legs, their windows in one batch.

A window costs about 200 us alone and 45 us in a batch of 32. So with many legs open the windows
wait for the metronome; with few, where the cost does not matter, each is scored as soon as it is
whole, which saves up to 20 ms.

The optional gate in front (webrtcvad) skips windows without any sound like speech. Skipped windows
score 0 and leave the model's state as it is: zeroing it costs false starts. The gate saves a sixth
of the work where people talk all the time, half of it on quiet lines.
"""

from pathlib import Path

import numpy as np
from webrtcvad import Vad  # type: ignore[import-untyped]  # it ships no types

from voice_codecs.pcm import PCM16_8K
from voice_pipelines.ports import ScoreSink, VoiceStream

from .sessions import Array, Session, open_session

_WINDOW = 256
_CONTEXT = 32
"""Samples of the window before that the model wants to see again."""
_WINDOW_BYTES = 2 * _WINDOW
_INPUT_BYTES = 2 * (_CONTEXT + _WINDOW)
_STATE = 128
_BATCH = 32
"""One run takes 1.4 ms; larger ones hold up the event loop and gain nothing."""
_FEW = 5
"""Up to this many legs are scored at once."""

_GATE_MODE = 2
_GATE_FRAME = PCM16_8K.bytes_for(20)
_GATE_HOLD = 1600
"""Samples for which a frame like speech keeps the gate open: 200 ms."""


class SileroVad:
    """`VoiceActivityDetector` for all legs of the process. Runs on the event loop."""

    def __init__(self, path: Path, *, gated: bool = False) -> None:
        """Load the model and warm it up. Raises ProviderRefused."""
        self._session: Session = open_session(path)
        self._rate = np.array(PCM16_8K.rate, np.int64)
        self._input = np.zeros((_BATCH, _CONTEXT + _WINDOW), np.float32)
        self._gated = gated
        self._streams: dict[_Stream, None] = {}
        self._states: Array = np.zeros((2, _BATCH, _STATE), np.float32)
        """The state of every leg, by its slot."""
        self._free = list(range(_BATCH))
        for size in (1, _BATCH):  # the first run of a size allocates
            self._run(size, np.zeros((2, size, _STATE), np.float32))

    def open(self, report: ScoreSink) -> VoiceStream:
        """Listen to one more leg; `report` is called from `feed` or from `tick`."""
        if not self._free:
            have = self._states.shape[1]
            self._states = np.concatenate([self._states, np.zeros_like(self._states)], axis=1)
            self._free = list(range(have, 2 * have))
        slot = self._free.pop()
        self._states[:, slot] = 0
        stream = _Stream(self, report, _Gate() if self._gated else None, slot)
        self._streams[stream] = None
        return stream

    def tick(self) -> None:
        """Score every whole window of every leg."""
        while due := [stream for stream in self._streams if stream.due]:
            self._score(due)

    def fed(self, stream: "_Stream") -> None:
        """Score `stream` at once if few are open."""
        if len(self._streams) <= _FEW:
            while stream.due:
                self._score([stream])

    def forget(self, stream: "_Stream") -> None:
        """Stop listening to `stream`."""
        if stream in self._streams:
            del self._streams[stream]
            self._free.append(stream.slot)

    def _score(self, streams: "list[_Stream]") -> None:
        """Score one window of each. A sink may close any of them."""
        heard = [stream for stream in streams if stream.hears] if self._gated else streams
        scores = [
            score
            for at in range(0, len(heard), _BATCH)
            for score in self._batch(heard[at : at + _BATCH])
        ]
        if heard is not streams:
            of = dict(zip(heard, scores, strict=True))
            scores = [of.get(stream, 0.0) for stream in streams]
        for stream, score in zip(streams, scores, strict=True):
            stream.advance(score)

    def _batch(self, streams: "list[_Stream]") -> list[float]:
        for row, stream in zip(self._input, streams, strict=False):
            stream.load(row)
        slots = [stream.slot for stream in streams]
        scores, after = self._run(len(streams), self._states[:, slots])
        self._states[:, slots] = after
        result: list[float] = scores[:, 0].tolist()
        return result

    def _run(self, size: int, states: Array) -> tuple[Array, Array]:
        """(scores, states after) of the first `size` windows loaded."""
        scores, after = self._session.run(
            None, {"input": self._input[:size], "state": states, "sr": self._rate}
        )
        return scores, after


class _Stream:
    """One leg: audio that is not scored yet, behind the context that the model wants."""

    __slots__ = ("_closed", "_detector", "_end", "_gate", "_pcm", "_report", "slot")

    def __init__(
        self, detector: SileroVad, report: ScoreSink, gate: "_Gate | None", slot: int
    ) -> None:
        self._detector = detector
        self._report = report
        self._gate = gate
        self._closed = False
        self._pcm = bytearray(_INPUT_BYTES - _WINDOW_BYTES)
        self._end = _WINDOW
        """Number of the sample after the next window's last."""
        self.slot = slot
        """Where the detector keeps the state of this leg."""

    def feed(self, pcm: bytes) -> None:
        self._pcm += pcm
        if self._gate is not None:
            self._gate.feed(pcm)
        self._detector.fed(self)

    def close(self) -> None:
        self._detector.forget(self)
        self._closed = True
        self._pcm.clear()

    @property
    def due(self) -> bool:
        """Whether a whole window waits."""
        return len(self._pcm) >= _INPUT_BYTES

    @property
    def hears(self) -> bool:
        """Whether the window that waits may hold speech."""
        return self._gate is None or self._gate.open_at(self._end)

    def load(self, row: Array) -> None:
        """Write the window that waits, with its context, into `row`."""
        samples = np.frombuffer(self._pcm, "<i2", count=_CONTEXT + _WINDOW)
        np.multiply(samples, np.float32(1 / 32768), out=row)

    def advance(self, score: float) -> None:
        """Report the window that waits, and take the next."""
        del self._pcm[:_WINDOW_BYTES]
        end = self._end
        self._end += _WINDOW
        if not self._closed:
            self._report(score, end)


class _Gate:
    """A cheap detector that errs on the side of hearing something."""

    def __init__(self) -> None:
        self._vad = Vad(_GATE_MODE)
        self._pcm = b""
        self._end = 0
        self._last_voiced = -_GATE_HOLD - 1

    def feed(self, pcm: bytes) -> None:
        self._pcm += pcm
        while len(self._pcm) >= _GATE_FRAME:
            frame, self._pcm = self._pcm[:_GATE_FRAME], self._pcm[_GATE_FRAME:]
            self._end += _GATE_FRAME // 2
            if self._vad.is_speech(frame, PCM16_8K.rate):
                self._last_voiced = self._end

    def open_at(self, end: int) -> bool:
        """Whether a frame in the 200 ms before sample `end` (or after it) was voiced."""
        return self._last_voiced > end - _GATE_HOLD
