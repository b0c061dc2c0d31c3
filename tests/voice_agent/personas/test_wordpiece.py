"""Tokens of BERT's uncased vocabulary."""

from pathlib import Path

import pytest

from voice_agent.personas.wordpiece import MAX_TOKENS, WordPieces

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "cafe", "$", "5", "你"]


@pytest.fixture
def pieces(tmp_path: Path) -> WordPieces:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(VOCABULARY) + "\n", "utf-8")
    return WordPieces(path)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("unaffable", ["un", "##aff", "##able"]),
        ("  Café\tCAFE\n", ["cafe", "cafe"]),
        ("$5", ["$", "5"]),
        ("你cafe", ["你", "cafe"]),
        ("unknown cafe", ["[UNK]", "cafe"]),
        ("ca\u200bfe", ["cafe"]),
        ("a" * 101, ["[UNK]"]),
        ("", []),
    ],
)
def test_the_longest_pieces_come_first(pieces: WordPieces, text: str, tokens: list[str]) -> None:
    assert pieces(text) == [VOCABULARY.index(t) for t in ("[CLS]", *tokens, "[SEP]")]


def test_long_texts_are_cut(pieces: WordPieces) -> None:
    tokens = pieces("cafe " * 500)
    assert len(tokens) == MAX_TOKENS
    assert tokens[-1] == VOCABULARY.index("[SEP]")
