"""What can go wrong with the server itself, as sentences that name the fix.

::

    VoiceAgentError             the base; its text is shown to the operator as it is
    ├── ConfigurationError      a setting is missing or wrong
    ├── CommandError            the command line asks for what cannot be meant
    ├── CallRefused             the server takes no further call: full, draining, not ready
    └── StorageUnavailable      the database does not answer; trying again later may help
"""


class VoiceAgentError(Exception):
    """An error that the operator can mend; the message says how."""


class ConfigurationError(VoiceAgentError):
    """A setting is missing or wrong."""


class CommandError(VoiceAgentError):
    """The command line asks for what cannot be meant."""


class CallRefused(VoiceAgentError):
    """No further call is taken now."""


class StorageUnavailable(VoiceAgentError):
    """The database does not answer now."""
