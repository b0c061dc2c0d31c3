"""onnxruntime, as much of it as the local models need, typed and set up for sharing a machine."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from voice_pipelines.errors import ProviderRefused

Array = NDArray[Any]


class Argument(Protocol):
    """An input or an output of a model."""

    @property
    def name(self) -> str: ...


class Value(Protocol):
    """A tensor that stays where onnxruntime put it."""

    def numpy(self) -> Array: ...


class Session(Protocol):
    """A loaded model. Runs may overlap in several threads; the GIL is released meanwhile."""

    def get_inputs(self) -> Sequence[Argument]: ...

    def get_outputs(self) -> Sequence[Argument]: ...

    def run(self, outputs: Sequence[str] | None, feed: Mapping[str, Array]) -> list[Array]: ...

    def run_with_ort_values(
        self, outputs: Sequence[str] | None, feed: Mapping[str, Value]
    ) -> Sequence[Value]: ...


def open_session(path: Path) -> Session:
    """Load a model for one thread per run. Raises ProviderRefused.

    One thread, because calls are what runs in parallel here; and that thread sleeps when it has
    nothing to do, because by default it spins, which takes the core from the other calls.
    """
    runtime: Any = import_module("onnxruntime")  # imported late: it costs 100 ms and 30 MB
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session: Session = runtime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's exceptions share no other base
        raise ProviderRefused("local", f"{path.name} cannot be loaded") from error
    return session


def value_of(array: Array) -> Value:
    """`array` where onnxruntime wants it."""
    value: Value = import_module("onnxruntime").OrtValue.ortvalue_from_numpy(array)
    return value
