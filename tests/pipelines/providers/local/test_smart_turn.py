"""smart-turn tells ends from pauses, more often than not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from voice_codecs.pcm import PCM16_8K
from voice_pipelines.errors import ProviderBusy, ProviderUnavailable
from voice_pipelines.providers.local.pool import InferencePool
from voice_pipelines.providers.local.smart_turn import SmartTurn

_PAUSE = bytes(PCM16_8K.bytes_for(200))


@pytest.fixture(scope="module")
def pool() -> Iterator[InferencePool]:
    pool = InferencePool(1)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def smart_turn(model: Callable[[str], Path], pool: InferencePool) -> SmartTurn:
    return SmartTurn(model("smart-turn-v3.2") / "smart-turn-v3.2-cpu.onnx", pool)


@pytest.mark.models
async def test_it_gives_a_probability_for_any_length(
    smart_turn: SmartTurn, speech: dict[str, bytes]
) -> None:
    for pcm in (b"", _PAUSE, speech["cards"], speech["leisure"] * 2):
        assert 0 <= await smart_turn.probability(pcm) <= 1


@pytest.mark.models
def test_only_the_last_eight_seconds_count(smart_turn: SmartTurn, speech: dict[str, bytes]) -> None:
    recent = (speech["leisure"] + speech["married"])[-PCM16_8K.bytes_for(8000) :]
    assert smart_turn.judge(speech["cards"] + recent) == smart_turn.judge(recent)


@pytest.mark.models
def test_whole_sentences_look_more_finished_than_ones_cut_after_a_small_word(
    smart_turn: SmartTurn, speech: dict[str, bytes]
) -> None:
    """Cut where any listener waits for more: "... how much", "... been made", "... been made".

    Of sentences cut at arbitrary places the model takes many for finished, so these are chosen; and
    the means are compared, as single judgements are often wrong ("an ill disposed young man": 0.1).
    """
    cuts = {"leisure": 4260, "married": 3630, "amiable": 1650}
    whole = [smart_turn.judge(speech[name] + _PAUSE) for name in cuts]
    cut = [
        smart_turn.judge(speech[name][: PCM16_8K.bytes_for(ms)] + _PAUSE)
        for name, ms in cuts.items()
    ]
    assert np.mean(whole) > np.mean(cut) + 0.3, (whole, cut)


@pytest.mark.models
async def test_a_failure_is_the_providers(
    smart_turn: SmartTurn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(pcm: bytes) -> float:
        raise RuntimeError("the session broke")

    monkeypatch.setattr(smart_turn, "judge", broken)
    with pytest.raises(ProviderUnavailable):
        await smart_turn.probability(_PAUSE)


@pytest.mark.models
async def test_a_closed_pool_is_busy(model: Callable[[str], Path]) -> None:
    pool = InferencePool(1)
    turn = SmartTurn(model("smart-turn-v3.2") / "smart-turn-v3.2-cpu.onnx", pool)
    pool.close()
    with pytest.raises(ProviderBusy):
        await turn.probability(_PAUSE)
