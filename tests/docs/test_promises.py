"""What the documentation has to say plainly."""

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_fine_tuning_is_documented_as_not_offered() -> None:
    """S004-04."""
    said = (DOCS / "personas.md").read_text("utf-8")
    assert "Fine-tuning is not offered" in said
