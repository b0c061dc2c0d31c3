from bench.server import Gauges, read_gauges

EXPOSITION = """
# HELP voice_agent_live_calls Calls now.
# TYPE voice_agent_live_calls gauge
voice_agent_live_calls 12.0
voice_agent_calls_total{reason="caller_left"} 3.0
voice_agent_loop_lag_seconds_bucket{le="0.01"} 90.0
voice_agent_loop_lag_seconds_bucket{le="0.02"} 95.0
voice_agent_loop_lag_seconds_bucket{le="+Inf"} 100.0
voice_agent_loop_lag_seconds_count 100.0
voice_agent_loop_lag_seconds_sum 0.25
"""


def test_the_gauges_are_read_from_the_exposition() -> None:
    assert read_gauges(EXPOSITION) == Gauges(live_calls=12, beats=100, late_beats=5)


def test_a_server_without_calls_yet_has_no_beats() -> None:
    assert read_gauges("voice_agent_live_calls 0.0\n") == Gauges(0, 0, 0)
