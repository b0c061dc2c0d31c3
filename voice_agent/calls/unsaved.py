"""Conversations of which nothing is saved, while their clients are away."""

from collections import OrderedDict

from .plan import CallPlan

PATIENCE_S = 60.0
"""As long as the clients of docs/sdk.md try to make a lost connection again."""
_MOST = 1_000


class UnsavedConversations:
    """What is needed to go on, in memory alone. Time is given, in seconds."""

    def __init__(self, patience_s: float = PATIENCE_S, most: int = _MOST) -> None:
        """Of more than `most` conversations the oldest is forgotten."""
        self._patience_s = patience_s
        self._most = most
        self._kept: OrderedDict[str, tuple[float, CallPlan]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, plan: CallPlan, now: float) -> None:
        """The client was lost; with this `plan` the conversation goes on if it is back in time."""
        self.forget(plan.conversation_id)
        self._kept[plan.conversation_id] = now + self._patience_s, plan
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def get(self, conversation_id: str, now: float) -> CallPlan | None:
        """The plan with which it goes on; None if there is none, or not any more."""
        self.forget_late(now)
        kept = self._kept.get(conversation_id)
        return kept[1] if kept else None

    def forget(self, conversation_id: str) -> None:
        """It goes on, or never will."""
        self._kept.pop(conversation_id, None)

    def forget_late(self, now: float) -> None:
        """Forget those whose clients have not come back in time."""
        while self._kept:
            id, (until, _) = next(iter(self._kept.items()))
            if until > now:
                break
            del self._kept[id]
