"""Conversations between two media streams of the same call: a transfer that may come back."""

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from .plan import CallPlan, Past

_KEPT = 1_000
"""Conversations that are kept at most; of more, the oldest is forgotten."""


@dataclass(slots=True)
class _Conversation:
    plan: CallPlan
    facts: list[str] = field(default_factory=list)


class KeptConversations:
    """What is needed to go on, by the conversation's id."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Conversation] = OrderedDict()
        self._facts: OrderedDict[str, list[str]] = OrderedDict()
        """Learned before the stream had ended."""

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, plan: CallPlan, past: Past) -> None:
        """The stream has ended; the conversation may go on."""
        facts = self._facts.pop(plan.conversation_id, [])
        self._kept[plan.conversation_id] = _Conversation(replace(plan, past=past, note=""), facts)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def learn(self, conversation_id: str, fact: str) -> None:
        """Something that the agent is to speak of when it goes on."""
        if (kept := self._kept.get(conversation_id)) is not None:
            kept.facts.append(fact)
        else:
            self._facts.setdefault(conversation_id, []).append(fact)
            if len(self._facts) > _KEPT:
                self._facts.popitem(last=False)

    def take(self, conversation_id: str) -> CallPlan | None:
        """The plan with which it goes on; None if it was not kept."""
        if (kept := self._kept.pop(conversation_id, None)) is None:
            return None
        return replace(kept.plan, note=" ".join(kept.facts))

    def get(self, conversation_id: str) -> CallPlan | None:
        """The plan of a conversation that is kept."""
        kept = self._kept.get(conversation_id)
        return kept.plan if kept else None

    def forget(self, conversation_id: str) -> CallPlan | None:
        """It does not go on; its plan, if it was kept."""
        self._facts.pop(conversation_id, None)
        kept = self._kept.pop(conversation_id, None)
        return kept.plan if kept else None
