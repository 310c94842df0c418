"""A guard before ONNX files of others: nothing is run that could read a file, take all memory, or call code of its own.

Question answered: may these bytes become a model here? External data (which names files), operators of other domains, control
flow and operators that make tensors of any size are refused, each by name; so is what is too large.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from policyloop.core.errors import BadModel

MAX_BYTES = 100 * 2**20
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
