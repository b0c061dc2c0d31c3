"""``voice-agent bench``: runs the benchmarks of a checkout, which are no part of the package."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from ..errors import VoiceAgentError

app = App(name="bench", help="Measure this machine. Figures as a table, or as JSON with --json.")

Rest = Annotated[str, Parameter(allow_leading_hyphen=True, help="Options of the benchmark.")]


@app.command(help_flags=[])  # The benchmark tells its own options.
def latency(*options: Rest) -> int:
    """Added latency, barge-in, CPU and memory of N simulated calls; `--help` shows the options."""
    return _run("latency", options)


@app.command(help_flags=[])  # The benchmark tells its own options.
def load(*options: Rest) -> int:
    """Soak: many calls for minutes; memory, files and tasks must stay flat."""
    return _run("load", options)


@app.command(help_flags=[])  # The benchmark tells its own options.
def micro(*options: Rest) -> int:
    """What each step of the frame path costs."""
    return _run("micro", options)


@app.command(help_flags=[])  # The benchmark tells its own options.
def retrieval(*options: Rest) -> int:
    """What finding scenarios adds to a turn, and what it costs."""
    return _run("retrieval", options)


@app.command(help_flags=[])  # The benchmark tells its own options.
def dispatch(*options: Rest) -> int:
    """What checking and dispatching an action costs, without the service that it calls."""
    return _run("dispatch", options)


@app.command(help_flags=[])  # The benchmark tells its own options.
def consoles(*options: Rest) -> int:
    """What consoles that watch live calls cost those calls."""
    return _run("consoles", options)


@app.command(help_flags=[])  # The benchmark tells its own options.
def webrtc(*options: Rest) -> int:
    """What WebRTC calls cost, and how long sound takes through them."""
    return _run("webrtc", options)


@app.command(help_flags=[])  # The benchmark tells its own options.
def local(*options: Rest) -> int:
    """How soon the local agent answers over the telephone and over WebRTC, by turns."""
    return _run("local", options)


def _run(
    name: Literal[
        "latency", "load", "micro", "retrieval", "dispatch", "consoles", "webrtc", "local"
    ],
    options: tuple[str, ...],
) -> int:
    root = Path(__file__).resolve().parents[2]
    if find_spec("voice_agent") is None or not (root / "bench" / f"{name}.py").is_file():
        raise VoiceAgentError(
            "The benchmarks are in the source tree only: run this command in a checkout "
            "that was set up with `make setup`."
        )
    return subprocess.run([sys.executable, "-m", f"bench.{name}", *options], cwd=root).returncode
