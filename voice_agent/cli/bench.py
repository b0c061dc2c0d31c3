"""``voice-agent bench``: runs the benchmarks of a checkout, which are no part of the package."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from ..errors import VoiceAgentError

app = App(name="bench", help="Measure this machine. Figures as a table, or as JSON with --json.")

Rest = Annotated[str, Parameter(allow_leading_hyphen=True, help="Options of the benchmark.")]


_BENCHMARKS = {
    "latency": (
        "Added latency, barge-in, CPU and memory of N simulated calls; `--help` shows the options."
    ),
    "load": "Soak: many calls for minutes; memory, files and tasks must stay flat.",
    "micro": "What each step of the frame path costs.",
    "retrieval": "What finding scenarios adds to a turn, and what it costs.",
    "dispatch": (
        "What checking and dispatching an action costs, without the service that it calls."
    ),
    "consoles": "What consoles that watch live calls cost those calls.",
    "webrtc": "What WebRTC calls cost, and how long sound takes through them.",
    "local": "How soon the local agent answers over the telephone and over WebRTC, by turns.",
}


def _add(name: str, told: str) -> None:
    def run(*options: Rest) -> int:
        return _run(name, options)

    app.command(run, name=name, help=told, help_flags=[])  # The benchmark tells its own options.


for _name, _told in _BENCHMARKS.items():
    _add(_name, _told)


def _run(name: str, options: tuple[str, ...]) -> int:
    root = Path(__file__).resolve().parents[2]
    if find_spec("voice_agent") is None or not (root / "bench" / f"{name}.py").is_file():
        raise VoiceAgentError(
            "The benchmarks are in the source tree only: run this command in a checkout "
            "that was set up with `make setup`."
        )
    return subprocess.run([sys.executable, "-m", f"bench.{name}", *options], cwd=root).returncode
