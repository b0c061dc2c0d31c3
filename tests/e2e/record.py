"""Record the journals of `tests/journals` anew: ``python -m tests.e2e.record``.

To be done when the conversation's decisions are meant to have changed. It takes about two minutes
on an idle machine with the local models (`voice-agent models pull`).
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.e2e.talk import ADDRESS, DOGS, GOODBYE, LONG, PRICE, Call, Caller, caller
from voice_pipelines.conversation.journal import first_difference

JOURNALS = Path(__file__).parents[1] / "journals"
MAX_BYTES = 60_000


async def record() -> None:
    """Hold the three calls and keep their journals."""
    with tempfile.TemporaryDirectory() as folder:
        async with caller(Path(folder)) as somebody:
            for name, call in (
                ("normal", await _normal(somebody)),
                ("barge_in", await _barge_in(somebody)),
                ("llm_killed", await _llm_killed(somebody)),
            ):
                keep(call, JOURNALS / f"{name}.jsonl")


async def _normal(somebody: Caller) -> Call:
    return await somebody.calls(*map(somebody.says, (PRICE, ADDRESS, GOODBYE)))


async def _barge_in(somebody: Caller) -> Call:
    return await somebody.calls(somebody.says(LONG), somebody.says(DOGS, barge_in_after_ms=1000))


async def _llm_killed(somebody: Caller) -> Call:
    steps = map(somebody.says, (PRICE, DOGS, ADDRESS))
    return await somebody.calls(*steps, kill_llm_after=PRICE)


def keep(call: Call, path: Path) -> None:
    """Copy a journal that replays and is not too long."""
    if call.path.stat().st_size > MAX_BYTES or first_difference(call.journal) is not None:
        raise SystemExit(f"{call.path.name} is too long or does not replay")
    shutil.copyfile(call.path, path)
    answered = [turn.latency_ms and round(turn.latency_ms) for turn in call.record.turns]
    silent = [round(cut.silence_after_ms) for cut in call.record.barge_ins]
    sys.stdout.write(
        f"{path.name}: {path.stat().st_size} bytes, answered after {answered} ms, "
        f"silent after {silent} ms, underruns {call.record.underruns.count}\n"
    )


if __name__ == "__main__":
    asyncio.run(record())
