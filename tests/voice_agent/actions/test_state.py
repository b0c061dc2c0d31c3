"""The conversation's state and paths into it."""

from typing import Any

import pytest

from voice_agent.actions.state import LARGEST_STATE, State, StateRefused, StateTooLarge, lookup

VALUES: dict[str, Any] = {
    "email_address": "ann@example.com",
    "followup-datetime": "2024-05-01T09:30",
    "declined": False,
    "visits": 0,
    "empty": "",
    "nothing": None,
    "address": {"street": {"name": "Elm"}, "zip": None},
    "a.b": {"c": 1},
    "orders": [{"dish": "soup"}],
}


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("state.email_address", True),
        ("state.followup-datetime", True),
        ("state.declined", True),
        ("state.visits", True),
        ("state.empty", True),
        ("state.nothing", False),
        ("state.address", True),
        ("state.address.street", True),
        ("state.address.street.name", True),
        ("state.address.street.name.first", False),
        ("state.address.zip", False),
        ("state.a.b", True),
        ("state.a.b.c", True),
        ("state.a", False),
        ("state.orders.0.dish", True),
        ("state.orders.1", False),
        ("state.orders.-1", False),
        ("state.email", False),
        ("state.__class__", False),
        ("email_address", False),
        ("details.email_address", False),
    ],
)
def test_which_paths_exist(path: str, there: bool) -> None:
    """S004-62"""
    assert (lookup(path, VALUES) is not None) is there


def test_values_are_assigned_and_numbers_stay_numbers() -> None:
    """S004-57"""
    state = State({"user_name": "Steve"})
    assert state.merge({"user_age": 55})
    assert state.values == {"user_name": "Steve", "user_age": 55}


def test_a_later_value_replaces_an_earlier_one_whole() -> None:
    """S004-58"""
    state = State({"user_age": 54, "address": {"street": "Elm", "zip": 1}, "kept": True})
    state.merge({"user_age": 55, "address": {"street": "Oak"}})
    assert state.values == {"user_age": 55, "address": {"street": "Oak"}, "kept": True}


def test_a_merge_that_changes_nothing_says_so() -> None:
    state = State({"n": 1})
    assert not state.merge({"n": 1})
    assert not state.merge({})
    assert state.merge({"n": True})
    assert state.values == {"n": True} and state.values["n"] is True


def test_the_state_is_bounded() -> None:
    state = State({"kept": 1})
    with pytest.raises(StateTooLarge):
        state.merge({"long": "x" * LARGEST_STATE})
    assert state.values == {"kept": 1}


def test_what_is_handed_out_is_a_copy() -> None:
    state = State({"n": 1})
    dict(state.values).update(n=2)
    assert state.values == {"n": 1}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "a\0b", "\ud800", [[]] * 2])
def test_the_state_holds_what_can_be_stored(value: Any) -> None:
    state = State()
    if isinstance(value, list):
        for _ in range(40):
            value = [value]
    with pytest.raises(StateRefused):
        state.merge({"x": value})
    assert state.values == {}
