"""The SDK's own tests, and that what the server serves is what its source gives."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.voice_agent.media import HANG_S

pytestmark = pytest.mark.browser
SDK = Path(__file__).parents[2] / "sdk"
SERVED = SDK.parent / "voice_agent" / "web" / "sdk"
BUILT = {"persona.js", "persona.classic.js", "persona.d.ts", "worklet.js"}


def ran(*command: str) -> str:
    assert shutil.which(command[0]), "Node.js 20 or newer is needed"
    assert (SDK / "node_modules").is_dir(), "make console"
    done = subprocess.run(command, cwd=SDK, capture_output=True, text=True, timeout=10 * HANG_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_types_are_right_and_its_tests_pass() -> None:
    """S004-92, S004-94, S004-98, S004-101, and that no drift of clocks is heard."""
    assert "fail 0" in ran("npm", "test", "--silent")


def test_what_is_served_is_what_the_source_gives(tmp_path: Path) -> None:
    """S004-91: whoever changes sdk/src commits `npm run build` with it."""
    ran("node", "build.mjs", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == BUILT
    for path in tmp_path.iterdir():
        assert path.read_text() == (SERVED / path.name).read_text(), path.name


def test_what_is_published() -> None:
    """The package holds what is built, its types, its license and how to use it."""
    shutil.copytree(SERVED, SDK / "dist", dirs_exist_ok=True)
    (told,) = json.loads(ran("npm", "pack", "--dry-run", "--json", "--silent", "--ignore-scripts"))
    files = {each["path"] for each in told["files"]}
    assert files == {"package.json", "README.md", "LICENSE", *(f"dist/{name}" for name in BUILT)}
    package = json.loads((SDK / "package.json").read_text())
    entry = package["exports"]["."]
    assert {entry["types"], entry["default"]} <= {f"./{name}" for name in files}
    assert "dependencies" not in package
    assert (SDK / "LICENSE").read_text() == (SDK.parent / "LICENSE").read_text()
