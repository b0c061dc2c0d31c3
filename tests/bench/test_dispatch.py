import pytest

from bench.dispatch import main, measured


async def test_every_kind_of_action_is_measured() -> None:
    costs = {cost.action: cost.us for cost in await measured(5)}
    assert len(costs) == 5
    for us in costs.values():
        assert us.n == 5 and us.p50 is not None and us.p50 > 0


def test_it_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--times", "2"]) == 0
    assert "| webhook on the loopback" in capsys.readouterr().out
