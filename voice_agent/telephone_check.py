"""Whether calls reach a persona: what is set up, and what is to be mended."""

import asyncio
from collections.abc import Mapping

from .personas.repository import StoredPersona
from .settings import Settings
from .telephony import setup
from .telephony.errors import TwilioError
from .telephony.rest import Rest
from .telephony.setup import Finding
from .telephony.urls import Urls
from .web.api.ports import AccountNumber, TelephoneFound

_LIMIT_S = 20.0
"""The API's own deadline comes later."""


class TelephoneCheck:
    """Satisfies `web.api.ports.TelephoneCheck`."""

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], rest: Rest | None
    ) -> None:
        """`rest` is None where the server has no account or no public address."""
        self._settings = settings
        self._environment = environment
        self._rest = rest

    async def check(self, persona: StoredPersona) -> TelephoneFound:
        """Never fails: what cannot be found out is a finding."""
        numbers = persona.draft.telephone.numbers
        findings = _of_persona(persona)
        public_url = self._settings.server.public_url
        if not public_url:
            text = "The carrier must reach the server from the internet: set `server.public_url`."
            return TelephoneFound("", (), [*findings, Finding("public_url", False, text)])
        urls = Urls(public_url)
        webhook = setup.webhook_of(urls, "" if numbers else persona.id)
        owned: list[AccountNumber] = []
        try:
            async with asyncio.timeout(_LIMIT_S):
                findings += await self._outside(urls, webhook, numbers, owned)
        except TimeoutError:
            text = f"The rest was not found out within {_LIMIT_S:.0f} seconds; try again."
            findings.append(Finding("time", False, text))
        return TelephoneFound(webhook, owned, findings)

    async def _outside(
        self, urls: Urls, webhook: str, numbers: tuple[str, ...], owned: list[AccountNumber]
    ) -> list[Finding]:
        twilio = self._settings.twilio
        if self._rest is None:
            text = (
                f"The server has no Twilio account: put its SID into {twilio.account_sid_env} and "
                f"its auth token into {twilio.auth_token_env}, and start the server again."
            )
            return [Finding("account", False, text)]
        try:
            owned += [
                AccountNumber(each.number, each.voice_url, setup.is_ours(each, urls))
                for each in await self._rest.numbers()
            ]
        except TwilioError:
            pass  # The account's own finding says why.
        auth_token = self._environment.get(twilio.auth_token_env, "")
        return await setup.examine(self._rest, urls, numbers, auth_token, webhook)


def _of_persona(persona: StoredPersona) -> list[Finding]:
    if persona.published is None:
        text = f"{persona.name} is a draft: publish it, so that calls can reach it."
        return [Finding("published", False, text)]
    if persona.published.telephone != persona.draft.telephone:
        text = "What the draft changes of the telephone reaches calls once it is published."
        return [Finding("published", False, text)]
    return [Finding("published", True, f"{persona.name} is published.")]
