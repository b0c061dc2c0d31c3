"""A TURN server on loopback: Debian's coturn, configured as docs/browser.md says."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.voice_agent.media import HANG_S

SECRET = "north"
_DOCS = Path(__file__).parents[4] / "docs" / "browser.md"
_BINDING_REQUEST = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + b"voice-agent."


@dataclass
class Coturn:
    """A running one."""

    port: int
    """At which it listens, for UDP and TCP."""
    log: Path

    def said(self, text: str) -> bool:
        """Whether it has logged this."""
        return text in self.log.read_text(errors="replace")


@contextmanager
def coturn(folder: Path) -> Iterator[Coturn]:
    """Without coturn the test is skipped."""
    if not (program := shutil.which("turnserver")):
        pytest.skip("the tests of TURN need coturn: apt-get install coturn")
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        port = int(tcp.getsockname()[1])
    file = folder / "turnserver.conf"
    file.write_text(_configuration(port, folder))
    running = Coturn(port, folder / "turnserver.log")
    with open(running.log, "wb") as log:
        process = subprocess.Popen(
            [program, "-c", str(file)], stdout=log, stderr=subprocess.STDOUT, cwd=folder
        )
    try:
        _wait(port, process)
        yield running
    finally:
        process.kill()
        process.wait()


def _configuration(port: int, folder: Path) -> str:
    """The documented one, on loopback."""
    (documented,) = re.findall(r"```\n(listening-ip=.*?)```", _DOCS.read_text(), re.DOTALL)
    here = re.sub(r"203\.0\.113\.\d", "127.0.0.1", documented)
    here = here.replace("listening-port=3478", f"listening-port={port}")
    here = re.sub("static-auth-secret=.*", f"static-auth-secret={SECRET}", here)
    return (
        f"{here}allow-loopback-peers\nlog-file=stdout\nverbose\n"
        f"pidfile={folder}/turnserver.pid\nuserdb={folder}/turndb\n"
    )


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Return when it answers."""
    ends = time.monotonic() + HANG_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.1)
        while time.monotonic() < ends:
            assert process.poll() is None, "coturn has ended"
            try:
                asking.sendto(_BINDING_REQUEST, ("127.0.0.1", port))
                asking.recv(2048)
            except OSError:
                continue
            return
    raise AssertionError("coturn does not answer")
