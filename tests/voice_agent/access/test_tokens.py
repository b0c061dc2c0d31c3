"""Session tokens: what they say holds for a while, and nobody can write one."""

from unittest.mock import patch

import pytest

from voice_agent.access.keys import KeyRefused
from voice_agent.access.tokens import SessionToken, Tokens

TOKEN = SessionToken("w", "k1", ("p",), "user 7", details={"name": "Ann", "vip": True})


def test_a_token_says_what_was_signed() -> None:
    tokens = Tokens("a" * 43, 900)
    assert tokens.verify(tokens.sign(TOKEN)) == TOKEN


def test_nobody_else_can_write_one() -> None:
    signed = Tokens("a" * 43, 900).sign(TOKEN)
    payload, stamp, signature = signed.rsplit(".", 2)
    other, _, _ = Tokens("b" * 43, 900).sign(SessionToken("w", "admin")).rsplit(".", 2)
    for text in (
        "",
        "a.b.c",
        payload,
        f"{other}.{stamp}.{signature}",
        f"{payload}.{stamp}.{signature[:-2]}AA",
        Tokens("b" * 43, 900).sign(TOKEN),
        signed + "x",
    ):
        with pytest.raises(KeyRefused):
            Tokens("a" * 43, 900).verify(text)


def test_it_expires() -> None:
    tokens = Tokens("a" * 43, 900)
    signed = tokens.sign(TOKEN)
    with patch("itsdangerous.timed.time.time", lambda: 4e9), pytest.raises(KeyRefused):
        tokens.verify(signed)


def test_a_conversation_may_be_resumed_for_longer_than_it_may_be_begun() -> None:
    tokens = Tokens("a" * 43, 0, 900)
    with pytest.raises(KeyRefused):
        tokens.verify(tokens.sign(TOKEN))
    resumes = SessionToken("w", "k1", conversation="c1")
    signed = tokens.sign(resumes)
    assert tokens.verify(signed) == resumes
    with patch("itsdangerous.timed.time.time", lambda: 4e9), pytest.raises(KeyRefused):
        tokens.verify(signed)
