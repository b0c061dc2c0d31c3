"""Rebuild an ordinary ONNX model from an ORT-format one, with the stock wheels.

An ``.ort`` file is a flatbuffer of the graph as onnxruntime had it in memory. onnxruntime runs it
but no longer optimizes it: weights that are dequantized *in the graph* are dequantized at every
call. As ONNX, the constants fold.
"""

from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import Any

import onnx
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
)

_FBS = "onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs"
_DOMAINS = ("", "com.microsoft")
_NEWEST_IR = 10
_DIMENSION_IS_NUMBER = 1


def _flatbuffer(name: str) -> Any:
    """A class that flatc generated for onnxruntime; it carries no types."""
    return getattr(import_module(f"{_FBS}.{name}"), name)


_InferenceSession = _flatbuffer("InferenceSession")
_TensorTypeAndShape = _flatbuffer("TensorTypeAndShape")
_TypeInfoValue = _flatbuffer("TypeInfoValue")


def read_ort(path: Path) -> ModelProto:
    """The model in an ORT-format file. Raises ValueError for an unknown type of attribute."""
    model = _InferenceSession.GetRootAsInferenceSession(path.read_bytes(), 0).Model()
    opsets = [model.OpsetImport(i) for i in range(model.OpsetImportLength())]
    return helper.make_model(
        _graph(model.Graph()),
        opset_imports=[
            helper.make_opsetid(_text(opset.Domain()), opset.Version())
            for opset in opsets
            if _text(opset.Domain()) in _DOMAINS
        ],
        ir_version=min(model.IrVersion(), _NEWEST_IR),
    )


def _graph(graph: Any) -> GraphProto:
    arguments = {_text(a.Name()): a for a in _each(graph.NodeArgs, graph.NodeArgsLength())}
    weights = [_tensor(t) for t in _each(graph.Initializers, graph.InitializersLength())]
    constant = {weight.name for weight in weights}
    inputs = [_text(name) for name in _each(graph.Inputs, graph.InputsLength())]
    outputs = [_text(name) for name in _each(graph.Outputs, graph.OutputsLength())]
    nodes = [_node(node) for node in _each(graph.Nodes, graph.NodesLength())]
    return helper.make_graph(
        _in_order(nodes),
        "rebuilt",
        [_value(name, arguments.get(name)) for name in inputs if name not in constant],
        [_value(name, arguments.get(name)) for name in outputs],
        weights,
    )


def _in_order(nodes: list[NodeProto]) -> list[NodeProto]:
    """Each node after those whose results it needs, as ONNX demands and ORT does not."""
    maker = {output: i for i, node in enumerate(nodes) for output in node.output if output}
    needs = {
        i: {maker[name] for name in _reads(node) if name in maker} for i, node in enumerate(nodes)
    }
    return [nodes[i] for i in TopologicalSorter(needs).static_order()]


def _reads(node: NodeProto) -> set[str]:
    """Names that `node` takes from outside, those that its subgraphs close over included."""
    names = set(node.input)
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            names |= _free(attribute.g)
    return names


def _free(graph: GraphProto) -> set[str]:
    defined = {value.name for value in graph.input} | {weight.name for weight in graph.initializer}
    defined |= {name for node in graph.node for name in node.output}
    used = {name for node in graph.node for name in _reads(node)}
    return used - defined


def _node(node: Any) -> NodeProto:
    rebuilt = NodeProto(
        name=_text(node.Name()), op_type=_text(node.OpType()), domain=_text(node.Domain())
    )
    rebuilt.input.extend(_text(name) for name in _each(node.Inputs, node.InputsLength()))
    rebuilt.output.extend(_text(name) for name in _each(node.Outputs, node.OutputsLength()))
    rebuilt.attribute.extend(_attribute(a) for a in _each(node.Attributes, node.AttributesLength()))
    return rebuilt


def _attribute(attribute: Any) -> AttributeProto:
    rebuilt = AttributeProto(name=_text(attribute.Name()), type=attribute.Type())
    match attribute.Type():
        case AttributeProto.FLOAT:
            rebuilt.f = attribute.F()
        case AttributeProto.INT:
            rebuilt.i = attribute.I()
        case AttributeProto.STRING:
            rebuilt.s = attribute.S() or b""
        case AttributeProto.TENSOR:
            rebuilt.t.CopyFrom(_tensor(attribute.T()))
        case AttributeProto.GRAPH:
            rebuilt.g.CopyFrom(_graph(attribute.G()))
        case AttributeProto.FLOATS:
            rebuilt.floats.extend(_each(attribute.Floats, attribute.FloatsLength()))
        case AttributeProto.INTS:
            rebuilt.ints.extend(_each(attribute.Ints, attribute.IntsLength()))
        case AttributeProto.STRINGS:
            rebuilt.strings.extend(_each(attribute.Strings, attribute.StringsLength()))
        case unknown:
            raise ValueError(f"attribute type {unknown} of {rebuilt.name}")
    return rebuilt


def _tensor(tensor: Any) -> TensorProto:
    rebuilt = TensorProto(name=_text(tensor.Name()), data_type=tensor.DataType())
    rebuilt.dims.extend(_each(tensor.Dims, tensor.DimsLength()))
    data = tensor.RawDataAsNumpy()
    rebuilt.raw_data = b"" if isinstance(data, int) else data.tobytes()  # 0 stands for "none"
    return rebuilt


def _value(name: str, argument: Any) -> ValueInfoProto:
    kind = argument.Type() if argument else None
    if kind is None or kind.ValueType() != _TypeInfoValue.tensor_type:
        return ValueInfoProto(name=name)
    tensor = _TensorTypeAndShape()
    tensor.Init(kind.Value().Bytes, kind.Value().Pos)
    shape = tensor.Shape()
    sizes = None if shape is None else [_size(d) for d in _each(shape.Dim, shape.DimLength())]
    return helper.make_tensor_value_info(name, tensor.ElemType(), sizes)


def _size(dimension: Any) -> int | str | None:
    value = dimension.Value()
    if value.DimType() == _DIMENSION_IS_NUMBER:
        return int(value.DimValue())
    return _text(value.DimParam()) or None


def _each(get: Any, count: int) -> Iterator[Any]:
    return (get(i) for i in range(count))


def _text(raw: bytes | None) -> str:
    return raw.decode() if raw else ""


def convert(source: Path, target: Path) -> ModelProto:
    """Write the model in the ORT-format file `source` to `target` as ONNX, and return it."""
    model = read_ort(source)
    onnx.save(model, str(target))
    return model
