"""What is sealed, with which key, and what becomes of it with another."""

from pathlib import Path

import pytest

from voice_agent.access.seal import Seal, SealBroken
from voice_agent.errors import ConfigurationError

OLD, NEW = "old" * 11, "new" * 11
NOWHERE = Path("/proc/no/such/file")


def test_what_is_sealed_can_be_opened_and_not_be_read() -> None:
    seal = Seal(OLD, NOWHERE)
    sealed = seal.seal("JBSWY3DP")
    assert "JBSWY3DP" not in sealed and sealed != seal.seal("JBSWY3DP")
    assert Seal(OLD, NOWHERE).open(sealed) == "JBSWY3DP"
    with pytest.raises(SealBroken, match="another key"):
        seal.open(sealed[:-8] + "AAAAAAA=")


def test_with_another_key_it_says_what_to_do() -> None:
    sealed = Seal(OLD, NOWHERE).seal("JBSWY3DP")
    with pytest.raises(SealBroken, match=r"access\.secret_key_env.*recovery code"):
        Seal(NEW, NOWHERE).open(sealed)


def test_a_key_is_replaced_while_both_are_there() -> None:
    sealed = Seal(OLD, NOWHERE).seal("JBSWY3DP")
    both = Seal(f"{NEW} {OLD}", NOWHERE)
    assert both.open(sealed) == "JBSWY3DP"
    renewed = both.renewed(sealed)
    assert renewed is not None and both.renewed(renewed) is None
    assert Seal(NEW, NOWHERE).open(renewed) == "JBSWY3DP"


def test_what_was_never_sealed_is_taken_and_sealed() -> None:
    seal = Seal(OLD, NOWHERE)
    assert seal.open("JBSWY3DP") == "JBSWY3DP"
    renewed = seal.renewed("JBSWY3DP")
    assert renewed is not None and seal.open(renewed) == "JBSWY3DP" != renewed


def test_the_file_is_made_once_for_its_owner_alone_when_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret.key"
    with pytest.raises(SealBroken, match="another key"):
        Seal("", path).open(Seal(OLD, NOWHERE).seal("x"))
    assert not path.exists(), "nothing is made of a key that was lost"
    sealed = Seal("", path).seal("JBSWY3DP")
    assert path.stat().st_mode & 0o777 == 0o600
    assert Seal("", path).open(sealed) == "JBSWY3DP"
    assert [each.name for each in path.parent.iterdir()] == ["secret.key"]


def test_a_key_that_cannot_be_made_or_is_too_short() -> None:
    with pytest.raises(SealBroken, match=r"secret_key_file.*can neither be read nor made"):
        Seal("", NOWHERE).seal("x")
    with pytest.raises(ConfigurationError, match="secret_key_env"):
        Seal("guess me", NOWHERE)
