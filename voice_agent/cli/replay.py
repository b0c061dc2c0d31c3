"""``voice-agent replay``: a recorded call through today's conversation core."""

from pathlib import Path
from typing import Any

from .output import say, say_json
from .serve import Overrides


def replay(journal: Path, *, overrides: Overrides = (), json: bool = False) -> int:
    """Run a journal's events again and compare the commands.

    Without --set any difference from the record is an error (exit code 1). With --set, such as
    --set endpointing.max_ms=800, it shows what another policy would have changed, turn by turn:
    exact up to the first difference, an estimate after it.

    Parameters
    ----------
    journal
        The journal of a call.
    json
        Print the result as JSON.
    """
    from voice_pipelines.conversation.journal import first_difference, replay_under

    from ..calls.journal_file import load
    from ..settings import apply_overrides
    from ..telemetry.whatif import compare

    recorded = load(journal)
    if overrides:
        policy = apply_overrides(recorded.header.policy, overrides)
        changes = compare(recorded, list(replay_under(recorded, policy)))
        rows: list[dict[str, Any]] = [change.as_row() for change in changes]
        if json:
            say_json({"call": recorded.header.call, "turns": rows})
            return 0
        for change in changes:
            say(change.sentence())
        return 0
    difference = first_difference(recorded)
    if json:
        say_json(
            {
                "call": recorded.header.call,
                "equal": difference is None,
                "difference": repr(difference) if difference else None,
            }
        )
    elif difference is None:
        say(
            f"Equal: {sum(1 for _ in recorded.commands())} commands of call {recorded.header.call}."
        )
    else:
        say(f"Command {difference.index + 1} of call {recorded.header.call} differs.")
        say(f"  recorded: {difference.recorded}")
        say(f"  now:      {difference.replayed}")
    return 0 if difference is None else 1
