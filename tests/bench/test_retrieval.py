from bench.retrieval import measure, scenarios, turns
from voice_agent.personas.bm25 import words


def test_the_scenarios_are_different_ones() -> None:
    assert len(set(scenarios(1000))) == 1000


def test_callers_use_words_of_the_scenario_that_they_mean() -> None:
    for scenario, query in turns(scenarios(50), 20):
        assert len(set(words(scenario.context)) & set(words(query.user))) >= 4


async def test_a_row_without_a_model() -> None:
    row = await measure(None, 20, 1)
    assert row.found == 1
    assert row.cpu_per_query_ms > 0
