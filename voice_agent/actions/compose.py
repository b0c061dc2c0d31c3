"""Settings to what carries out webhooks."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from ..errors import ConfigurationError
from ..sections import ActionsSettings
from .action import Rate
from .addresses import AllowList
from .dispatch import Guards
from .http import GuardedClient, Rules, Signer, signing_key
from .secrets import Secrets
from .webhook import Webhooks


def rules(settings: ActionsSettings) -> Rules:
    """Raises ConfigurationError."""
    return Rules(
        allow=AllowList(settings.allow),
        public=settings.public,
        allow_http=settings.allow_http,
        ports=frozenset(settings.ports),
        connect_ms=settings.connect_ms,
        timeout_ms=settings.timeout_ms,
        longest_answer=settings.longest_answer,
    )


def guards(settings: ActionsSettings) -> Guards:
    """What bounds the actions of each conversation."""
    return Guards(
        rate=Rate(settings.rate_count, max(1, settings.rate_ms // 1000)),
        most=settings.most,
        repeat_ms=settings.repeat_ms,
        effect_ms=settings.effect_ms,
        webhook_ms=settings.timeout_ms + 2_000,
    )


def webhooks(
    settings: ActionsSettings,
    client: GuardedClient,
    environment: Mapping[str, str] | None = None,
    now: Callable[[], int] = lambda: int(datetime.now(UTC).timestamp()),
) -> Webhooks:
    """Webhooks over `client`, which the caller opens and closes. Raises ConfigurationError."""
    variables = os.environ if environment is None else environment
    name = settings.signing_secret_env
    try:
        keys = [signing_key(secret) for secret in variables.get(name, "").split()]
    except ValueError as error:
        raise ConfigurationError(
            f"{name} (`actions.signing_secret_env`) must be base64 after whsec_, or any text that "
            "does not begin with whsec_."
        ) from error
    return Webhooks(client, Secrets(settings.secret_env, variables), Signer(keys, now))
