"""What can go wrong with the model store, sorted by what the user can do.

Each message is one sentence to show to the user.

::

    ModelError
    ├── UnknownModel            choose a name from `voice-agent models list`
    ├── ModelMissing            pull it
    ├── ModelDamaged            pull it again; the damaged file is kept beside it as ``.bad``
    └── PullFailed              the pull stopped; what it had finished is kept
        ├── SourceUnreachable   check the network, pull again
        ├── SourceMissing       no source has the file: upgrade, or report it
        ├── HashMismatch        a source served something else: do not use it, report it
        ├── DiskFull            free some space, pull again
        ├── StoreNotWritable    choose another folder with ``VOICE_AGENT_MODELS``
        └── ConversionFailed    the files are fine, rebuilding them was not possible
"""


class ModelError(Exception):
    """The base: anything that keeps a model from being used."""


class UnknownModel(ModelError):
    """The manifest has no model of that name."""


class ModelMissing(ModelError):
    """The model has not been pulled, or only in part."""


class ModelDamaged(ModelError):
    """A file of the model is not what the manifest says."""


class PullFailed(ModelError):
    """The pull stopped; pulling again goes on from there."""


class SourceUnreachable(PullFailed):
    """No source answered."""


class SourceMissing(PullFailed):
    """The sources answered and do not have the file."""


class HashMismatch(PullFailed):
    """A source served something other than the pinned bytes."""


class DiskFull(PullFailed):
    """Not enough space; said before the download starts wherever possible."""


class StoreNotWritable(PullFailed):
    """The store's folder cannot be written."""


class ConversionFailed(PullFailed):
    """A model could not be rebuilt for this runtime."""
