"""The far ends of webhooks, played by the script."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..actions.http import Answer, GuardedClient, Rules
from .script import WebhookAnswer, as_text


@dataclass
class ScriptedHooks(GuardedClient):
    """Answers requests by the script and sends none."""

    answers: tuple[WebhookAnswer, ...]
    action: str = ""
    """Which one is being carried out."""
    _given: list[WebhookAnswer] = field(default_factory=list)
    _failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(Rules())

    @property
    def unused(self) -> list[WebhookAnswer]:
        return [answer for answer in self.answers if answer not in self._given]

    def failures(self) -> list[str]:
        """What was wrong with the requests since the last time."""
        failures = list(self._failures)
        self._failures.clear()
        return failures

    async def request(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
    ) -> Answer:
        answer = next((each for each in self.unused if each.action == self.action), None)
        if answer is None:
            self._failures.append(
                f"{self.action} sent a request that the script has no answer for ({method} {url})."
            )
            return Answer(503, "text/plain", b"The script has no answer.", False)
        self._given.append(answer)
        sent = json.loads(body) if body else {}
        if answer.expect is not None and sent != answer.expect:
            self._failures.append(
                f"{self.action} should have sent {as_text(answer.expect)}; it sent {as_text(sent)}."
            )
        if isinstance(answer.body, str):
            return Answer(answer.status, "text/plain", answer.body.encode(), False)
        return Answer(answer.status, "application/json", as_text(answer.body).encode(), False)
