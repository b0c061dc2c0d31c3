from hypothesis import given
from hypothesis import strategies as st

from voice_agent.telephony.tokens import TokenStore


def test_a_token_works_once() -> None:
    store = TokenStore[str]()
    token = store.issue("call 1", 0)
    assert store.redeem(token, 10) == "call 1"
    assert store.redeem(token, 11) is None
    assert len(store) == 0


def test_a_token_expires() -> None:
    store = TokenStore[str](ttl_ms=1000)
    early, late = store.issue("early", 0), store.issue("late", 0)
    assert store.redeem(early, 999) == "early"
    assert store.redeem(late, 1000) is None


def test_expired_tokens_leave_the_memory() -> None:
    store = TokenStore[int](ttl_ms=1000)
    for now in range(0, 5000, 100):
        store.issue(now, now)
        assert len(store) <= 10


def test_the_oldest_makes_room() -> None:
    store = TokenStore[int](limit=2)
    first, second, third = (store.issue(n, 0) for n in range(3))
    assert [store.redeem(token, 1) for token in (first, second, third)] == [None, 1, 2]


@given(st.text(st.characters(), max_size=80))
def test_a_guess_is_worth_nothing_and_breaks_nothing(guess: str) -> None:
    store = TokenStore[str]()
    token = store.issue("call", 0)
    assert store.redeem(guess, 1) is None
    assert store.redeem("\ud800", 1) is None
    assert store.redeem(token, 1) == "call"


def test_tokens_are_long_distinct_and_fit_a_url() -> None:
    store = TokenStore[None]()
    tokens = {store.issue(None, 0) for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(t) >= 43 and t.replace("-", "").replace("_", "").isalnum() for t in tokens)
