"""Which actions can be taken: those whose dependencies are in the conversation's state."""

from collections.abc import Iterable

from .action import Action, Kind
from .state import PREFIX, State


def missing(action: Action, state: State) -> list[str]:
    """The paths that `action` depends on and that are not there yet, in order."""
    return [path for path in action.depends_on if not state.has(path)]


def first_key(path: str) -> str:
    """``state.address.street`` to ``address``."""
    return path.removeprefix(PREFIX).split(".")[0]


def unreachable(actions: Iterable[Action]) -> dict[str, list[str]]:
    """Actions that no sequence of actions makes possible, with the paths that nothing provides.

    Clients may still provide them. A path counts as provided if an action that updates the state,
    and is possible itself, knows a value of that name.
    """
    waiting = {action.name: action for action in actions}
    provided: set[str] = set()
    grew = True
    while grew:
        grew = False
        for action in list(waiting.values()):
            if all(_provided(path, provided) for path in action.depends_on):
                del waiting[action.name]
                grew = True
                if action.kind is Kind.STATE:
                    provided |= action.fields
    return {
        name: [path for path in action.depends_on if not _provided(path, provided)]
        for name, action in waiting.items()
    }


def _provided(path: str, provided: set[str]) -> bool:
    keys = path.removeprefix(PREFIX).split(".")
    return any(".".join(keys[:length]) in provided for length in range(1, len(keys) + 1))
