"""Make Moonshine fast on stock onnxruntime.

``python -m voice_agent.models.convert.moonshine SRC OUT``. The shipped model keeps int8 weights and
dequantizes them in the graph at every call, 75 to 100 ms a token. This rebuilds it once:

::

    encoder_model.ort ────────────────────────► fold ► quantize ► encoder_model.q8.onnx
    decoder_model_merged.ort ► split at its If ┬► fold ► quantize ► dec_first.q8.onnx   first token
                                               └► fold ► quantize ► dec_past.q8.onnx    all others

"Fold" computes the constants (float32 weights), "quantize" makes the matrix products int8 again,
this time with kernels that multiply in int8. Writes one line to stdout as each step begins.
"""

import logging
import sys
import warnings
from pathlib import Path

import onnx
import onnxruntime  # type: ignore[import-untyped]  # it ships no types
from onnx import GraphProto, ModelProto, helper
from onnxruntime.quantization import (  # type: ignore[import-untyped]  # it ships no types
    QuantType,
    quantize_dynamic,
)

from .ort_format import convert as convert_ort

_MODELS = ("encoder_model", "dec_first", "dec_past")
_ERROR = 3


def main(source: Path, out: Path) -> None:
    """Write the three ``.q8.onnx`` files into `out`, from the two ``.ort`` files in `source`."""
    _say("rebuilding the encoder")
    convert_ort(source / "encoder_model.ort", out / "encoder_model.onnx")
    _say("rebuilding the decoder")
    decoder = convert_ort(source / "decoder_model_merged.ort", out / "decoder.onnx")
    _split(decoder, out)
    del decoder
    for name in _MODELS:
        _say(f"quantizing {name}")
        _fold(out / f"{name}.onnx", out / f"{name}.fp32.onnx")
        _quantize(out / f"{name}.fp32.onnx", out / f"{name}.q8.onnx")


def _split(decoder: ModelProto, out: Path) -> None:
    """The decoder's one `If` asks whether there is a cache; make a model of each answer."""
    (branch,) = (node for node in decoder.graph.node if node.op_type == "If")
    branches = {attribute.name: attribute.g for attribute in branch.attribute}
    for name, body in (
        ("dec_past", branches["then_branch"]),
        ("dec_first", branches["else_branch"]),
    ):
        renamed = [
            helper.make_node("Identity", [inner.name], [outer])
            for inner, outer in zip(body.output, branch.output, strict=True)
            if inner.name != outer
        ]
        nodes = [node for node in decoder.graph.node if node.op_type != "If"]
        nodes += [*body.node, *renamed]
        used = {argument for node in nodes for argument in node.input}
        graph: GraphProto = helper.make_graph(
            nodes,
            name,
            [value for value in decoder.graph.input if value.name in used],
            # Once there is a cache, its cross-attention half no longer changes.
            [o for o in decoder.graph.output if name == "dec_first" or "encoder" not in o.name],
            [*decoder.graph.initializer, *body.initializer],
        )
        model = helper.make_model(
            graph, opset_imports=list(decoder.opset_import), ir_version=decoder.ir_version
        )
        onnx.save(model, str(out / f"{name}.onnx"))


def _fold(source: Path, target: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def _quantize(source: Path, target: Path) -> None:
    quantize_dynamic(
        str(source),
        str(target),
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        reduce_range=True,  # or int8 products overflow on CPUs without VNNI
        weight_type=QuantType.QInt8,
    )


def _say(step: str) -> None:
    sys.stdout.write(step + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # Both libraries tell what cannot be changed here, some of it once per weight.
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(_ERROR)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
