"""What commands print: results to standard output, everything else to standard error."""

import sys
from typing import Any

import msgspec


def say(text: str = "") -> None:
    """A line of the result."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say_json(value: Any) -> None:
    """The result as one JSON document."""
    say(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def remark(text: str) -> None:
    """A line about what is going on."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def complain(text: str) -> None:
    """An error, as one line."""
    remark(f"voice-agent: {' '.join(text.split())}")
