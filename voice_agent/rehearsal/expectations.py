"""Whether a turn was as its script wants it; what was not, in sentences."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..actions.dispatch import ActionRecord
from .script import Turn, Wanted, as_text, texts


def unmet(
    turn: Turn, reply: str, records: Sequence[ActionRecord], state: Mapping[str, object]
) -> list[str]:
    """What `turn` expects and did not get: of the words, the actions, and the state after them."""
    failures = unmatched(reply, texts(turn.reply))
    failures += (
        f"The reply matches {pattern!r}, which it should not."
        for pattern in texts(turn.not_reply)
        if re.search(pattern, reply)
    )
    if turn.actions is not None:
        failures += _differences(turn.actions, records)
    failures += (
        f"The state should have {key} = {as_text(value)}; it has {as_text(state.get(key))}."
        for key, value in turn.state.items()
        if state.get(key) != value
    )
    return failures


def unmatched(text: str, patterns: Sequence[str]) -> list[str]:
    """The patterns that are not in the text."""
    return [
        f"{pattern!r} is not in what was said: {text or 'nothing'}"
        for pattern in patterns
        if not re.search(pattern, text)
    ]


def told(record: ActionRecord) -> str:
    """An action with its arguments and outcome."""
    reason = f": {record.result}" if record.outcome in ("refused", "failed") else ""
    return f"{record.name} {as_text(record.arguments)} {record.outcome}{reason}"


def _differences(wanted: Sequence[Wanted], taken: Sequence[ActionRecord]) -> list[str]:
    expected = [f"{each.name} ({each.outcome})" for each in wanted]
    happened = [f"{record.name} ({record.outcome})" for record in taken]
    if expected != happened:
        return [
            f"Expected {', '.join(expected) or 'no action'}; "
            f"there was {', '.join(map(told, taken)) or 'none'}."
        ]
    return [
        f"{each.name} should have {as_text(each.arguments)}; it has {as_text(record.arguments)}."
        for each, record in zip(wanted, taken, strict=True)
        if each.arguments is not None and not _has(record.arguments, each.arguments)
    ]


def _has(given: Any, wanted: Any) -> bool:
    """Whether `given` is `wanted`, or has all of its items; a text is read as JSON."""
    if isinstance(given, str) and not isinstance(wanted, str):
        try:
            given = json.loads(given)
        except ValueError:
            return False
    if isinstance(given, Mapping) and isinstance(wanted, Mapping):
        return all(key in given and _has(given[key], value) for key, value in wanted.items())
    return bool(given == wanted)
