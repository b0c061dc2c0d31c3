"""The child process that serves a GGUF model over HTTP on the loopback: ``python -m`` this.

It keeps the agreement of `child`: configuration on the first line of stdin, a ready line
``{"url": …}`` on stdout, and the end when stdin ends (at the latest once the model is loaded, for
loading holds the interpreter). The HTTP interface is llama.cpp's own, OpenAI-compatible one.
"""

import os
import sys
import threading
from importlib import import_module
from typing import Any

import msgspec


class Config(msgspec.Struct, frozen=True):
    """What the parent sends."""

    model: str
    api_key: str
    threads: int
    slots: int
    """Requests served at the same time; the context is divided among them."""
    context_tokens: int
    slot_dir: str
    """Where slots are saved to and restored from."""
    prompt_cache_mib: int = 256
    """Memory for prompts that had to leave their slot. The library's own limit is 8 GiB."""
    batch_tokens: int = 64
    """Prompt tokens read in one step: as fast as 512 on a CPU, and the other slots, whose next
    token waits for the step, stall for a second rather than for the whole of a long prompt."""
    nice: int = 5
    """Audio is paced by other processes on the same cores: they go first."""


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)  # nothing to save, and the library's threads would not let go


def main() -> None:
    config = msgspec.json.decode(sys.stdin.buffer.readline(), type=Config)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    os.nice(config.nice)

    # Read when the library loads. By default its threads spin while they wait for each other, and
    # with as many of them as cores one busy neighbor makes a token take ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    xllamacpp: Any = import_module("xllamacpp")  # it ships no types
    params = xllamacpp.CommonParams()
    params.model.path = config.model
    params.api_keys = [config.api_key]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = config.context_tokens
    params.n_parallel = config.slots
    params.n_batch = params.n_ubatch = config.batch_tokens
    params.cpuparams.n_threads = config.threads
    params.cpuparams_batch.n_threads = config.threads
    params.slot_save_path = os.path.join(config.slot_dir, "")  # the library appends the bare name
    params.cache_ram_mib = config.prompt_cache_mib
    params.ui = False
    params.verbosity = 1  # errors: what is more would quote prompts
    # Speculation is off unless asked for; n-grams make decoding slower on a few small cores.
    server = xllamacpp.Server(params)

    sys.stdout.buffer.write(msgspec.json.encode({"url": server.listening_address}) + b"\n")
    sys.stdout.buffer.flush()
    os.dup2(2, 1)  # what the library might print later is not for the parent
    threading.Event().wait()


if __name__ == "__main__":
    main()
