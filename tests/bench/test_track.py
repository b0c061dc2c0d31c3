"""The pace of what is sent."""

import asyncio

import pytest
from aiortc.mediastreams import MediaStreamError

from bench.track import PacedTrack
from voice_codecs.opus import OpusEncoder
from voice_pipelines.engine.clock import LoopClock


class Counted(OpusEncoder):
    made = 0

    def encode(self, pcm: bytes) -> bytes:
        self.made += 1
        return super().encode(pcm)


async def test_a_packet_each_20_ms_and_silence_is_made_once() -> None:
    encoder = Counted(16_000, 36_000)
    frames = iter([b"\1\0" * 320, *[None] * 20])
    track = PacedTrack(lambda: next(frames), encoder)
    clock = LoopClock(asyncio.get_running_loop())
    packets = [await track.recv() for _ in range(21)]
    assert 400 <= clock.now() < 30_000
    assert [packet.pts for packet in packets] == [960 * n for n in range(21)]
    assert encoder.made == 4
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_after_a_stall_packets_are_left_out() -> None:
    """What is late is not sent all at once: the page would keep it as delay."""
    track = PacedTrack(lambda: None, OpusEncoder(16_000, 36_000))
    await track.recv()
    await asyncio.sleep(0.5)
    clock = LoopClock(asyncio.get_running_loop())
    packets = [await track.recv() for _ in range(4)]
    assert packets[0].pts is not None and packets[0].pts >= 960 * 20
    assert clock.now() >= 40, "back in step"
