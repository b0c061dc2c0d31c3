"""Make a small, fast ONNX model of MiniLM's weights.

``python -m voice_agent.models.convert.minilm SRC OUT``. Upstream publishes weights for PyTorch; the
network is plain BERT, so its graph is written down here: embeddings, six layers of attention and
feed-forward, the mean over the tokens, length 1. Its matrix products and its vocabulary become
int8: a quarter of the size, twice as fast, and sentences keep their neighbors.

Writes one line to stdout as each step begins.
"""

import json
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime  # type: ignore[import-untyped]  # it ships no types
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (  # type: ignore[import-untyped]  # it ships no types
    QuantType,
    quantize_dynamic,
)

Weights = dict[str, npt.NDArray[np.float32]]

_LAYERS, _HEADS, _HEAD = 6, 12, 32
_WIDTH = _HEADS * _HEAD
_OPSET, _IR = 20, 9
_ERROR = 3


def main(source: Path, out: Path) -> None:
    """Write ``minilm.q8.onnx`` into `out`, from ``model.safetensors`` in `source`."""
    _say("rebuilding the sentence model")
    model = _Graph(read_safetensors(source / "model.safetensors")).build()
    onnx.checker.check_model(model)
    onnx.save(model, str(out / "minilm.onnx"))
    _say("quantizing the sentence model")
    quantize_dynamic(
        str(out / "minilm.onnx"),
        str(out / "minilm.q8.onnx"),
        op_types_to_quantize=["MatMul", "Gather"],
        per_channel=True,
        reduce_range=True,  # or int8 products overflow on CPUs without VNNI
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True},
    )


def read_safetensors(path: Path) -> Weights:
    """The float32 tensors of a file: a length, a JSON header, and one block of numbers."""
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    weights: Weights = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = (start + offset for offset in entry["data_offsets"])
            weights[name] = np.frombuffer(raw[begin:end], "<f4").reshape(entry["shape"])
    return weights


class _Graph:
    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def build(self) -> onnx.ModelProto:
        """``input_ids`` and ``attention_mask`` (batch, length) to ``embedding`` (batch, 384)."""
        mask = self._node("Cast", "attention_mask", to=TensorProto.FLOAT)
        x = self._embeddings()
        bias = self._attention_bias(mask)
        for layer in range(_LAYERS):
            x = self._layer(x, bias, f"encoder.layer.{layer}.")
        mean = self._mean(x, mask)
        self._nodes.append(helper.make_node("LpNormalization", [mean], ["embedding"], axis=-1, p=2))
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", _WIDTH])
        graph = helper.make_graph(
            self._nodes, "minilm", inputs, [output], list(self._constants.values())
        )
        opset = helper.make_opsetid("", _OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=_IR)

    def _embeddings(self) -> str:
        w = self._weights
        # There is one sentence, so every token is of type 0, whose vector the positions take in.
        positions = self._constant(
            "positions",
            w["embeddings.position_embeddings.weight"]
            + w["embeddings.token_type_embeddings.weight"][0],
        )
        length = self._node("Shape", "input_ids", start=1, end=2)
        used = self._node(
            "Slice", positions, self._integers("zero", 0), length, self._integers("axis0", 0)
        )
        words = self._constant("words", w["embeddings.word_embeddings.weight"])
        x = self._node("Add", self._node("Gather", words, "input_ids"), used)
        return self._normalized(x, "embeddings.LayerNorm")

    def _attention_bias(self, mask: str) -> str:
        """0 for what is attended to, and so much less for padding that it does not count."""
        wide = self._node("Unsqueeze", mask, self._integers("axes12", 1, 2))
        hidden = self._node("Sub", self._constant("one", np.float32(1)), wide)
        return self._node("Mul", hidden, self._constant("very_little", np.float32(-1e4)))

    def _layer(self, x: str, bias: str, at: str) -> str:
        heads = self._integers("heads", 0, 0, _HEADS, _HEAD)

        def split(part: str, order: list[int]) -> str:
            projected = self._linear(x, f"{at}attention.self.{part}")
            return self._node("Transpose", self._node("Reshape", projected, heads), perm=order)

        query, value = split("query", [0, 2, 1, 3]), split("value", [0, 2, 1, 3])
        key = split("key", [0, 2, 3, 1])
        scale = self._constant("scale", np.float32(_HEAD**-0.5))
        scores = self._node("Mul", self._node("MatMul", query, key), scale)
        attention = self._node("Softmax", self._node("Add", scores, bias), axis=-1)
        mixed = self._node("Transpose", self._node("MatMul", attention, value), perm=[0, 2, 1, 3])
        joined = self._node("Reshape", mixed, self._integers("width", 0, 0, _WIDTH))
        attended = self._linear(joined, f"{at}attention.output.dense")
        x = self._normalized(self._node("Add", x, attended), f"{at}attention.output.LayerNorm")
        inner = self._node("Gelu", self._linear(x, f"{at}intermediate.dense"))
        fed = self._linear(inner, f"{at}output.dense")
        return self._normalized(self._node("Add", x, fed), f"{at}output.LayerNorm")

    def _mean(self, x: str, mask: str) -> str:
        wide = self._node("Unsqueeze", mask, self._integers("axes2", 2))
        axis = self._integers("axes1", 1)
        total = self._node("ReduceSum", self._node("Mul", x, wide), axis, keepdims=0)
        return self._node("Div", total, self._node("ReduceSum", wide, axis, keepdims=0))

    def _linear(self, x: str, at: str) -> str:
        weight = self._constant(f"{at}.weight", self._weights[f"{at}.weight"].T)
        bias = self._constant(f"{at}.bias", self._weights[f"{at}.bias"])
        return self._node("Add", self._node("MatMul", x, weight), bias)

    def _normalized(self, x: str, at: str) -> str:
        weight, bias = (
            self._constant(f"{at}.{part}", self._weights[f"{at}.{part}"])
            for part in ("weight", "bias")
        )
        return self._node("LayerNormalization", x, weight, bias, epsilon=1e-12, axis=-1)

    def _node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def _integers(self, name: str, *values: int) -> str:
        return self._constant(name, np.array(values, np.int64))

    def _constant(self, name: str, value: Any) -> str:
        if name not in self._constants:
            # Not ascontiguousarray alone: it would make a vector of a number.
            array = np.asarray(value, order="C")
            self._constants[name] = numpy_helper.from_array(array, name)
        return name


def _say(step: str) -> None:
    sys.stdout.write(step + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # Both libraries tell what cannot be changed here.
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(_ERROR)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
