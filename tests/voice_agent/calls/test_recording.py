"""Recordings: what is in the file, also when the process is killed."""

import asyncio
import os
import signal
import sys
import wave
from array import array
from pathlib import Path
from typing import cast

import pytest

from tests.codecs.ogg_reading import pages
from tests.voice_agent.process import environment
from voice_agent.calls.opus_file import OpusFile
from voice_agent.calls.recording import Recording, path_of
from voice_agent.transports.memory import MemoryLeg
from voice_codecs.g711 import pcm_to_mulaw
from voice_codecs.pcm import MULAW_8K
from voice_codecs.wav import Writer, stereo
from voice_pipelines.conversation.events import Event
from voice_pipelines.engine.line import Line
from voice_pipelines.engine.listen import Listener
from voice_pipelines.engine.play import Player
from voice_pipelines.engine.reply import Spawn

LOUD, OTHER = pcm_to_mulaw(b"\0\x20" * 160), pcm_to_mulaw(b"\0\xe0" * 160)
HANG_S = 60


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.ms = 0

    def now(self) -> int:
        return self.ms


def channels(path: Path) -> tuple[list[int], list[int]]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        samples = array("h", file.readframes(file.getnframes()))
    return samples[0::2].tolist(), samples[1::2].tolist()


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def recorded(recording: Recording, clock: HandClock, seconds: float) -> None:
    """A call in which the far end talks all the time, and we in its second half."""
    leg = recording.leg(MemoryLeg(clock))
    for number in range(int(seconds * 50)):
        clock.ms += 20
        recording.heard(LOUD)
        if number >= seconds * 25:
            leg.send(OTHER)


async def finished(recording: Recording) -> None:
    """Write what there is and close, as at the end of a call."""
    writing = asyncio.get_running_loop().create_task(recording.keep_writing())
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing


async def test_the_caller_is_on_the_left_and_the_agent_on_the_right(tmp_path: Path) -> None:
    clock = HandClock()
    recording = Recording(tmp_path / "new", "CA1", MULAW_8K, clock)
    await recorded(recording, clock, 2)
    await finished(recording)
    assert recording.path == tmp_path / "new" / "CA1.wav"
    left, right = channels(recording.path)
    assert len(left) == len(right) == 16_000
    assert min(left) > 8000
    assert set(right[:8000]) == {0} and max(right[8200:]) < -8000


async def test_a_line_passes_on_what_it_hears() -> None:
    class Ears:
        def __init__(self) -> None:
            self.heard = b""

        def hear(self, audio: bytes) -> None:
            self.heard += audio

    ears = Ears()
    taped: list[bytes] = []
    told: list[Event] = []
    listener, player, spawn = cast(Listener, ears), cast(Player, None), cast(Spawn, None)
    line = Line("caller", listener, player, told.append, spawn)
    line.hear(LOUD)
    line.tap = taped.append
    line.hear(OTHER)
    assert (ears.heard, taped) == (LOUD + OTHER, [OTHER])


async def test_what_was_cleared_was_not_said(tmp_path: Path) -> None:
    clock = HandClock()
    recording = Recording(tmp_path, "CA1", MULAW_8K, clock)
    leg = recording.leg(MemoryLeg(clock))
    leg.send(OTHER * 50)
    leg.mark("m")
    clock.ms = 500
    leg.clear()
    clock.ms = 1000
    recording.heard(LOUD)
    await finished(recording)
    assert recording.path is not None
    _, right = channels(recording.path)
    assert max(right[:4000]) < -8000 and set(right[4000:]) == {0}


async def test_pausing_leaves_silence_of_the_same_length(tmp_path: Path) -> None:
    clock = HandClock()
    recording = Recording(tmp_path, "CA1", MULAW_8K, clock)
    leg = recording.leg(MemoryLeg(clock))
    for number in range(150):
        clock.ms += 20
        if number == 50:
            recording.pause()
        if number == 100:
            recording.resume()
        recording.heard(LOUD)
        leg.send(OTHER)
    assert not recording.paused
    await finished(recording)
    assert recording.path is not None
    left, right = channels(recording.path)
    for channel, loud in ((left, 8000), (right, -8000)):
        assert len(channel) == 24_000
        assert set(channel[8300:15_700]) == {0}
        assert all(abs(s) > abs(loud) for s in (channel[7000], channel[17_000]))


async def test_a_call_without_audio_leaves_no_file(tmp_path: Path) -> None:
    recording = Recording(tmp_path, "CA1", MULAW_8K, HandClock())
    await finished(recording)
    assert recording.path is None and files(tmp_path) == []


async def test_two_streams_of_a_call_are_two_files(tmp_path: Path) -> None:
    paths = []
    for _ in range(2):
        clock = HandClock()
        recording = Recording(tmp_path, "CA/../1", MULAW_8K, clock)
        await recorded(recording, clock, 0.2)
        await finished(recording)
        paths.append(recording.path)
    assert paths == [tmp_path / "CA____1.wav", tmp_path / "CA____1.2.wav"]
    assert path_of(tmp_path, "", "ogg") == tmp_path / "_.ogg"


async def test_a_disk_that_does_not_take_it_costs_the_recording_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    clock = HandClock()
    recording = Recording(tmp_path / "file", "CA1", MULAW_8K, clock)
    await recorded(recording, clock, 1)
    await finished(recording)
    await recorded(recording, clock, 1)
    assert recording.path is None


async def test_nobody_writes_and_memory_stays_bounded(tmp_path: Path) -> None:
    clock = HandClock()
    recording = Recording(tmp_path, "CA1", MULAW_8K, clock)
    await recorded(recording, clock, 40)
    await finished(recording)
    assert recording.path is None, "a recording with a hole in it would deceive"


SCRIPT = """
import asyncio, os, sys
from pathlib import Path
from voice_agent.calls.recording import Recording
from voice_codecs.pcm import MULAW_8K
from voice_pipelines.engine.clock import LoopClock

async def main():
    loop = asyncio.get_running_loop()
    recording = Recording(Path(sys.argv[1]), "CA1", MULAW_8K, LoopClock(loop), sys.argv[2])
    async with asyncio.TaskGroup() as group:
        group.create_task(recording.keep_writing())
        begun = loop.time()
        frames = 0
        while True:
            await asyncio.sleep(0.02)
            while frames * 0.02 < loop.time() - begun:
                recording.heard(bytes([0x10]) * 160)
                recording.said(bytes([0x90]) * 160)
                frames += 1
            if recording.path is not None and frames > 200:
                print(frames * 20, flush=True)
                frames += 0
                await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["wav", "opus"])
async def test_a_process_that_is_killed_leaves_a_playable_file(tmp_path: Path, kind: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, str(tmp_path), kind,
        stdout=asyncio.subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(HANG_S):
        assert int(await process.stdout.readline()) >= 4000
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    (path,) = files(tmp_path)
    if kind == "wav":
        left, right = channels(path)
        assert len(left) >= 16_000
        assert max(map(abs, left)) > 1000 and max(map(abs, right)) > 1000
        assert len(path.read_bytes()) >= 44 + 4 * len(left)
    else:
        left, right = opus_channels(path.read_bytes())
        assert len(left) >= 16_000 and max(map(abs, left)) > 1000


def opus_channels(content: bytes) -> tuple[list[int], list[int]]:
    """Decoded at 8 kHz, without the lead-in."""
    from opuslib_next import Decoder  # type: ignore[import-untyped]

    found = pages(content)
    decoder = Decoder(8000, 2)
    pcm = b"".join(decoder.decode(p, 160) for page in found[2:] for p in page.packets)
    skip = int.from_bytes(found[0].packets[0][10:12], "little") // 6
    samples = array("h", pcm)[2 * skip : 2 * (found[-1].granule // 6)]
    return samples[0::2].tolist(), samples[1::2].tolist()


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 4000, 12_345])
def test_opus_is_as_long_as_what_was_recorded(tmp_path: Path, samples: int) -> None:
    path = tmp_path / "a.ogg"
    file = OpusFile(path, 8000)
    left, right = (int(v).to_bytes(2, "little", signed=True) for v in (9000, -3000))
    pcm = stereo(left * samples, right * samples)
    for at in range(0, len(pcm), 4 * 700):
        file.write(pcm[at : at + 4 * 700])
    file.close()
    assert pages(path.read_bytes())[-1].kind == 4
    heard, said = opus_channels(path.read_bytes())
    assert len(heard) == len(said) == samples


async def test_opus_takes_a_tenth_of_the_space(tmp_path: Path) -> None:
    clock = HandClock()
    recording = Recording(tmp_path, "CA1", MULAW_8K, clock, "opus")
    await recorded(recording, clock, 10)
    await finished(recording)
    assert recording.path is not None and recording.path.suffix == ".ogg"
    wav = tmp_path / "same.wav"
    with Writer(wav, 8000, 2) as writer:
        writer.write(bytes(4 * 80_000))
    assert recording.path.stat().st_size * 5 < wav.stat().st_size
