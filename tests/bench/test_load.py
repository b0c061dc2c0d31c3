from bench.load import Sample, verdicts_on


def series(*, mib: float = 0, fds: float = 0) -> list[Sample]:
    """Two minutes in which so much more is held for each minute."""
    return [
        Sample(at, 10 + at % 3, 60 + mib * at / 60, 20 + at % 3 + int(fds * at / 60), 5, at, 0)
        for at in range(0, 120, 5)
    ]


BEFORE = Sample(0, 0, 60, 20, 5, 0, 0)


def test_a_server_that_stays_as_it_is_passes() -> None:
    assert all(verdict.flat for verdict in verdicts_on(BEFORE, series(), BEFORE))


def test_what_grows_is_told() -> None:
    after = Sample(120, 1, 66, 90, 5, 0, 0)
    grown = [v.what for v in verdicts_on(BEFORE, series(mib=3, fds=30), after) if not v.flat]
    assert grown == [
        "memory, MiB/min",
        "files beyond the calls, 1/min",
        "files left",
        "calls left",
    ]
