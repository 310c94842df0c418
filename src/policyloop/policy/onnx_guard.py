"""A guard before ONNX files of others: nothing is run that could read a file, take all memory, or call code of its own.

Question answered: may these bytes become a model here? External data (which names files), operators of other domains, control
flow and operators that make tensors of any size are refused, each by name; so is what is too large. What those that remain
make of one state, and of as many as are run at once, is worked out before anything is run: forty doublings take all memory.
Letters: n states run at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import onnx

from policyloop.core.errors import BadModel

MAX_BYTES = 100 * 2**20
MAX_NUMBERS = 10_000_000  # in all tensors of one run together, without the weights
MOST_AT_ONCE = 4096
_LONGEST_SHAPE = 1024  # of a vector that is put together: the sizes of tensors are worked out from such, entry by entry
_OPERATORS = """
Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant Conv Cos Div Dropout
Elu Equal Erf Exp Flatten Floor Gather GatherElements Gelu Gemm GlobalAveragePool GlobalMaxPool Greater
GreaterOrEqual HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization LeakyRelu Less
LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min Mish Mod Mul Neg Not Or Pow PRelu Reciprocal ReduceL1
ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum Relu Reshape Round Selu Shape
Sigmoid Sign Sin Slice Softmax Softplus Softsign Split Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze Where Xor
"""
ALLOWED = frozenset(_OPERATORS.split())
_OWN_DOMAINS = ("", "ai.onnx")

_Shape = tuple[int | None, ...]  # None: a size that is not known


def checked(data: bytes, *, what: str) -> onnx.ModelProto:
    """The graph, when it may be run.

    Args:
        data: the bytes of an ONNX file.
        what: which file, for messages.

    Raises:
        BadModel: it may not; why, and what to do.
    """
    if len(data) > MAX_BYTES:
        raise BadModel(f"{what} has {len(data):,} bytes; expected at most {MAX_BYTES:,}. Make the model smaller.")
    try:
        model = onnx.load_model_from_string(data)
        onnx.checker.check_model(model)
    except Exception as error:  # noqa: BLE001 - protobuf and the checker raise what they please, external data among it
        raise BadModel(f"{what} is no ONNX model that holds everything itself: {str(error).splitlines()[0]}") from None
    for fault in _faults(model):
        raise BadModel(f"{what} {fault}")
    return model


def states_at_once(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]], *, what: str) -> int:
    """How many states may be run at once, so that all tensors together stay within bounds.

    Args:
        model: as `checked` gave it.
        shapes: of each input, for one state and without the axis of states.
        what: which file, for messages.

    Raises:
        BadModel: one state makes too much, more states make more than their share, or how much cannot be told.
    """
    of_one = _numbers(model, shapes, n=1, what=what)
    n = max(1, min(MOST_AT_ONCE, MAX_NUMBERS // max(of_one, 1)))
    if n > 1:
        _numbers(model, shapes, n=n, what=what)
    return n


def _numbers(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]], *, n: int, what: str) -> int:
    """How many numbers all nodes make of n states; raises as `states_at_once`."""
    asked = _without_claims(model, {name: (n, *shape) for name, shape in shapes.items()})
    _check_sizes(_shapes(asked, knows_values=False, what=what), asked, n=n, what=what)
    found = _shapes(asked, knows_values=True, what=what)
    for node in model.graph.node:
        for name in node.output:
            if name and _size(found.get(name)) is None:
                raise BadModel(
                    f"{what} has a {node.op_type} that makes '{name}' of a size that cannot be told before it is run; expected "
                    f"sizes that follow from the state's. Export it with constants in place of computed sizes."
                )
    return _check_sizes(found, asked, n=n, what=what)


def _without_claims(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> onnx.ModelProto:
    """The model for inputs of these shapes; what it says itself of the sizes of other tensors is not believed."""
    asked = onnx.ModelProto()
    asked.CopyFrom(model)
    del asked.graph.value_info[:]
    for output in asked.graph.output:
        output.type.tensor_type.ClearField("shape")
    for given in asked.graph.input:
        if given.name in shapes:
            given.type.tensor_type.ClearField("shape")
            for size in shapes[given.name]:
                given.type.tensor_type.shape.dim.add().dim_value = size
    return asked


def _shapes(model: onnx.ModelProto, *, knows_values: bool, what: str) -> dict[str, _Shape | None]:
    """The shape of each tensor that nodes make, as far as it is known; None where not even the number of its axes is.

    Args:
        model: with the shapes of its inputs.
        knows_values: whether sizes that the graph computes are computed along, which takes memory of its own.
    """
    try:
        found = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=knows_values)
    except Exception as error:  # noqa: BLE001 - it raises what it pleases
        raise BadModel(f"{what} does not take these states: {str(error).splitlines()[0]}") from None
    kinds = {tensor.name: tensor.type.tensor_type for tensor in [*found.graph.value_info, *found.graph.output]}
    return {
        name: tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim)
        for name, kind in kinds.items()
        if kind.HasField("shape")
    }


def _check_sizes(shapes: Mapping[str, _Shape | None], model: onnx.ModelProto, *, n: int, what: str) -> int:
    """How many numbers nodes make as far as is known: few enough, and no vector is put together that may be a long one."""
    total = 0
    for node in model.graph.node:
        if node.op_type == "Constant":
            continue
        total += sum(_size(shapes.get(name)) or 0 for name in node.output)
        if total > MAX_NUMBERS:
            raise BadModel(
                f"{what} makes {total:,} numbers of {n:,} state{'s' * (n > 1)} by the {node.op_type} of '{node.output[0]}'; "
                f"expected at most {MAX_NUMBERS:,} in all its tensors together. Make the model smaller."
            )
        if node.op_type == "Concat" and _may_be_long(shapes.get(node.output[0]), _axis(node)):
            raise BadModel(
                f"{what} puts the vector '{node.output[0]}' together, whose length is not known or above {_LONGEST_SHAPE:,}; "
                f"expected vectors of sizes alone. Export it with constants in place of computed sizes."
            )
    return total


def _may_be_long(joined: _Shape | None, axis: int) -> bool:
    if joined is None:
        return axis == 0
    return len(joined) == 1 and (joined[0] is None or joined[0] > _LONGEST_SHAPE)


def _size(shape: _Shape | None) -> int | None:
    """How many numbers; None where that is not known."""
    known = [size for size in shape if size is not None] if shape is not None else []
    return math.prod(known) if shape is not None and len(known) == len(shape) else None


def _axis(node: onnx.NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)


def _faults(model: onnx.ModelProto) -> Iterator[str]:
    """What is wrong, the first of it."""
    if model.functions:
        yield "has functions of its own; expected plain operators. Export it without them."
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            yield f"keeps '{tensor.name}' in another file; expected all weights inside. Export it without external data."
    if model.graph.sparse_initializer:
        yield "has sparse weights; expected dense ones."
    for node in model.graph.node:
        if node.domain not in _OWN_DOMAINS:
            yield f"uses {node.op_type} of the domain '{node.domain}'; expected operators of ONNX itself."
        if node.op_type not in ALLOWED:
            yield f"uses the operator {node.op_type}, which is not among those that a policy needs. Export it another way."
        for attribute in node.attribute:
            if attribute.HasField("t") and (attribute.t.external_data or attribute.t.data_location):
                yield f"keeps a constant of {node.op_type} in another file; expected all inside."
