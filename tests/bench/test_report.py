from bench.budgets import Budget, Verdict, judged
from bench.report import budget_table, figure, table

LATENCY = Budget("latency", "latency", 15, "ms")
CALLS = Budget("calls", "calls", 100, "", at_least=True)


def test_a_budget_is_met_at_its_limit_and_missed_beyond() -> None:
    assert LATENCY.verdict(15) is Verdict.MET
    assert LATENCY.verdict(15.1) is Verdict.MISSED
    assert CALLS.verdict(100) is Verdict.MET
    assert CALLS.verdict(99) is Verdict.MISSED


def test_what_was_not_measured_is_not_judged() -> None:
    verdicts = [each.verdict for each in judged([LATENCY, CALLS], {"latency": None})]
    assert verdicts == [Verdict.NOT_MEASURED, Verdict.NOT_MEASURED]


def test_the_columns_of_a_table_line_up() -> None:
    lines = table(("a", "long head"), [("value", "1")]).splitlines()
    assert lines == [
        "| a     | long head |",
        "| ----- | --------- |",
        "| value | 1         |",
    ]


def test_budgets_are_shown_with_their_figures() -> None:
    text = budget_table(judged([LATENCY, CALLS], {"latency": 7.126, "calls": 50}))
    assert "| latency | ≤ 15 ms | 7.13 ms  | met     |" in text
    assert "| calls   | ≥ 100   | 50       | missed  |" in text


def test_a_figure_that_is_missing_is_a_dash() -> None:
    assert figure(None) == "-"
    assert figure(3.14159, 1) == "3.1"
