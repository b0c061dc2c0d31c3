"""What a sentence means, as a vector; sentences that mean the same have vectors that are close."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from .wordpiece import WordPieces

Vectors: TypeAlias = npt.NDArray[np.float32]
"""(texts, dimensions), each of length 1."""

_BATCH = 16
"""Texts at a time: few enough that a query in between does not wait for long."""


class Embedder(Protocol):
    """Makes vectors of texts. It takes milliseconds, so it is called in threads; in several."""

    def embed(self, texts: Sequence[str]) -> Vectors: ...


class MiniLm:
    """all-MiniLM-L6-v2 on onnxruntime: 384 dimensions, about 4 ms for a short sentence."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """`folder` is the model's in the store. Loading takes 0.1 s."""
        import onnxruntime  # type: ignore[import-untyped]  # it ships no types

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that spin while there is nothing to do would take the core from the calls.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            str(folder / "minilm.q8.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._tokens = WordPieces(folder / "vocab.txt")

    def embed(self, texts: Sequence[str]) -> Vectors:
        tokens = [self._tokens(text) for text in texts]
        vectors = np.zeros((len(texts), 384), np.float32)
        # Texts of about the same length together: each is padded to the longest beside it.
        order = sorted(range(len(texts)), key=lambda number: len(tokens[number]))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            vectors[batch] = self._run([tokens[number] for number in batch])
        return vectors

    def _run(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        shape = len(tokens), max(len(row) for row in tokens)
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for number, row in enumerate(tokens):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        (result,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        vectors: Vectors = result
        return vectors


class Remembered:
    """An embedder that makes each text's vector once while it is among the last `capacity`."""

    def __init__(self, embedder: Embedder, capacity: int = 20_000) -> None:
        """20,000 vectors of 384 dimensions are 30 MiB."""
        self._embedder = embedder
        self._capacity = capacity
        self._vectors: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            known = {text: self._vectors[text] for text in texts if text in self._vectors}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known |= zip(new, self._embedder.embed(new), strict=True)
        with self._lock:
            for text, vector in known.items():
                self._vectors[text] = vector
                self._vectors.move_to_end(text)
            while len(self._vectors) > self._capacity:
                self._vectors.popitem(last=False)
        return np.array([known[text] for text in texts], np.float32)
