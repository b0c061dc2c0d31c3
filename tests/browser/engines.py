"""Firefox and WebKit (Safari's engine) as Debian has them, driven by the W3C's own protocols.

Playwright drives its own builds of them, which Debian has not; of an ordinary Firefox (its channel
`moz-firefox`) it asks at once for what the present ESR does not know. Selenium's way to Firefox is
geckodriver, which Debian has not either.

A `Tab` has those methods of Playwright's `Page` that the tests of the SDK use, so that what is
tested in Chromium can be tested here.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.voice_agent.media import HANG_S

ENTER = "\ue007"
"""To be written."""

MINI_BROWSER = "webkit2gtk-4.*/MiniBrowser"

PREFERENCES = {
    "media.cubeb.force_mock_context": True,  # A loudspeaker that nobody hears.
    "media.navigator.streams.fake": True,  # The microphone is a tone.
    "media.navigator.permission.disabled": True,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.normandy.enabled": False,
    "nimbus.rollouts.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.newtab.preload": False,
    "browser.safebrowsing.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
}

# The script stands alone: nothing of this may hide what the page has named.
_SETTLED = """async (given) => JSON.stringify(
    (await (async (own) => typeof own === "function" ? own(given) : own)(SCRIPT)) ?? null)"""

# What else Firefox calls an error is told in a sentence: of its network, of a page's policy.
_THROWN = re.compile(r"\w*Error: |uncaught exception: ")

# Classic WebDriver tells nothing of a page's errors: they are listened to once it is loaded.
_LISTEN = """() => {
    window.thrown = [];
    addEventListener("error", ({message}) => thrown.push(message));
    addEventListener("unhandledrejection", ({reason}) => thrown.push(String(reason)));
}"""


class PageError(Exception):
    """A script of the test's has failed in the page."""


class Tab(ABC):
    """The one tab of a browser."""

    name = ""
    version = ""

    @abstractmethod
    def goto(self, url: str) -> None:
        """Return when it is loaded."""

    @abstractmethod
    def reload(self) -> None: ...

    @abstractmethod
    def _run(self, function: str, given: Any, clicked: bool = True) -> str:
        """What the function promises for `given`, `clicked`: as if in the handler of a click, where
        the browser can do that. Raises PageError."""

    @abstractmethod
    def _act(self, sources: list[dict[str, Any]]) -> None:
        """Do what the W3C's WebDriver calls actions."""

    @abstractmethod
    def thrown(self) -> list[str]:
        """What pages have thrown since this was asked last, and nobody caught."""

    def evaluate(self, script: str, given: Any = None, clicked: bool = True) -> Any:
        """The value of an expression; if that is a function, what it returns for `given`."""
        return json.loads(self._run(_SETTLED.replace("SCRIPT", script), given, clicked))

    def wait_for_function(self, script: str, clicked: bool = True) -> None:
        """Return when the expression is true."""
        until = time.monotonic() + HANG_S
        while not self.evaluate(f"Boolean({script})", None, clicked):
            if time.monotonic() > until:
                raise PageError(f"never: {script}; {self.evaluate('document.body.innerText')}")
            time.sleep(0.05)

    def wait_for(self, element: str) -> None:
        """Return when there is an element of this XPath."""
        self.wait_for_function(_found(element))

    def click(self, element: str) -> None:
        """Click, as a user does, in the middle of the first element of this XPath."""
        found = _found(element)
        self.wait_for_function(f"{found} && !{found}.disabled")
        at = self.evaluate(
            f"""(() => {{
            const element = {found};
            element.scrollIntoView({{block: "center"}});
            const {{x, y, width, height}} = element.getBoundingClientRect();
            return {{x: Math.round(x + width / 2), y: Math.round(y + height / 2)}};
        }})()"""
        )
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        moved = {"type": "pointerMove", "duration": 0, "origin": "viewport", **at}
        self._act([{"type": "pointer", "id": "mouse", "actions": [moved, *press]}])

    def fill(self, label: str, text: str) -> None:
        """Click the field of this label and type."""
        self.click(f"//*[@aria-label = '{label}' or @id = //label[. = '{label}']/@for]")
        self.write(text)

    def write(self, text: str) -> None:
        """Type this where the cursor stands."""
        kinds = ("keyDown", "keyUp")
        keys = [{"type": kind, "value": key} for key in text for kind in kinds]
        self._act([{"type": "key", "id": "keyboard", "actions": keys}])


def _found(element: str) -> str:
    return f"document.evaluate({json.dumps(element)}, document, null, 9).singleNodeValue"


class Firefox(Tab):
    """By WebDriver BiDi, which Firefox speaks itself: https://w3c.github.io/webdriver-bidi/"""

    name = "firefox"

    def __init__(self, wire: ClientConnection) -> None:
        self._wire = wire
        self._thrown: list[str] = []
        self._asked = 0
        self.version = self._ask("session.new", capabilities={})["capabilities"]["browserVersion"]
        (tab,) = self._ask("browsingContext.getTree")["contexts"]
        self._context = tab["context"]
        self._ask("session.subscribe", events=["log.entryAdded"])

    def _ask(self, method: str, **params: Any) -> Any:
        self._asked += 1
        self._wire.send(json.dumps({"id": self._asked, "method": method, "params": params}))
        while True:
            told = json.loads(self._wire.recv(4 * HANG_S))
            if told.get("id") == self._asked:
                break
            entry = told.get("params", {})
            if entry.get("type") == "javascript" and _THROWN.match(entry["text"] or ""):
                self._thrown.append(entry["text"])
        assert told["type"] == "success", told
        return told["result"]

    def goto(self, url: str) -> None:
        self._ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def reload(self) -> None:
        self._ask("browsingContext.reload", context=self._context, wait="complete")

    def thrown(self) -> list[str]:
        self._ask("session.status")  # Its answer comes behind what happened before.
        told, self._thrown = self._thrown, []
        return told

    def _run(self, function: str, given: Any, clicked: bool = True) -> str:
        told = self._ask(
            "script.evaluate",
            expression=f"({function})({json.dumps(given)})",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=clicked,  # What Playwright evaluates always is.
        )
        if told["type"] == "exception":
            raise PageError(told["exceptionDetails"]["text"])
        return str(told["result"]["value"])

    def _act(self, sources: list[dict[str, Any]]) -> None:
        self._ask("input.performActions", context=self._context, actions=sources)


class WebKit(Tab):
    """By WebDriver, through WebKitGTK's driver: https://w3c.github.io/webdriver/"""

    name = "webkit"

    def __init__(self, url: str, capabilities: dict[str, Any]) -> None:
        self._url = url
        self._thrown: list[str] = []
        made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.version = made["capabilities"]["browserVersion"]
        self._session = f"/session/{made['sessionId']}"
        self._ask("POST", f"{self._session}/timeouts", {"script": 4000 * HANG_S})

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=4 * HANG_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise PageError(error.read().decode()) from None

    def goto(self, url: str) -> None:
        self._gather()
        self._ask("POST", f"{self._session}/url", {"url": url})
        self.evaluate(_LISTEN)

    def reload(self) -> None:
        self._gather()
        self._ask("POST", f"{self._session}/refresh", {})
        self.evaluate(_LISTEN)

    def _gather(self) -> None:
        self._thrown += self.evaluate("(window.thrown ?? []).splice(0)")

    def thrown(self) -> list[str]:
        self._gather()
        told, self._thrown = self._thrown, []
        return told

    def _run(self, function: str, given: Any, clicked: bool = True) -> str:
        script = f"""const [given, done] = arguments;
            ({function})(given).then(done, (error) => done({{error: String(error)}}));"""
        told = self._ask(
            "POST", f"{self._session}/execute/async", {"script": script, "args": [given]}
        )
        if isinstance(told, dict):
            raise PageError(told["error"])
        return str(told)

    def _act(self, sources: list[dict[str, Any]]) -> None:
        self._ask("POST", f"{self._session}/actions", {"actions": sources})

    def close(self) -> None:
        self._ask("DELETE", self._session)


def missing(name: str) -> str:
    """The sentence that says what to install for this engine; empty if it is there."""
    if name == "firefox":
        wanted = {"firefox-esr": _firefox()}
    else:
        wanted = {"webkit2gtk-driver": _mini_browser(), "xvfb": shutil.which("Xvfb")}
    packages = [package for package, found in wanted.items() if not found]
    return f"{name} is not installed: apt-get install {' '.join(packages)}" if packages else ""


def _firefox() -> str | None:
    return shutil.which("firefox-esr") or shutil.which("firefox")


def _mini_browser() -> str | None:
    driver = shutil.which("WebKitWebDriver")
    found = [
        str(path) for lib in Path("/usr").glob("lib*") for path in lib.glob(f"*/{MINI_BROWSER}")
    ]
    found += [str(path) for path in Path("/usr").glob(f"lib*/{MINI_BROWSER}")]
    return max(found, default=None) if driver else None


@contextmanager
def engine(name: str, folder: Path) -> Iterator[Tab]:
    """The browser, with an empty profile in `folder`."""
    with firefox(folder) if name == "firefox" else webkit(folder) as tab:
        yield tab


@contextmanager
def firefox(folder: Path) -> Iterator[Firefox]:
    program = _firefox()
    assert program
    preferences = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items())
    (folder / "user.js").write_text("\n".join(preferences), "utf-8")
    told = folder / "WebDriverBiDiServer.json"
    options = (
        "--headless",
        "--no-remote",
        "--profile",
        str(folder),
        "--remote-debugging-port",
        "0",
    )
    with running((program, *options), folder) as process:
        until = time.monotonic() + HANG_S
        while not told.exists() or not told.read_text("utf-8").endswith("}"):
            assert process.poll() is None and time.monotonic() < until, "Firefox does not start"
            time.sleep(0.05)
        at = json.loads(told.read_text("utf-8"))
        url = f"ws://{at['ws_host']}:{at['ws_port']}/session"
        with connect(url, max_size=None, compression=None, proxy=None) as wire:
            yield Firefox(wire)


@contextmanager
def webkit(folder: Path) -> Iterator[WebKit]:
    program = _mini_browser()
    assert program
    port = _free_port()
    settings = ("enable-mock-capture-devices", "enable-media-stream", "enable-webrtc")
    options = ["--automation", *(f"--{each}=true" for each in settings)]
    capabilities = {
        "browserName": "MiniBrowser",
        "webkitgtk:browserOptions": {"binary": program, "args": options},
    }
    with ExitStack() as stack:
        screen = stack.enter_context(display(folder))
        driver = ("WebKitWebDriver", f"--port={port}")
        process = stack.enter_context(running(driver, folder, DISPLAY=screen))
        until = time.monotonic() + HANG_S
        while not _answers(port):
            assert process.poll() is None and time.monotonic() < until, "WebKit does not start"
            time.sleep(0.05)
        tab = WebKit(f"http://127.0.0.1:{port}", capabilities)
        stack.callback(tab.close)
        yield tab


@contextmanager
def display(folder: Path) -> Iterator[str]:
    """A screen that nobody sees; its name."""
    numbers, number = os.pipe()
    try:
        screen = (
            "Xvfb",
            "-displayfd",
            str(number),
            "-screen",
            "0",
            "1280x800x24",
            "-nolisten",
            "tcp",
        )
        with running(screen, folder, pass_fds=(number,)):
            os.close(number)
            number = -1
            with os.fdopen(os.dup(numbers)) as told:
                yield f":{told.readline().strip()}"
    finally:
        os.close(numbers)
        if number >= 0:
            os.close(number)


@contextmanager
def running(
    command: tuple[str, ...], folder: Path, pass_fds: tuple[int, ...] = (), **more: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """The program, at home in `folder`; it is ended behind the block."""
    own = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "LC_ALL": "en_US.UTF-8"}
    environment = {**os.environ, **own, **more}
    with open(folder / f"{Path(command[0]).name}.log", "wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, pass_fds=pass_fds
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as made:
        return made.connect_ex(("127.0.0.1", port)) == 0
