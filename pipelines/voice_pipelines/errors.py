"""What can go wrong at a provider, sorted by what the caller of it can do.

::

    ProviderError                   the base; ``provider`` names who failed
    ├── ProviderUnavailable         try again, or ask another: network, 5xx, a crashed process
    │   ├── ProviderTimeout         it did not answer, or stopped answering, in time
    │   └── ProviderBusy            it asked us to wait (429); ``retry_after_ms`` says how long
    ├── ProviderRejected            this one request cannot be served as it is: another may
    ├── ProviderRefused             asking again is useless: bad key, quota, unknown model
    └── ProviderGarbled             it answered something that its protocol does not allow

A provider that fails is an *event* of the conversation; only a bug is an exception of the call.
"""


class ProviderError(Exception):
    """A speech, language or turn-detection provider failed."""

    def __init__(self, provider: str, message: str, *, status: int | None = None) -> None:
        super().__init__(f"{provider}: {message}")
        self.provider = provider
        self.status = status
        """The status of the HTTP answer that said so, where one did."""


class ProviderUnavailable(ProviderError):
    """The provider cannot be reached or broke down; another attempt may succeed."""


class ProviderTimeout(ProviderUnavailable):
    """The provider made no progress within its time budget."""


class ProviderBusy(ProviderUnavailable):
    """The provider asked us to slow down."""

    def __init__(
        self,
        provider: str,
        message: str,
        retry_after_ms: int | None = None,
        *,
        status: int | None = None,
    ) -> None:
        super().__init__(provider, message, status=status)
        self.retry_after_ms = retry_after_ms


class ProviderRejected(ProviderError):
    """The provider cannot serve this one request: the prompt is too long, the text refused.

    It says nothing about the next request, nor about the provider: asking another one may help.
    """


class ProviderRefused(ProviderError):
    """The provider will not serve us: credentials, quota, an unknown model or voice."""


class ProviderGarbled(ProviderError):
    """The provider's answer does not follow its own protocol."""
