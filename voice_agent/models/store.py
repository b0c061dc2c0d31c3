"""The models that there can be, those that there are, and how the ones become the others."""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import ModelDamaged, ModelMissing
from .hub import Hub
from .manifest import Manifest, load
from .progress import PullProgress, Silent
from .pull import Puller
from .shelf import Shelf, State
from .wheels import Index


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A line of `voice-agent models list`."""

    name: str
    role: str
    size: int
    """Bytes to download."""
    licence: str
    state: State


def default_root(environ: Mapping[str, str] = os.environ) -> Path:
    """``VOICE_AGENT_MODELS``, or the user's cache folder."""
    named = environ.get("VOICE_AGENT_MODELS")
    return Path(named) if named else Path.home() / ".cache" / "voice-agent" / "models"


def disk_free(folder: Path) -> int:
    """Bytes that can still be written into `folder`."""
    return shutil.disk_usage(folder).free


class Store:
    """The models below `root`."""

    def __init__(
        self,
        root: Path | None = None,
        *,
        manifest: Manifest | None = None,
        hub: Hub | None = None,
        index_url: str | None = None,
        free: Callable[[Path], int] = disk_free,
    ) -> None:
        """Everything has a default; the options are for mirrors and for tests."""
        self.root = default_root() if root is None else root
        self._manifest = load() if manifest is None else manifest
        self._shelf = Shelf(self.root)
        hub = Hub() if hub is None else hub
        self._puller = Puller(self._shelf, self._manifest, hub, Index(index_url), free)

    def path(self, name: str) -> Path:
        """The folder of a model. Raises UnknownModel, ModelMissing or ModelDamaged."""
        model = self._manifest.model(name)
        match self._shelf.state(model):
            case State.MISSING:
                raise ModelMissing(
                    f"The model {name} is not in {self.root}; run `voice-agent models pull {name}`."
                )
            case State.DAMAGED:
                raise ModelDamaged(
                    f"The model {name} in {self.root} is damaged; "
                    f"run `voice-agent models pull {name}`."
                )
            case State.READY:
                return self._shelf.folder(model)

    def status(self) -> list[ModelStatus]:
        """Every model of the manifest, and whether it can be used."""
        return [
            ModelStatus(model.name, model.role, model.size, model.licence, self._shelf.state(model))
            for model in self._manifest.models
        ]

    def verify(self, names: Iterable[str], *, deep: bool = True) -> None:
        """Check models; `deep` takes all hashes again. Raises ModelMissing or ModelDamaged."""
        for name in names:
            folder = self.path(name)
            if deep:
                self._shelf.reread(self._manifest.model(name), folder)

    def pull(self, names: Iterable[str], progress: PullProgress | None = None) -> None:
        """Make models ready; what already is costs nothing. Raises UnknownModel or a PullFailed."""
        models = [self._manifest.model(name) for name in names]
        if any(self._shelf.state(model) is not State.READY for model in models):
            self._puller.pull(models, Silent() if progress is None else progress)
