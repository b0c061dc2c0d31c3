"""The child process that speaks with Hibari: ``python -m`` this.

It keeps the agreement of `child`: configuration on the first line of stdin, a ready line on stdout,
and the end when stdin ends. Between these both pipes carry the frames that `hibari` defines.

Why a process: turning text into phonemes is Python and holds the interpreter for up to 60 ms, which
the process that paces audio every 20 ms would hear.
"""

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from voice_codecs.convert import Converter
from voice_codecs.pcm import AudioFormat, Encoding

from .hibari import Audio, Cancel, Config, Failed, Request, Result, Speak, frame

# The sound ---------------------------------------------------------------------------------------

Wave = NDArray[np.float32]

GAIN = 1.6
"""Hibari speaks at about -24 dBFS while voiced, with peaks at 0.4; callers are used to -20. It is
constant, so that the pieces of a reply do not jump in level."""
CEILING = 0.95
SILENCE = 0.003
"""Amplitude below which its leading and trailing silence stays, and its softest onsets do not."""
LEAD_MS = 20
"""Kept before the first sound. Hibari begins with 250 to 330 ms of silence, all of it latency."""
CLAUSE_PAUSE_MS = 90
SENTENCE_PAUSE_MS = 250
"""Kept after the last sound, of 370 to 480 ms."""
CHUNK_MS = 200
"""The most that one message holds, so that the first leaves while the rest is being converted."""


def trim(wave: Wave, rate: int, *, ends_sentence: bool) -> Wave:
    """`wave` without its silence, but for a breath before and a pause after; empty if silent."""
    sounding = np.flatnonzero(np.abs(wave) > SILENCE)
    if not len(sounding):
        return wave[:0]
    pause = SENTENCE_PAUSE_MS if ends_sentence else CLAUSE_PAUSE_MS
    start = max(0, int(sounding[0]) - LEAD_MS * rate // 1000)
    return wave[start : int(sounding[-1]) + pause * rate // 1000]


def pcm16(wave: Wave) -> bytes:
    """Floats in -1..1, amplified, as PCM16."""
    loud = np.clip(wave * GAIN, -CEILING, CEILING) * 32767
    samples: NDArray[np.int16] = loud.astype("<i2")
    return samples.tobytes()


class Speaker:
    """Hibari with its voice loaded and warm."""

    def __init__(self, config: Config) -> None:
        hibari: Any = import_module("hibari")  # it ships no types
        self._tts = hibari.Hibari(voice=config.voice, threads=1)  # a second thread makes it slower
        self._source = AudioFormat(Encoding.PCM16, hibari.SAMPLE_RATE)
        self._target = config.format
        for _ in self.speak("Good morning, how can I help you on the 3rd of May?"):
            pass

    def speak(self, text: str) -> Iterator[bytes]:
        """The speech of `text`, in order. The model makes a whole sentence at a time, no less."""
        if not any(letter.isalnum() for letter in text):
            return  # it would babble for a third of a second
        converter = Converter(self._source, self._target)
        step = self._source.bytes_for(CHUNK_MS)
        waves: Iterator[Wave] = self._tts.stream(text, seed=0)  # the same text sounds the same
        for wave in waves:
            ends_sentence = text.rstrip().endswith((".", "!", "?", "…"))
            pcm = pcm16(trim(wave, self._source.rate, ends_sentence=ends_sentence))
            for start in range(0, len(pcm), step):
                if audio := converter.push(pcm[start : start + step]):
                    yield audio
        if rest := converter.flush():
            yield rest


# The process -------------------------------------------------------------------------------------


class Desk:
    """Takes requests on one thread and hands them out to another, in order, less the cancelled."""

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[Speak] = queue.SimpleQueue()
        self._wanted: set[int] = set()  # single operations on a set are atomic

    def take(self, request: Request) -> None:
        match request:
            case Speak():
                self._wanted.add(request.id)
                self._requests.put(request)
            case Cancel():
                self._wanted.discard(request.id)

    def wants(self, number: int) -> bool:
        """Whether somebody waits for `number`."""
        return number in self._wanted

    def serve_next(self, speak: Callable[[str], Iterator[bytes]], send: "Send") -> None:
        """Wait for a request that is still wanted and answer it, as long as it is."""
        request = self._requests.get()
        if not self.wants(request.id):
            return
        held: bytes | None = None  # one chunk is held back to know which is the last
        try:
            for audio in speak(request.text):
                if held is not None:
                    send(Audio(request.id, held, last=False))
                if not self.wants(request.id):
                    return
                held = audio
            send(Audio(request.id, held or b"", last=True))
        except (
            Exception
        ) as error:  # whatever a text does to the library: this request's end, not ours
            send(Failed(request.id, type(error).__name__))
        finally:
            self._wanted.discard(request.id)


Send = Callable[[Result], None]


def read_requests(stdin: BinaryIO, desk: Desk) -> None:
    """Feed `desk` until stdin ends; then end the process."""
    decoder = msgspec.msgpack.Decoder(Request)
    while len(length := stdin.read(4)) == 4:
        desk.take(decoder.decode(stdin.read(int.from_bytes(length, "big"))))
    os._exit(0)


def main() -> None:
    config = msgspec.json.decode(sys.stdin.buffer.readline(), type=Config)
    desk = Desk()
    threading.Thread(target=read_requests, args=(sys.stdin.buffer, desk), daemon=True).start()
    speaker = Speaker(config)

    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not fall between the frames
    pipe.write(b"{}\n")
    pipe.flush()

    def send(result: Result) -> None:
        pipe.write(frame(result))
        pipe.flush()

    while True:
        desk.serve_next(speaker.speak, send)


if __name__ == "__main__":
    main()
